"""Pictures: opening, fitting, tensors."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from pix2pix_onthefly.errors import InputError
from pix2pix_onthefly.pictures import fitting, opening, saving
from tests.pictures.awkward import half, png_header
from tests.pictures.made import at, gradient, stored

RECIPE: dict[str, object] = {
    "instruction": "make it a Füchsin 狐\nplease",
    "caption": "a cat",
    "options": {"steps": 100, "guidance_scale": 5.0, "seed": 0},
    "family": "mini",
    "replies": ["line\nbreak", 'quote "x"'],
}

# ---- opening


@pytest.mark.parametrize("name", ["a.bmp", "a.tif", "a.ppm", "a.webp"])
def test_other_formats(tmp_path: Path, name: str) -> None:
    picture = stored(gradient(), tmp_path / name, lossless=True)
    assert picture.tobytes() == gradient().tobytes()


# ---- files that cannot be opened


def _below_a_file(folder: Path) -> Path:
    (folder / "file").write_bytes(b"x")
    return folder / "file" / "a.png"


def _no_rows(folder: Path) -> Path:
    (folder / "a.png").write_bytes(png_header(20, 20))
    return folder / "a.png"


def _cut(kind: str) -> Callable[[Path], Path]:
    def make(folder: Path) -> Path:
        half(kind)(folder / "a")
        return folder / "a"

    return make


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (_below_a_file, "there is no file"),
        (_cut("GIF"), "is broken"),
        (_cut("WEBP"), "is broken"),
        (_cut("TIFF"), "is broken"),
        (_no_rows, "is broken"),
        (lambda folder: folder, "is a folder"),
        (lambda folder: folder / "a\0b.png", "leads to no file"),
    ],
)
def test_files_that_are_no_use(tmp_path: Path, make: Callable[[Path], Path], says: str) -> None:
    path = make(tmp_path)
    for use in (opening.open_picture, saving.read_recipe):
        if use is saving.read_recipe and "broken" in says:
            continue  # it does not decode
        with pytest.raises(InputError, match=says) as caught:
            use(path)
        assert "; " in str(caught.value)  # what is wrong; what to do
        assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("begins", "says"),
    [
        (b"<svg width='9'", "an SVG drawing; export"),
        (b"<html><head>", "a web page"),
        (b"\xc5\xd0\xd3\xc6", "a PostScript drawing; export"),
        (b"\0\0\0\x18ftypcrx \0\0\0\1crx isom", "a camera's raw file; develop"),
        (b"II*\0\x10\0\0\0CR\2\0", "a camera's raw file; develop"),
        (b"\0\0\0\x20ftypisom\0\0\2\0isomiso2", "a video; save one of its frames"),
        (b"\xff\x0a\xfa\x1f", "a JPEG XL picture; convert"),
        (b"\0\0\0\x0cJXL \r\n\x87\n", "a JPEG XL picture; convert"),
        (b"8BPS\0\1", "an image editor's own file; export"),
    ],
)
def test_what_cannot_be_edited_is_called_by_its_name(tmp_path: Path, begins: bytes, says: str) -> None:
    (tmp_path / "a.png").write_bytes(begins + bytes(500))
    with pytest.raises(InputError, match=says):
        opening.open_picture(tmp_path / "a.png")


# just above the limit, where Pillow would only warn, and where it would refuse by itself
@pytest.mark.parametrize("size", [(10_000, 5_001), (12_000, 12_000), (30_000, 30_000)])
@pytest.mark.filterwarnings("error")
def test_a_huge_picture_is_refused_by_its_header(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, size: tuple[int, int]
) -> None:
    (tmp_path / "a.png").write_bytes(png_header(*size))
    monkeypatch.setattr("PIL.ImageFile.ImageFile.load", lambda self: pytest.fail("decoded"))  # pyright: ignore
    with pytest.raises(InputError, match="50 megapixels; scale it down"):
        opening.open_picture(tmp_path / "a.png")


def test_a_huge_open_picture_is_refused_before_decoding(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(png_header(10_000, 5_001))
    with Image.open(tmp_path / "a.png") as opened, pytest.raises(InputError, match="10000x5001"):
        opening.to_rgb(opened)


def test_pictures_up_to_the_limit_are_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(opening, "MAX_PIXELS", 48 * 32)
    assert stored(gradient(), tmp_path / "a.png").size == (48, 32)
    with pytest.raises(InputError, match="49x32"):
        stored(gradient(49, 32), tmp_path / "b.png")


def test_an_unreadable_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    gradient().save(tmp_path / "a.png")

    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Image, "open", refuse)  # root may read everything
    with pytest.raises(InputError, match="may not be read"):
        opening.open_picture(tmp_path / "a.png")
    monkeypatch.setattr(Path, "stat", refuse)
    with pytest.raises(InputError, match="permissions of its folder"):
        opening.open_picture(tmp_path / "a.png")


def test_open_pictures_that_are_empty_or_broken(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no pixels"):
        opening.to_rgb(Image.new("RGB", (0, 5)))
    with Image.open(_cut("PNG")(tmp_path)) as opened, pytest.raises(InputError, match="cannot be decoded"):
        opening.to_rgb(opened)


def test_running_out_of_memory_is_not_blamed_on_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    gradient().save(tmp_path / "a.png")

    def exhaust(_: Image.Image) -> Image.Image:
        raise MemoryError

    monkeypatch.setattr(opening, "plain_layers", exhaust)
    with pytest.raises(MemoryError):
        opening.open_picture(tmp_path / "a.png")


# ---- sizes and tensors


@pytest.mark.parametrize(
    ("size", "long_side", "multiple", "expected"),
    [
        ((100, 100), 512, 8, (512, 512)),
        ((1024, 512), 512, 8, (512, 256)),
        ((300, 400), 512, 8, (384, 512)),
        ((1000, 667), 512, 8, (512, 344)),
        ((1000, 667), 512, 64, (512, 320)),
        ((80, 10), 64, 8, (64, 32)),
        ((10, 80), 512, 8, (64, 512)),
        ((5, 5), 8, 8, (32, 32)),
    ],
)
def test_fit_gives_the_long_side_and_multiples(
    size: tuple[int, int], long_side: int, multiple: int, expected: tuple[int, int]
) -> None:
    source = gradient(*size)
    fitted = fitting.fit(source, long_side, multiple)
    assert (fitted.mode, fitted.size) == ("RGB", expected)
    assert fitting.restore(fitted, size).size == size


def test_fit_and_restore_keep_the_picture() -> None:
    source = gradient(200, 150)
    assert fitting.psnr(fitting.restore(fitting.fit(source, 256), source.size), source) > 35
    assert fitting.fit(source.convert("L"), 64).mode == "RGB"


@pytest.mark.parametrize("size", [(81, 10), (1, 9)])
def test_extreme_aspects_are_refused(size: tuple[int, int]) -> None:
    with pytest.raises(InputError, match="crop it first"):
        fitting.fit(gradient(*size), 512)


def test_tensors_hold_the_picture_exactly() -> None:
    source = gradient()
    tensor = fitting.to_tensor(source)
    assert (tuple(tensor.shape), tensor.dtype) == ((1, 3, 32, 48), torch.float32)
    assert tensor.is_contiguous()
    assert float(tensor[0, 0, 0, 24]) == pytest.approx(at(source, 24, 0)[0] / 127.5 - 1)
    assert fitting.to_image(tensor).tobytes() == source.tobytes()
    every = Image.fromarray(np.arange(256, dtype=np.uint8).reshape(16, 16))
    assert fitting.to_image(fitting.to_tensor(every)).tobytes() == every.convert("RGB").tobytes()


def test_to_image_clamps_rounds_and_takes_the_first() -> None:
    first = torch.tensor([-7.0, 0.001, 7.0]).view(1, 3, 1, 1).expand(1, 3, 2, 2)
    batch = torch.cat([first, torch.zeros(1, 3, 2, 2)]).to(torch.float16).requires_grad_()
    assert at(fitting.to_image(batch)) == (0, 128, 255)


def test_psnr() -> None:
    black, white = Image.new("RGB", (4, 4)), Image.new("RGB", (4, 4), "white")
    assert fitting.psnr(black, black) == 99.0
    assert fitting.psnr(black, white) == pytest.approx(0.0)
    assert fitting.psnr(black, Image.new("RGB", (4, 4), (1, 1, 1))) == pytest.approx(48.1308, abs=1e-3)
    with pytest.raises(ValueError, match="cannot be compared"):
        fitting.psnr(black, Image.new("RGB", (4, 5)))
