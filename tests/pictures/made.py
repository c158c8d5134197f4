"""Pictures to test with, written, opened again and looked at."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

from pix2pix_onthefly.pictures import opening


def gradient(width: int = 48, height: int = 32) -> Image.Image:
    rows, columns = np.mgrid[0:height, 0:width]
    pixels = np.stack([columns * 255 / width, rows * 255 / height, (rows + columns) * 2], axis=2)
    return Image.fromarray(pixels.clip(0, 255).astype(np.uint8))


def stored(image: Image.Image, path: Path, **options: object) -> Image.Image:
    """As it comes back from a file."""
    image.save(path, **options)  # pyright: ignore[reportArgumentType]
    return opening.open_picture(path)


def at(image: Image.Image, x: int = 0, y: int = 0) -> tuple[int, ...]:
    pixel = image.getpixel((x, y))
    assert isinstance(pixel, tuple)
    return tuple(int(value) for value in pixel)
