"""Draws a scene. The same scene gives the same pixels on every machine."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from .backgrounds import background
from .scenes import Scene, SceneObject
from .sprites import sprite


def object_box(item: SceneObject, side: int) -> tuple[int, int, int]:
    """Left, top and side in whole pixels of the square an object's sprite fills."""
    size = max(8, round(item.size * side))
    return round(item.x * side - size / 2), round(item.y * side - size / 2), size


def _clip(left: int, size: int, side: int) -> tuple[slice, slice]:
    """The part of the picture a sprite covers along one axis, and the part of the sprite that is seen."""
    start, end = max(0, left), min(side, left + size)
    return slice(start, end), slice(start - left, end - left)


def _blend(pixels: NDArray[np.float32], item: SceneObject) -> None:
    side = pixels.shape[0]
    left, top, size = object_box(item, side)
    colour, alpha = sprite(item.kind, item.colour, size)
    columns, sprite_columns = _clip(left, size, side)
    rows, sprite_rows = _clip(top, size, side)
    covered = pixels[rows, columns]
    pixels[rows, columns] = covered * (1 - alpha[sprite_rows, sprite_columns]) + colour[sprite_rows, sprite_columns]


def render_pixels(scene: Scene, side: int = 128) -> NDArray[np.uint8]:
    """The scene as [side, side, 3] uint8 RGB."""
    pixels = background(scene.background, side).copy()
    for item in scene.objects:
        _blend(pixels, item)
    return np.clip(np.round(pixels), 0, 255).astype(np.uint8)


def render(scene: Scene, side: int = 128) -> Image.Image:
    """The scene as a picture of `side` x `side` pixels."""
    return Image.fromarray(render_pixels(scene, side))


def object_mask(item: SceneObject, side: int) -> NDArray[np.float32]:
    """Opacity of one object over the whole picture, [side, side] in 0..1."""
    mask = np.zeros((side, side), dtype=np.float32)
    left, top, size = object_box(item, side)
    _, alpha = sprite(item.kind, item.colour, size)
    columns, sprite_columns = _clip(left, size, side)
    rows, sprite_rows = _clip(top, size, side)
    mask[rows, columns] = alpha[sprite_rows, sprite_columns, 0]
    return mask
