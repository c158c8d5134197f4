"""Pictures at the size that a model works on, as tensors and back, and how well two of them agree."""

from __future__ import annotations

import math

import numpy as np
import torch
from PIL import Image

from ..errors import InputError
from .opening import to_rgb

MAX_ASPECT = 8
PSNR_CAP = 99.0


def fit(image: Image.Image, long_side: int, multiple: int = 8) -> Image.Image:
    """Scales a picture, up or down, to a long side of `long_side`, keeping the aspect.

    Both sides are rounded to multiples of `multiple`, at least four of them.

    Raises:
        InputError: longer than `MAX_ASPECT` times its breadth.
    """
    image = as_rgb(image)
    width, height = image.size
    if max(width, height) > MAX_ASPECT * min(width, height):
        raise InputError(f"the picture is {width}x{height}, narrower than 1:{MAX_ASPECT}; crop it first")
    scale = long_side / max(width, height) / multiple
    size = (max(4, round(width * scale)) * multiple, max(4, round(height * scale)) * multiple)
    return image.resize(size, Image.Resampling.LANCZOS)


def restore(image: Image.Image, size: tuple[int, int]) -> Image.Image:
    """The edited picture scaled back to `size` (width, height)."""
    return as_rgb(image).resize(size, Image.Resampling.LANCZOS)


def as_rgb(image: Image.Image) -> Image.Image:
    """The picture itself if it is RGB, else a plain RGB copy."""
    return image if image.mode == "RGB" else to_rgb(image)


def to_tensor(image: Image.Image) -> torch.Tensor:
    """Pixels as [1, 3, height, width], float32 in -1..1."""
    pixels = torch.from_numpy(np.array(as_rgb(image), dtype=np.float32))
    return (pixels / 127.5 - 1.0).permute(2, 0, 1).unsqueeze(0).contiguous()


def to_image(tensor: torch.Tensor) -> Image.Image:
    """The first picture of a batch [batch, 3, height, width] in -1..1; values beyond are clamped."""
    pixels = tensor[0].detach().to("cpu", torch.float32).permute(1, 2, 0)
    return Image.fromarray(((pixels + 1.0) * 127.5).round().clamp(0, 255).to(torch.uint8).numpy())


def psnr(a: Image.Image, b: Image.Image) -> float:
    """Agreement of two pictures of one size in dB, at most `PSNR_CAP`.

    Raises:
        ValueError: the sizes differ.
    """
    if a.size != b.size:
        raise ValueError(f"pictures of {a.size} and {b.size} cannot be compared")
    difference = np.asarray(as_rgb(a), dtype=np.float32) - np.asarray(as_rgb(b), dtype=np.float32)
    error = float(np.mean(np.square(difference), dtype=np.float64))
    return PSNR_CAP if error == 0 else min(PSNR_CAP, 10 * math.log10(255**2 / error))
