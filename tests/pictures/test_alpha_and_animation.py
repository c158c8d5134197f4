"""The opacity of a picture, and that an animation was taken for its first frame."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from pix2pix_onthefly.pictures import opening
from tests.pictures import awkward
from tests.pictures.awkward import animation, encoded, exif, gif, png, png_chunk, quarters, saved, with_alpha


def corners_of(alpha: Image.Image | None) -> list[Any]:
    assert alpha is not None
    right, bottom = alpha.width - 1, alpha.height - 1
    return [alpha.getpixel(place) for place in ((0, 0), (right, 0), (0, bottom), (right, bottom))]


def test_the_opacity_of_a_picture(tmp_path: Path) -> None:
    with_alpha("HWKW").save(tmp_path / "a.png")
    alpha = opening.alpha_of(tmp_path / "a.png")
    assert corners_of(alpha) == [128, 255, 0, 255]
    assert alpha is not None
    assert (alpha.mode, alpha.size, alpha.info) == ("L", (48, 32), {})


def test_the_opacity_is_turned_upright_with_its_picture() -> None:
    data = encoded(with_alpha("HWKW"), "PNG", exif=exif(6))
    picture = opening.read_picture(data)
    assert picture.alpha is not None
    assert picture.image.size == picture.alpha.size == (32, 48)
    assert corners_of(picture.alpha) == [0, 128, 255, 255]


def test_the_opacity_of_palettes_and_of_single_colours(tmp_path: Path) -> None:
    awkward.see_through_palette(tmp_path / "a.png")
    assert corners_of(opening.alpha_of(tmp_path / "a.png")) == [128, 255, 0, 255]
    assert corners_of(opening.alpha_of(awkward.four_bit_grey())) == [0, 255, 255, 255]
    assert corners_of(opening.alpha_of(awkward.sixteen_bit_colours())) == [255, 0, 255, 255]


def test_the_opacity_of_deep_grey() -> None:
    """Level 500 of 65535 is transparent: white in the picture."""
    rows = b"\0" + struct.pack(">2H", 500, 501) + b"\0" + struct.pack(">2H", 0, 65535)
    data = png((2, 2, 16, 0, 0, 0, 0), rows, png_chunk(b"tRNS", struct.pack(">H", 500)))
    picture = opening.read_picture(data)
    assert corners_of(picture.alpha) == [0, 255, 255, 255]
    assert corners_of(picture.image) == [(255,) * 3, (2,) * 3, (0,) * 3, (255,) * 3]


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "TIFF"])
def test_no_transparency_is_no_opacity(kind: str) -> None:
    assert opening.alpha_of(encoded(quarters(), kind)) is None


@pytest.mark.parametrize("name", ["moving.gif", "moving.webp", "moving.png"])
def test_an_animation_says_that_its_first_frame_was_taken(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    (animation(lossless=True) if name.endswith("webp") else animation())(path)
    picture = opening.read_picture(path)
    assert picture.warnings == (f"{path} is animated; its first frame was taken",)
    assert np.abs(np.asarray(picture.image).astype(int) - np.asarray(quarters())).max() <= 2
    assert opening.read_picture(path.read_bytes()).warnings == (
        "what was given is animated; its first frame was taken",
    )


@pytest.mark.parametrize("name", ["still.gif", "still.webp", "still.png", "pages.tif", "stereo.mpo"])
def test_a_still_picture_says_nothing(tmp_path: Path, name: str) -> None:
    make = saved() if name.startswith("still") else animation()
    make(tmp_path / name)
    assert opening.read_picture(tmp_path / name).warnings == ()


def test_a_broken_second_frame_does_not_matter() -> None:
    data = gif((8, 8), (8, 8))
    assert data.endswith(b";")
    picture = opening.read_picture(data[:-1] + b",\x01\x02")
    assert picture.image.getpixel((0, 0)) == (255, 0, 0)
