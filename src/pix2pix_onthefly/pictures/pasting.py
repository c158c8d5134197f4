"""An edit put into its picture: where nothing may change, the picture's own pixels, to the byte."""

from __future__ import annotations

from typing import Any

import numpy as np
from PIL import Image, ImageChops, ImageFilter

FEATHER = 1 / 50
"""Width of the soft rim inside a mask, as a share of the picture's longer side."""
UNSEEN = 12.0
"""Levels: so small a change of a pixel that can be seen through is the models' haze around an edit, not the edit."""

_Pixels = np.ndarray[Any, Any]


def pasted(original: Image.Image, edited: Image.Image, weights: Image.Image) -> Image.Image:
    """The edit where the weights are white, the original where they are black, and a mixture between.

    Args:
        original: RGB, or RGBA whose transparency the result keeps.
        edited: RGB, of the same size; over white where the original is RGBA.
        weights: L, of the same size.
    """
    share = np.asarray(weights, dtype=np.float32)[..., None] / 255
    old, new = np.asarray(original), np.asarray(edited, dtype=np.float32)
    if original.mode == "RGBA":
        return Image.fromarray(_seen_through(old, new, share))
    mixed = (old + share * (new - old)).round().clip(0, 255).astype(np.uint8)
    return Image.fromarray(np.where(share == 0, old, mixed))


def _seen_through(old: _Pixels, new: _Pixels, share: _Pixels) -> _Pixels:
    """The mixture with opacity, [height, width, 4]: over white it looks as the edit does, and is no more opaque than
    that takes, so that what could be seen through does not become a white box.

    Args:
        old: straight RGBA.
        new: RGB over white.
        share: of the edit, 0 to 1.
    """
    colours, opacity = old[..., :3].astype(np.float32), old[..., 3:].astype(np.float32)
    white = 255 + (colours - 255) * (opacity / 255)
    change = share * (new - white)
    largest = np.abs(change).max(2, keepdims=True)
    # From nothing at UNSEEN to all of it at twice that, so that no edge shows where it begins to count.
    change = np.where(opacity < 255, change * ((largest - UNSEEN) / UNSEEN).clip(0, 1), change)
    seen = (white + change).round().clip(0, 255)
    least = 255 - seen.min(2, keepdims=True)  # of a colour that lies over white, its darkest channel tells it
    stronger = np.maximum(opacity, least)
    straight = 255 + (seen - 255) * (255 / np.maximum(stronger, 1))
    made = np.concatenate([straight.round().clip(0, 255), stronger], axis=2).astype(np.uint8)
    kept = (share == 0) | (np.abs(seen - white).max(2, keepdims=True) < 1) | (stronger == 0)
    return np.where(kept, old, made)


def feathered(mask: Image.Image) -> Image.Image:
    """A mask, as L, whose edge is soft inwards: black stays black, and the thinnest mask is left as it is."""
    grey = mask.convert("L")
    covered = grey.point([0] + [255] * 255)
    radius = max(1, round(max(grey.size) * FEATHER))
    while radius:
        rim = _rising(covered, radius)
        if np.asarray(rim).max() > 127:
            return ImageChops.multiply(grey, rim)
        radius //= 2
    return grey


def _rising(covered: Image.Image, radius: int) -> Image.Image:
    """From 0 at the edge of what is covered to 255 at `radius` inside it.

    The mean over a square is a half at a straight edge, and grows evenly to one.
    """
    return covered.filter(ImageFilter.BoxBlur(radius)).point([max(0, 2 * level - 255) for level in range(256)])
