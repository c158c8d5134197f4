"""Pixels of any kind as plain RGB."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pix2pix_onthefly.pictures import opening
from tests.pictures.made import at, gradient, stored


@pytest.mark.parametrize(
    ("mode", "colour", "expected"),
    [
        ("RGB", (10, 20, 30), (10, 20, 30)),
        ("L", 77, (77, 77, 77)),
        ("1", 1, (255, 255, 255)),
        ("1", 0, (0, 0, 0)),
        ("P", (200, 10, 60), (200, 10, 60)),
        ("LA", (100, 255), (100, 100, 100)),
        ("LA", (100, 0), (255, 255, 255)),
        ("RGBA", (0, 0, 0, 0), (255, 255, 255)),
        ("RGBA", (255, 0, 0, 255), (255, 0, 0)),
        ("RGBA", (0, 0, 0, 51), (204, 204, 204)),
        ("I;16", 65535, (255, 255, 255)),
        ("I;16", 32896, (128, 128, 128)),
        ("I;16", 200, (1, 1, 1)),
    ],
)
def test_each_mode_of_png_becomes_rgb(
    tmp_path: Path, mode: str, colour: int | tuple[int, ...], expected: tuple[int, ...]
) -> None:
    if mode == "P":
        source = Image.new("RGB", (5, 4), colour).convert("P", palette=Image.Palette.ADAPTIVE)
    else:
        source = Image.new(mode, (5, 4), colour)
    picture = stored(source, tmp_path / "a.png")
    assert (picture.mode, picture.size, picture.info) == ("RGB", (5, 4), {})
    assert at(picture) == at(picture, 4, 3) == expected


@pytest.mark.parametrize(
    ("mode", "values", "expected"),
    [
        ("I", [0, 32896, 65535, -5], [0, 128, 255, 0]),
        ("I", [0, 100_000, 200_000, -1], [0, 128, 255, 0]),
        ("F", [0.0, 0.5, 1.0, float("nan")], [0, 128, 255, 0]),
        ("F", [0.0, 128.0, 255.0, -3.0], [0, 128, 255, 0]),
    ],
)
def test_deep_grey_is_scaled_to_eight_bits(tmp_path: Path, mode: str, values: list[float], expected: list[int]) -> None:
    source = Image.fromarray(np.array([values], dtype=np.int32 if mode == "I" else np.float32))
    assert source.mode == mode
    for picture in (opening.to_rgb(source), stored(source, tmp_path / "a.tif")):
        assert [at(picture, x) for x in range(4)] == [(value,) * 3 for value in expected]


@pytest.mark.parametrize("mode", ["I;16", "I;16B", "I;16L"])
def test_sixteen_bits_of_either_byte_order(mode: str) -> None:
    source = Image.new(mode, (3, 3), 257 * 40)
    assert at(opening.to_rgb(source)) == (40, 40, 40)


def test_transparent_grey_value_of_sixteen_bits_becomes_white(tmp_path: Path) -> None:
    source = Image.fromarray(np.array([[300, 25700]], dtype=np.uint16))
    picture = stored(source, tmp_path / "a.png", transparency=300)
    assert (at(picture, 0), at(picture, 1)) == ((255, 255, 255), (100, 100, 100))


def test_transparent_colour_of_a_gif_becomes_white(tmp_path: Path) -> None:
    source = Image.new("P", (2, 1))
    source.putpalette([255, 0, 0, 0, 0, 255])
    source.putpixel((1, 0), 1)
    picture = stored(source, tmp_path / "a.gif", transparency=0)
    assert (at(picture, 0), at(picture, 1)) == ((255, 255, 255), (0, 0, 255))


@pytest.mark.parametrize("mode", ["YCbCr", "HSV", "LAB", "RGBX", "RGBa", "La", "PA"])
def test_rare_modes_become_rgb(mode: str) -> None:
    if mode in ("La", "PA"):
        source = Image.new("LA", (4, 4), (50, 255)).convert(mode)
    elif mode == "RGBa":
        source = Image.new("RGBA", (4, 4), (50, 50, 50, 255)).convert(mode)
    elif mode == "LAB":
        source = Image.new("LAB", (4, 4), (50, 128, 128))
    else:
        source = Image.new("RGB", (4, 4), (50, 50, 50)).convert(mode)
    picture = opening.to_rgb(source)
    assert picture.mode == "RGB"
    assert max(at(picture)) - min(at(picture)) <= 3  # all of these are greys
    assert 40 <= at(picture)[0] <= 60


@pytest.mark.parametrize(
    ("orientation", "size", "red_at"),
    [
        (1, (6, 4), (0, 0)),
        (2, (6, 4), (5, 0)),
        (3, (6, 4), (5, 3)),
        (4, (6, 4), (0, 3)),
        (5, (4, 6), (0, 0)),
        (6, (4, 6), (3, 0)),
        (7, (4, 6), (3, 5)),
        (8, (4, 6), (0, 5)),
    ],
)
def test_exif_orientation_is_applied_once(
    tmp_path: Path, orientation: int, size: tuple[int, int], red_at: tuple[int, int]
) -> None:
    source = Image.new("RGB", (6, 4), "white")
    source.putpixel((0, 0), (255, 0, 0))
    exif = Image.Exif()
    exif[0x0112] = orientation
    picture = stored(source, tmp_path / "a.png", exif=exif)
    assert picture.size == size
    assert at(picture, *red_at) == (255, 0, 0)
    assert opening.to_rgb(picture).tobytes() == picture.tobytes()
    with Image.open(tmp_path / "a.png") as opened:
        assert opening.to_rgb(opened).tobytes() == picture.tobytes()


def test_broken_exif_does_not_hide_a_sound_picture(tmp_path: Path) -> None:
    picture = stored(gradient(), tmp_path / "a.png", exif=b"Exif\0\0nonsense")
    assert picture.tobytes() == gradient().tobytes()


def test_to_rgb_does_not_share_pixels() -> None:
    source = gradient()
    opening.to_rgb(source).putpixel((0, 0), (1, 2, 3))
    assert at(source) == at(gradient())
