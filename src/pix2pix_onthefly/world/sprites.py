"""The sprite sheet: one transparent drawing a kind, painted in the asked colour."""

from __future__ import annotations

from functools import lru_cache
from importlib.resources import files

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from .vocabulary import COLOURS, KINDS, Colour

SPRITE_SIDE = 112
SHEET_COLUMNS = 8
_VIVID = 0.95


@lru_cache(maxsize=1)
def _sheet() -> Image.Image:
    with files(__name__.rpartition(".")[0]).joinpath("assets", "sprites.png").open("rb") as stream:
        return Image.open(stream).convert("RGBA")


def sheet_box(index: int) -> tuple[int, int, int, int]:
    """Where the sprite of the index-th kind lies on the sheet: left, top, right, bottom in pixels."""
    row, column = divmod(index, SHEET_COLUMNS)
    left, top = column * SPRITE_SIDE, row * SPRITE_SIDE
    return left, top, left + SPRITE_SIDE, top + SPRITE_SIDE


def _paint(sprite: Image.Image, window: tuple[float, float], colour: Colour) -> Image.Image:
    """Sets the hue of the saturated pixels inside the hue window; shading is kept."""
    hsv = np.asarray(sprite.convert("RGB").convert("HSV"), dtype=np.float64) / 255.0
    alpha = np.asarray(sprite)[..., 3]
    start, end = window
    inside = (hsv[..., 0] * 360.0 - start) % 360.0 <= (end - start) % 360.0
    painted = inside & (hsv[..., 1] > 0.12) & (alpha > 0)
    saturation, brightness = hsv[..., 1], hsv[..., 2]
    vivid_saturation = np.clip(saturation * _VIVID / np.quantile(saturation[painted], 0.8), 0.0, 1.0)
    vivid_brightness = np.clip(brightness * _VIVID / np.quantile(brightness[painted], 0.8), 0.0, 1.0)
    hsv[..., 0] = np.where(painted, colour.hue / 360.0, hsv[..., 0])
    hsv[..., 1] = np.where(painted, np.clip(vivid_saturation * colour.saturation, 0, 1), saturation)
    hsv[..., 2] = np.where(painted, np.clip(vivid_brightness * colour.brightness, 0, 1), brightness)
    rgb = Image.fromarray(np.round(hsv * 255.0).astype(np.uint8), "HSV").convert("RGB")
    rgb.putalpha(sprite.getchannel("A"))
    return rgb


@lru_cache(maxsize=256)
def full_sprite(kind: str, colour: str | None) -> Image.Image:
    """The sprite at the sheet's own resolution, RGBA."""
    sprite = _sheet().crop(sheet_box(list(KINDS).index(kind)))
    window = KINDS[kind].hue_window
    if window is None or colour is None:
        return sprite
    return _paint(sprite, window, COLOURS[colour])


@lru_cache(maxsize=8192)
def sprite(kind: str, colour: str | None, side: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """The sprite at `side` pixels: premultiplied colour [side, side, 3] in 0..255, opacity [side, side, 1] in 0..1.

    Resizing with premultiplied colour keeps the transparent surroundings from bleeding into the edge.
    """
    rgba = np.asarray(full_sprite(kind, colour), dtype=np.float32)
    alpha = rgba[..., 3:] / 255.0
    channels = np.concatenate([rgba[..., :3] * alpha, alpha * 255.0], axis=-1)
    planes = [
        Image.fromarray(channels[..., i]).resize(
            (side, side), Image.Resampling.BOX if side == SPRITE_SIDE else Image.Resampling.LANCZOS
        )
        for i in range(4)
    ]
    resized = np.clip(np.stack([np.asarray(plane) for plane in planes], axis=-1), 0.0, 255.0, dtype=np.float32)
    return resized[..., :3], resized[..., 3:] / np.float32(255.0)
