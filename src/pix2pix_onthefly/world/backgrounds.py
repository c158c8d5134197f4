"""Draws the backgrounds: seven plain colours with a soft light, seven places."""

from __future__ import annotations

import random
from collections.abc import Callable
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter

_CANVAS = 512
Pixels = NDArray[np.float32]

_PLAIN: dict[str, tuple[int, int, int]] = {
    "white": (244, 244, 242),
    "gray": (150, 152, 156),
    "yellow": (250, 214, 92),
    "green": (110, 190, 120),
    "blue": (88, 148, 226),
    "purple": (160, 118, 212),
    "pink": (248, 176, 204),
}


def _gradient(top: tuple[int, int, int], bottom: tuple[int, int, int], start: float = 0, end: float = 1) -> Image.Image:
    """A vertical gradient over the whole canvas, changing between the two given heights (fractions)."""
    height = np.linspace(0.0, 1.0, _CANVAS)[:, None, None]
    weight = np.clip((height - start) / (end - start), 0.0, 1.0)
    rows = np.asarray(top) * (1 - weight) + np.asarray(bottom) * weight
    return Image.fromarray(np.broadcast_to(rows, (_CANVAS, _CANVAS, 3)).astype(np.uint8))


def _split(upper: Image.Image, lower: Image.Image, horizon: float) -> Image.Image:
    line = round(horizon * _CANVAS)
    upper.paste(lower.crop((0, line, _CANVAS, _CANVAS)), (0, line))
    return upper


def _soft(shape: Callable[[ImageDraw.ImageDraw], None], picture: Image.Image, blur: float) -> Image.Image:
    """Draws a shape on a copy and blends it in with a blurred edge."""
    mask = Image.new("L", picture.size, 0)
    shape(ImageDraw.Draw(mask))
    return Image.composite(
        Image.new("RGB", picture.size, "white"), picture, mask.filter(ImageFilter.GaussianBlur(blur))
    )


def _plain(colour: tuple[int, int, int]) -> Image.Image:
    light = tuple(min(255, round(c * 1.05)) for c in colour)
    shade = tuple(round(c * 0.9) for c in colour)
    return _gradient((light[0], light[1], light[2]), (shade[0], shade[1], shade[2]))


def _table() -> Image.Image:
    wood = _gradient((176, 116, 66), (140, 86, 44), 0.5, 1.0)
    draw = ImageDraw.Draw(wood)
    for row in range(4):
        draw.line((0, 310 + row * 58, _CANVAS, 310 + row * 58), fill=(112, 66, 32), width=6)
    return _split(_gradient((242, 232, 216), (226, 210, 188)), wood, 0.5)


def _field() -> Image.Image:
    return _split(
        _gradient((112, 180, 238), (206, 232, 250), 0, 0.55), _gradient((120, 190, 70), (58, 138, 44), 0.55), 0.55
    )


def _beach() -> Image.Image:
    sea = _split(
        _gradient((120, 200, 244), (196, 232, 248), 0, 0.4), _gradient((36, 140, 180), (60, 176, 196), 0.4, 0.6), 0.4
    )
    return _split(sea, _gradient((246, 224, 160), (232, 200, 124), 0.6), 0.6)


def _snow() -> Image.Image:
    picture = _split(
        _gradient((158, 176, 200), (204, 216, 230), 0, 0.55), _gradient((250, 252, 255), (222, 232, 246), 0.55), 0.55
    )
    rng = random.Random(3)

    def flakes(draw: ImageDraw.ImageDraw) -> None:
        for _ in range(40):
            x, y, r = rng.uniform(0, _CANVAS), rng.uniform(0, 0.55 * _CANVAS), rng.uniform(4, 8)
            draw.ellipse((x - r, y - r, x + r, y + r), fill=230)

    return _soft(flakes, picture, 1.5)


def _night() -> Image.Image:
    picture = _gradient((12, 16, 48), (44, 40, 96))
    rng = random.Random(5)

    def stars(draw: ImageDraw.ImageDraw) -> None:
        for _ in range(45):
            x, y, r = rng.uniform(0, _CANVAS), rng.uniform(0, _CANVAS), rng.uniform(3, 6)
            draw.ellipse((x - r, y - r, x + r, y + r), fill=235)
        draw.ellipse((410, 30, 480, 100), fill=245)

    return _soft(stars, picture, 1.5)


def _sky() -> Image.Image:
    def clouds(draw: ImageDraw.ImageDraw) -> None:
        for x, y, r in (
            (70, 90, 46),
            (130, 76, 58),
            (190, 96, 42),
            (400, 170, 50),
            (460, 160, 44),
            (90, 400, 50),
            (150, 416, 40),
            (360, 430, 46),
            (430, 418, 60),
            (490, 440, 40),
        ):
            draw.ellipse((x - r, y - 0.6 * r, x + r, y + 0.6 * r), fill=235)

    return _soft(clouds, _gradient((82, 158, 236), (162, 208, 248)), 10)


def _desert() -> Image.Image:
    picture = _split(
        _gradient((250, 196, 120), (252, 228, 176), 0, 0.55), _gradient((226, 162, 84), (196, 124, 60), 0.55), 0.55
    )
    ImageDraw.Draw(picture).polygon(((0, 282), (120, 232), (270, 282)), fill=(206, 140, 76))
    ImageDraw.Draw(picture).polygon(((280, 282), (420, 216), (512, 260), (512, 282)), fill=(206, 140, 76))
    return picture


_PLACES: dict[str, Callable[[], Image.Image]] = {
    "table": _table,
    "field": _field,
    "beach": _beach,
    "snow": _snow,
    "night": _night,
    "sky": _sky,
    "desert": _desert,
}


@lru_cache(maxsize=64)
def background(word: str, side: int) -> Pixels:
    """The background as [side, side, 3] float32 in 0..255. The array is shared: copy before drawing on it."""
    picture = _PLACES[word]() if word in _PLACES else _plain(_PLAIN[word])
    pixels = np.asarray(picture.resize((side, side), Image.Resampling.LANCZOS), dtype=np.float32)
    pixels.setflags(write=False)
    return pixels
