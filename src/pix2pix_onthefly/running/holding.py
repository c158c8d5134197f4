"""What an edit is held to: the region that it may change, over the cells of its latents and over its pixels."""

from __future__ import annotations

import numpy as np
import torch.nn.functional as F
from jaxtyping import Float
from PIL import Image
from torch import Tensor

from ..methods.regions import both, found_region, merged
from ..pictures.fitting import to_tensor
from ..pictures.pasting import feathered
from ..records import Case, Edited


def allowed_cells(mask: Image.Image, latents: Float[Tensor, "1 channels h w"]) -> Float[Tensor, "1 1 h w"]:
    """The cells of latents that a user's mask lets change: all that it touches."""
    height, width = latents.shape[-2:]
    white = (to_tensor(mask)[:, :1] > -1).float()
    return F.adaptive_max_pool2d(white, (height, width)).to(latents)


def held(edited: Edited, case: Case, keep: str) -> Edited:
    """An edit with its region, found here if the method found none, and with the picture's own latents outside it.

    Args:
        keep: `off` looks for no region; the user's mask counts all the same.
    """
    if isinstance(edited.made, Image.Image):  # of a method that works on no latents of ours
        return edited
    found = edited.mask
    if keep == "off":
        found = None
    elif found is None:
        found = found_region(edited.made - case.latents)
    region = both(found, case.allowed)
    return Edited(merged(case.latents, edited.made, region), edited.unedited, region)


def pixel_weights(
    region: Float[Tensor, "1 1 h w"] | None, mask: Image.Image | None, size: tuple[int, int]
) -> Image.Image | None:
    """How much of the edit each pixel takes, as L: nothing (0) outside the region and the user's mask.

    Args:
        region: over cells of latents; None for everywhere.
        mask: the user's, of that size.
        size: width and height.
    """
    width, height = size
    weights = None
    if region is not None:
        smooth = F.interpolate(region.float().cpu(), size=(height, width), mode="bilinear", align_corners=False)
        weights = (smooth[0, 0] * 255).round().clamp(0, 255).numpy().astype(np.uint8)
    if mask is not None:
        soft = np.asarray(feathered(mask))
        weights = soft if weights is None else np.minimum(weights, soft)
    return None if weights is None else Image.fromarray(weights)
