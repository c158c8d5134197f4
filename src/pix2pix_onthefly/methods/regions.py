"""Where a picture changes, as masks over the cells of its latents: found from a change, grown, and applied."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

THRESHOLD = 0.5
"""Of Otsu's threshold. All of it loses new backgrounds, which change less than new objects do (docs/log.md)."""
_LEVELS = 256
_NOTHING = 1e-6


def found_region(
    change: Float[Tensor, "1 channels h w"], share: float = THRESHOLD, grown: int = 1
) -> Float[Tensor, "1 1 h w"]:
    """The cells in which latents differ: 1 there, 0 elsewhere.

    The root mean square over channels, smoothed over 3x3 cells, above a share of its Otsu threshold, grown by some
    cells. A change that is the same everywhere is a change everywhere; none at all is a region of nothing.
    """
    strength = smoothed(change.square().mean(1, keepdim=True).sqrt())
    if float(strength.max()) < _NOTHING:
        return torch.zeros_like(strength)
    return grow((strength > share * otsu_threshold(strength)).to(change), grown)


def smoothed(values: Float[Tensor, "1 1 h w"]) -> Float[Tensor, "1 1 h w"]:
    """The mean over 3x3 cells; at the rim over those that there are."""
    return F.avg_pool2d(values, 3, stride=1, padding=1, count_include_pad=False)


def grow(region: Float[Tensor, "1 1 h w"], cells: int) -> Float[Tensor, "1 1 h w"]:
    """A region with a rim of so many cells more."""
    return F.max_pool2d(region, 2 * cells + 1, stride=1, padding=cells) if cells else region


def otsu_threshold(values: Tensor) -> float:
    """The level that parts values into two classes with the largest variance between them (Otsu 1979).

    Where all values are the same it lies just below them, so that all of them are above it.
    """
    low, high = float(values.min()), float(values.max())
    if high - low < _NOTHING:
        return low - _NOTHING
    counts = torch.histc(values.float().flatten(), _LEVELS, low, high).double()
    centres = torch.linspace(low, high, 2 * _LEVELS + 1, dtype=torch.float64, device=values.device)[1::2]
    below, total = counts.cumsum(0), counts.sum()
    mean_below, mean = (counts * centres).cumsum(0), (counts * centres).sum()
    between = (mean * below - total * mean_below).square() / (below * (total - below)).clamp(min=1)
    return float(centres[int(between.argmax())])


def merged(
    source: Float[Tensor, "rows channels h w"],
    edited: Float[Tensor, "rows channels h w"],
    region: Float[Tensor, "rows 1 h w"] | None,
) -> Float[Tensor, "rows channels h w"]:
    """The edit inside a region, the source outside; the edit everywhere where there is no region."""
    return edited if region is None else source + region * (edited - source)


def both(*regions: Float[Tensor, "1 1 h w"] | None) -> Float[Tensor, "1 1 h w"] | None:
    """What lies in all regions; None, which is everywhere, where there are none."""
    known = [region for region in regions if region is not None]
    return None if not known else torch.stack(known).amin(0)
