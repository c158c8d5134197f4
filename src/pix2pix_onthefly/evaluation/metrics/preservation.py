"""What an edit of the world may change, and how well a picture kept the rest."""

from __future__ import annotations

import math

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from ...pictures.fitting import PSNR_CAP
from ...world.instructions import Edit
from ...world.judge import LEFT, RIGHT, Region
from ...world.renderer import object_mask, render_pixels
from ...world.scenes import SceneObject

Mask = NDArray[np.bool_]
Pixels = NDArray[np.uint8]

_MARGIN = 1 / 32
"""About an object's box, as a fraction of the picture's side."""
_OPAQUE, _FAINT = 0.98, 0.1
"""From the first opacity on, resized objects hide the background; below the second they are hardly seen."""
_WINDOW = 7
_STABILISERS = (0.01 * 255) ** 2, (0.03 * 255) ** 2


def changed_objects(edit: Edit) -> tuple[SceneObject, ...]:
    """Objects of the source that are gone and objects of the target that are new."""
    both = (*edit.source.objects, *edit.target.objects)
    return tuple(item for item in both if (item in edit.source.objects) != (item in edit.target.objects))


def slot_of(item: SceneObject) -> Region:
    """Where an object may be that stands beside another."""
    return RIGHT if item.x > 0.5 else LEFT


def edit_mask(edit: Edit, side: int) -> Mask:
    """True where the edit may change the picture, [side, side].

    For a background that is all but the opaque pixels of the objects. Otherwise it is the box of the changed object,
    old and new, with a margin, without the pixels of an object that stays. An added object may be anywhere in its slot,
    because no instruction says where.
    """
    if edit.type == "background":
        opacities = [object_mask(item, side) for item in edit.source.objects]
        return np.logical_and.reduce([opacity < _OPAQUE for opacity in opacities])
    changes = (render_pixels(edit.source, side) != render_pixels(edit.target, side)).any(-1)
    return changes | _boxes(edit, side)


def _boxes(edit: Edit, side: int) -> Mask:
    mask = np.zeros((side, side), dtype=np.bool_)
    for item in changed_objects(edit):
        box = slot_of(item).box if edit.type == "add" else Region.around(item, 0).box
        margin = 0 if edit.type == "add" else _MARGIN
        left, top = (max(0, math.floor((edge - margin) * side)) for edge in box[:2])
        right, bottom = (math.ceil((edge + margin) * side) for edge in box[2:])
        mask[top:bottom, left:right] = True
    for item in edit.source.objects:
        if item in edit.target.objects:
            mask &= object_mask(item, side) < _FAINT
    return mask


def outside_psnr(picture: Pixels, source: Pixels, mask: Mask) -> float:
    """Agreement in dB of two pictures [height, width, 3] where the mask is False, at most `PSNR_CAP`.

    Raises:
        ValueError: the mask leaves nothing to compare.
    """
    _require_rest(mask)
    difference = picture[~mask].astype(np.float64) - source[~mask]
    error = float(np.square(difference).mean())
    return PSNR_CAP if error == 0 else min(PSNR_CAP, 10 * math.log10(255**2 / error))


def outside_ssim(picture: Pixels, source: Pixels, mask: Mask) -> float:
    """Structural similarity of two pictures [height, width, 3] where the mask is False (Wang et al. 2004).

    Means and variances are those of the unmasked pixels in a window of 7x7 pixels, so that the edit itself does not
    count; the similarities of all unmasked pixels and channels are averaged.

    Raises:
        ValueError: the mask leaves nothing to compare.
    """
    _require_rest(mask)
    rest = (~mask).astype(np.float64)[..., None]
    counts = np.maximum(_window_sums(rest), 1)
    x, y = picture * rest, source * rest
    mean_x, mean_y = _window_sums(x) / counts, _window_sums(y) / counts
    variances = (_window_sums(x * x) + _window_sums(y * y)) / counts - mean_x**2 - mean_y**2
    covariance = _window_sums(x * y) / counts - mean_x * mean_y
    small_mean, small_variance = _STABILISERS
    likeness = (2 * mean_x * mean_y + small_mean) * (2 * covariance + small_variance)
    likeness /= (mean_x**2 + mean_y**2 + small_mean) * (variances + small_variance)
    return float(likeness[~mask].mean())


def _window_sums(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Sums over the window around each pixel; beyond the edge lies nothing."""
    reach = _WINDOW // 2
    for axis in (0, 1):
        padding = [(reach, reach) if index == axis else (0, 0) for index in range(values.ndim)]
        values = sliding_window_view(np.pad(values, padding), _WINDOW, axis=axis).sum(-1)
    return values


def _require_rest(mask: Mask) -> None:
    if mask.all():
        raise ValueError("the mask covers the whole picture; there is nothing outside to compare")
