"""An edit put into its picture: where nothing may change, the picture's own pixels, to the byte."""

from __future__ import annotations

import numpy as np
from PIL import Image, ImageChops, ImageFilter

FEATHER = 1 / 200
"""Width of the soft rim inside a mask, as a share of the picture's longer side."""


def pasted(original: Image.Image, edited: Image.Image, weights: Image.Image) -> Image.Image:
    """The edit where the weights are white, the original where they are black, and a mixture between.

    Args:
        original: RGB.
        edited: RGB, of the same size.
        weights: L, of the same size.
    """
    share = np.asarray(weights, dtype=np.float32)[..., None] / 255
    old, new = (np.asarray(image, dtype=np.float32) for image in (original, edited))
    mixed = (old + share * (new - old)).round().clip(0, 255).astype(np.uint8)
    return Image.fromarray(np.where(share == 0, np.asarray(original), mixed))


def feathered(mask: Image.Image) -> Image.Image:
    """A mask, as L, whose edge is soft inwards: black stays black."""
    grey = mask.convert("L")
    radius = max(1, round(max(grey.size) * FEATHER))
    inner = grey.filter(ImageFilter.MinFilter(2 * radius + 1)).filter(ImageFilter.GaussianBlur(radius / 2))
    return ImageChops.darker(inner, grey)
