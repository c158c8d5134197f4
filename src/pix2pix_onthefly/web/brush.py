"""The user's mask, painted with a brush."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from PIL import Image, ImageChops

PAINTED = 8
"""Opacity from which a pixel counts as painted."""


def painted_mask(drawn: Mapping[str, Any] | None, size: tuple[int, int]) -> Image.Image | None:
    """What was painted, L of a size, white where something may change; None where nothing was.

    Args:
        drawn: of an image editor: `layers`, each RGBA.
    """
    whole: Image.Image | None = None
    for layer in (drawn or {}).get("layers") or ():
        painted = layer.convert("RGBA").getchannel("A").point([0] * PAINTED + [255] * (256 - PAINTED))
        painted = painted if painted.size == size else painted.resize(size, Image.Resampling.NEAREST)
        whole = painted if whole is None else ImageChops.lighter(whole, painted)
    return None if whole is None or whole.getbbox() is None else whole
