"""An edit put into its picture: where nothing may change, the picture's own pixels, to the byte."""

from __future__ import annotations

from typing import Any

import numpy as np
from PIL import Image, ImageChops, ImageFilter

FEATHER = 1 / 50
"""Width of the soft rim inside a mask, as a share of the picture's longer side."""
UNSEEN = 12.0
"""Levels: so small a change of a pixel that is nearly opaque is the models' haze around an edit, not the edit."""
HAZE = 40.0
"""Levels: the same where there was nothing. Models draw white surroundings up to 35 levels too dark, unevenly."""
SOLID = 128.0
"""Levels below white from which something new over nothing is opaque, in its middle."""
_NEAR = 9
"""Side in pixels of the square in which the strongest pixel tells how opaque the others are."""

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
    """The mixture with opacity, [height, width, 4]: over white it looks as the edit does, and what could be seen
    through does not become a white box: haze is left out, what is new is opaque in its middle and soft at its edge.

    Args:
        old: straight RGBA.
        new: RGB over white.
        share: of the edit, 0 to 1.
    """
    colours, opacity = old[..., :3].astype(np.float32), old[..., 3:].astype(np.float32)
    white = 255 + (colours - 255) * (opacity / 255)
    change = share * (new - white)
    largest = np.abs(change).max(2, keepdims=True)
    unseen = HAZE + (UNSEEN - HAZE) * (opacity / 255)
    # From nothing at `unseen` to all of it at twice that, so that no edge shows where it begins to count.
    change = np.where(opacity < 255, change * ((largest - unseen) / unseen).clip(0, 1), change)
    seen = (white + change).round().clip(0, 255)
    least = 255 - seen.min(2, keepdims=True)  # of a colour that lies over white, its darkest channel tells it
    stronger = np.where(opacity < least, _opacity_of(least), opacity)
    straight = 255 + (seen - 255) * (255 / np.maximum(stronger, 1))
    made = np.concatenate([straight.round().clip(0, 255), stronger], axis=2).astype(np.uint8)
    kept = (share == 0) | (np.abs(seen - white).max(2, keepdims=True) < 1) | (stronger == 0)
    return np.where(kept, old, made)


def _opacity_of(least: _Pixels) -> _Pixels:
    """Opacity of what is new over white, [height, width, 1] in levels, at least `least`.

    Of the strongest pixel near another one it tells how much is the softness of an edge, and not a pale colour.
    """
    near = ImageFilter.MaxFilter(_NEAR)
    strongest = np.asarray(Image.fromarray(least[..., 0].astype(np.uint8)).filter(near), dtype=np.float32)[..., None]
    return (255 * least / np.maximum(strongest, SOLID)).clip(least, 255)


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
