"""HEIC photos: the picture as the phone shows it where the library for them is installed, one sentence where not."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from PIL import Image

from pix2pix_onthefly.errors import InputError
from pix2pix_onthefly.pictures import opening
from tests.pictures.awkward import exif, heic, quarters, wide_profile, with_alpha
from tests.pictures.made import gradient
from tests.pictures.test_awkward_inputs import corners


def test_without_the_library_the_sentence_names_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    heic(quarters())(tmp_path / "a.heic")
    monkeypatch.setitem(sys.modules, "pillow_heif", None)
    with pytest.raises(InputError) as caught:
        opening.open_picture(tmp_path / "a.heic")
    assert str(caught.value) == (
        f"{tmp_path / 'a.heic'} is an HEIC photo; convert it to JPEG or PNG first, or pip install "
        "'pix2pix-onthefly[heic]'"
    )


def test_the_size_limit_holds_before_decoding(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pillow_heif = pytest.importorskip("pillow_heif")
    heic(gradient(64, 65))(tmp_path / "a.heic")
    assert opening.open_picture(tmp_path / "a.heic").size == (64, 65)
    monkeypatch.setattr(opening, "MAX_PIXELS", 64 * 64)
    monkeypatch.setattr(pillow_heif.HeifImageFile, "load", lambda _: pytest.fail("decoded"))  # pyright: ignore
    with pytest.raises(InputError, match="64x65, more than"):
        opening.open_picture(tmp_path / "a.heic")


def test_opacity_and_bytes(tmp_path: Path) -> None:
    heic(with_alpha("HWKW"))(tmp_path / "a.heic")
    picture = opening.read_picture((tmp_path / "a.heic").read_bytes())
    assert picture.alpha is not None
    assert corners(picture.alpha) == [pytest.approx(level, abs=3) for level in (128, 255, 0, 255)]


@pytest.mark.parametrize(
    ("orientation", "expected", "size"),
    [(1, "RGBW", (48, 32)), (3, "WBGR", (48, 32)), (6, "BRWG", (32, 48)), (8, "GWRB", (32, 48))],
)
def test_a_turned_photo_is_turned_once(tmp_path: Path, orientation: int, expected: str, size: tuple[int, int]) -> None:
    """The file says it twice, in its own way and by EXIF."""
    heic(quarters(), exif=exif(orientation).tobytes())(tmp_path / "a.heic")
    picture = opening.open_picture(tmp_path / "a.heic")
    upright = quarters(expected, size)
    assert picture.size == size
    assert corners(picture) == [pytest.approx(colour, abs=3) for colour in corners(upright)]


def test_a_wide_gamut_is_brought_to_srgb(tmp_path: Path) -> None:
    source = Image.new("RGB", (48, 32), (200, 100, 50))
    source.info["icc_profile"] = wide_profile()
    heic(source)(tmp_path / "a.heic")
    assert opening.open_picture(tmp_path / "a.heic").getpixel((5, 5)) == pytest.approx((216, 93, 24), abs=2)
