"""Numpy arrays and torch tensors as pictures: which axis holds the channels, and what their numbers mean."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

from ..errors import InputError

if TYPE_CHECKING:
    from torch import Tensor

    Array = np.ndarray[Any, Any]

_CHANNELS = (1, 3, 4)
_ROUNDING = 1e-3
"""How far beyond 0..1 floating point may be: half precision and resampling by others leave as much."""
_TAKEN = "[height, width, 3], with 4 for opacity or without channels for grey"


def image_of_array(array: Array, most_pixels: int) -> Image.Image:
    """An array [height, width, 3 or 4] or [height, width] as a picture; uint8, or floating point in 0..1.

    Args:
        array: the pixels; a batch of one and a single channel are taken as well.
        most_pixels: more than these are refused before anything is copied.

    Raises:
        InputError: another shape, another type, or values out of range.
    """
    pixels = _single(array, "array")
    if pixels.ndim != 2 and not (pixels.ndim == 3 and pixels.shape[2] in _CHANNELS):
        hint = " (transpose(1, 2, 0) moves channels last)" if pixels.ndim == 3 and pixels.shape[0] in _CHANNELS else ""
        raise InputError(f"an array of shape {list(array.shape)} is not a picture; give {_TAKEN}{hint}")
    return _image(pixels, "array", most_pixels)


def image_of_tensor(tensor: Tensor, most_pixels: int) -> Image.Image:
    """A tensor [3, height, width], or of any shape that `image_of_array` takes, as a picture.

    Raises:
        InputError: as of `image_of_array`; or the channels could be first and last.
    """
    pixels = _single(_as_array(tensor), "tensor")
    shape = list(tensor.shape)
    first = pixels.ndim == 3 and pixels.shape[0] in _CHANNELS
    last = pixels.ndim == 3 and pixels.shape[2] in _CHANNELS
    if first and last:
        raise InputError(
            f"a tensor of shape {shape} is ambiguous: its channels could come first or last; make a PIL image of it"
        )
    if pixels.ndim != 2 and not first and not last:
        raise InputError(f"a tensor of shape {shape} is not a picture; give [3, height, width] or {_TAKEN}")
    return _image(pixels.transpose(1, 2, 0) if first else pixels, "tensor", most_pixels)


def _as_array(tensor: Tensor) -> Array:
    try:
        own = tensor.detach().cpu()
        return (own.float() if own.is_floating_point() else own).numpy()  # numpy has no bfloat16
    except (RuntimeError, TypeError, NotImplementedError) as error:  # on the meta device, sparse, quantised
        raise InputError(f"this tensor's values cannot be read ({error}); give a plain one on the CPU") from error


def _single(pixels: Array, kind: str) -> Array:
    """The picture of a batch of one."""
    if pixels.ndim != 4:
        return pixels
    if len(pixels) != 1:
        raise InputError(f"this {kind} is a batch of {len(pixels)}; give one picture at a time, such as {kind}[0]")
    return pixels[0]


def _image(pixels: Array, kind: str, most_pixels: int) -> Image.Image:
    """From [height, width] or [height, width, channels]."""
    height, width = pixels.shape[:2]
    if height * width == 0:
        raise InputError(f"this {kind} has no pixels ({width}x{height}); give another picture")
    if height * width > most_pixels:
        size = f"{width}x{height}, more than {most_pixels // 10**6} megapixels"
        raise InputError(f"this {kind} is {size}; scale it down first")
    if pixels.ndim == 3 and pixels.shape[2] == 1:
        pixels = pixels[:, :, 0]
    return Image.fromarray(np.ascontiguousarray(_eight_bit(pixels, kind)))


def _eight_bit(pixels: Array, kind: str) -> Array:
    if pixels.dtype == np.uint8:
        return pixels
    if not np.issubdtype(pixels.dtype, np.floating):
        raise InputError(f"this {kind} holds {pixels.dtype}; give uint8 in 0..255, or floating point in 0..1")
    low, high = float(pixels.min()), float(pixels.max())
    if not np.isfinite([low, high]).all():
        raise InputError(f"this {kind} holds values that are no finite numbers; give floating point in 0..1")
    if low < -_ROUNDING or high > 1 + _ROUNDING:
        found = f"values from {low:.4g} to {high:.4g}"
        raise InputError(f"this {kind} holds {found}; bring them to 0..1{_likely_cure(low, high)}")
    return (pixels.astype(np.float32) * 255.0).round().clip(0, 255).astype(np.uint8)


def _likely_cure(low: float, high: float) -> str:
    if low >= -1 - _ROUNDING and high <= 1 + _ROUNDING:
        return ", perhaps by (x + 1) / 2"
    return ", perhaps by x / 255" if low >= 0 and high <= 255 else ""
