"""Pictures: opening, fitting, tensors, saving with the recipe."""

from __future__ import annotations

import os
import struct
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from pix2pix_onthefly import images, saving
from pix2pix_onthefly.errors import InputError

RECIPE: dict[str, object] = {
    "instruction": "make it a Füchsin 狐\nplease",
    "caption": "a cat",
    "options": {"steps": 100, "guidance_scale": 5.0, "seed": 0},
    "family": "mini",
    "replies": ["line\nbreak", 'quote "x"'],
}


def gradient(width: int = 48, height: int = 32) -> Image.Image:
    rows, columns = np.mgrid[0:height, 0:width]
    pixels = np.stack([columns * 255 / width, rows * 255 / height, (rows + columns) * 2], axis=2)
    return Image.fromarray(pixels.clip(0, 255).astype(np.uint8))


def stored(image: Image.Image, path: Path, **options: object) -> Image.Image:
    image.save(path, **options)  # pyright: ignore[reportArgumentType]
    return images.open_picture(path)


def at(image: Image.Image, x: int = 0, y: int = 0) -> tuple[int, ...]:
    pixel = image.getpixel((x, y))
    assert isinstance(pixel, tuple)
    return tuple(int(value) for value in pixel)


def png_header(width: int, height: int) -> bytes:
    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", zlib.compress(b"")) + chunk(b"IEND", b"")


# ---- opening


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
    for picture in (images.to_rgb(source), stored(source, tmp_path / "a.tif")):
        assert [at(picture, x) for x in range(4)] == [(value,) * 3 for value in expected]


@pytest.mark.parametrize("mode", ["I;16", "I;16B", "I;16L"])
def test_sixteen_bits_of_either_byte_order(mode: str) -> None:
    source = Image.new(mode, (3, 3), 257 * 40)
    assert at(images.to_rgb(source)) == (40, 40, 40)


def test_transparent_grey_value_of_sixteen_bits_becomes_white(tmp_path: Path) -> None:
    source = Image.fromarray(np.array([[300, 25700]], dtype=np.uint16))
    picture = stored(source, tmp_path / "a.png", transparency=300)
    assert (at(picture, 0), at(picture, 1)) == ((255, 255, 255), (100, 100, 100))


def test_transparent_palette_entry_becomes_white(tmp_path: Path) -> None:
    source = Image.new("P", (2, 1))
    source.putpalette([255, 0, 0, 0, 0, 255])
    source.putpixel((1, 0), 1)
    for name in ("a.png", "a.gif"):
        picture = stored(source, tmp_path / name, transparency=0)
        assert (at(picture, 0), at(picture, 1)) == ((255, 255, 255), (0, 0, 255))


def test_cmyk_jpeg(tmp_path: Path) -> None:
    picture = stored(Image.new("CMYK", (16, 16), (0, 255, 255, 0)), tmp_path / "a.jpg")
    red, green, blue = at(picture, 8, 8)
    assert red > 240
    assert max(green, blue) < 15


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
    picture = images.to_rgb(source)
    assert picture.mode == "RGB"
    assert max(at(picture)) - min(at(picture)) <= 3  # all of these are greys
    assert 40 <= at(picture)[0] <= 60


@pytest.mark.parametrize(
    ("orientation", "size", "red_at"),
    [(1, (6, 4), (0, 0)), (2, (6, 4), (5, 0)), (3, (6, 4), (5, 3)), (6, (4, 6), (3, 0)), (8, (4, 6), (0, 5))],
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
    assert images.to_rgb(picture).tobytes() == picture.tobytes()
    with Image.open(tmp_path / "a.png") as opened:
        assert images.to_rgb(opened).tobytes() == picture.tobytes()


def test_broken_exif_does_not_hide_a_sound_picture(tmp_path: Path) -> None:
    picture = stored(gradient(), tmp_path / "a.png", exif=b"Exif\0\0nonsense")
    assert picture.tobytes() == gradient().tobytes()


@pytest.mark.parametrize("name", ["a.gif", "a.webp", "a.png"])
def test_animation_gives_its_first_frame(tmp_path: Path, name: str) -> None:
    frames = [Image.new("RGB", (16, 16), colour) for colour in ("red", "blue")]
    options: dict[str, Any] = {"lossless": True} if name == "a.webp" else {}
    frames[0].save(tmp_path / name, save_all=True, append_images=frames[1:], **options)
    with Image.open(tmp_path / name) as opened:
        assert getattr(opened, "n_frames", 1) == 2
    assert at(images.open_picture(tmp_path / name)) == (255, 0, 0)


@pytest.mark.parametrize("name", ["a.bmp", "a.tif", "a.ppm", "a.webp", "wrong_ending.jpg"])
def test_other_formats(tmp_path: Path, name: str) -> None:
    kind = {"a.webp": "WEBP", "wrong_ending.jpg": "PNG"}.get(name)
    picture = stored(gradient(), tmp_path / name, format=kind, lossless=True)
    assert picture.tobytes() == gradient().tobytes()


def test_to_rgb_does_not_share_pixels() -> None:
    source = gradient()
    images.to_rgb(source).putpixel((0, 0), (1, 2, 3))
    assert at(source) == at(gradient())


# ---- files that cannot be opened


def _missing(folder: Path) -> Path:
    return folder / "none.png"


def _below_a_file(folder: Path) -> Path:
    (folder / "file").write_bytes(b"x")
    return folder / "file" / "a.png"


def _empty(folder: Path) -> Path:
    (folder / "a.png").touch()
    return folder / "a.png"


def _text(folder: Path) -> Path:
    (folder / "a.png").write_text("no picture " * 50)
    return folder / "a.png"


def _postscript(folder: Path) -> Path:
    gradient().save(folder / "a.eps")
    return folder / "a.eps"


def _fifo(folder: Path) -> Path:
    os.mkfifo(folder / "a.png")
    return folder / "a.png"


def _cut(name: str) -> Callable[[Path], Path]:
    def make(folder: Path) -> Path:
        noise = Image.fromarray(np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8))
        noise.save(folder / name)
        data = (folder / name).read_bytes()
        (folder / name).write_bytes(data[: len(data) // 2])
        return folder / name

    return make


def _no_rows(folder: Path) -> Path:
    (folder / "a.png").write_bytes(png_header(20, 20))
    return folder / "a.png"


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (_missing, "there is no file"),
        (_below_a_file, "there is no file"),
        (lambda folder: folder, "is a folder"),
        (_empty, "is empty"),
        (_text, "is not a picture"),
        (_postscript, "is not a picture"),
        (_fifo, "not a regular file"),
        (_cut("a.png"), "broken or incomplete"),
        (_cut("a.jpg"), "broken or incomplete"),
        (_cut("a.gif"), "broken or incomplete"),
        (_cut("a.webp"), "broken|not a picture"),
        (_cut("a.tif"), "broken|not a picture"),
        (_no_rows, "broken or incomplete"),
        (lambda folder: folder / ("x" * 5000), "cannot be a file name"),
        (lambda folder: folder / "a\0b.png", "cannot be a file name"),
    ],
)
def test_files_that_are_no_use(tmp_path: Path, make: Callable[[Path], Path], says: str) -> None:
    path = make(tmp_path)
    for use in (images.open_picture, saving.read_recipe):
        if use is saving.read_recipe and "broken" in says:
            continue  # it does not decode
        with pytest.raises(InputError, match=says) as caught:
            use(path)
        assert "; " in str(caught.value)  # what is wrong; what to do
        assert "\n" not in str(caught.value)


# just above the limit, where Pillow would only warn, and where it would refuse by itself
@pytest.mark.parametrize("size", [(10_000, 5_001), (12_000, 12_000), (30_000, 30_000)])
@pytest.mark.filterwarnings("error")
def test_a_huge_picture_is_refused_by_its_header(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, size: tuple[int, int]
) -> None:
    (tmp_path / "a.png").write_bytes(png_header(*size))
    monkeypatch.setattr("PIL.ImageFile.ImageFile.load", lambda self: pytest.fail("decoded"))  # pyright: ignore
    with pytest.raises(InputError, match="50 megapixels; scale it down"):
        images.open_picture(tmp_path / "a.png")


def test_a_huge_open_picture_is_refused_before_decoding(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(png_header(10_000, 5_001))
    with Image.open(tmp_path / "a.png") as opened, pytest.raises(InputError, match="10000x5001"):
        images.to_rgb(opened)


def test_pictures_up_to_the_limit_are_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(images, "MAX_PIXELS", 48 * 32)
    assert stored(gradient(), tmp_path / "a.png").size == (48, 32)
    with pytest.raises(InputError, match="49x32"):
        stored(gradient(49, 32), tmp_path / "b.png")


def test_an_unreadable_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    gradient().save(tmp_path / "a.png")

    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Image, "open", refuse)  # root may read everything
    with pytest.raises(InputError, match="may not be read"):
        images.open_picture(tmp_path / "a.png")
    monkeypatch.setattr(Path, "stat", refuse)
    with pytest.raises(InputError, match="permissions of its folder"):
        images.open_picture(tmp_path / "a.png")


def test_open_pictures_that_are_empty_or_broken(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no pixels"):
        images.to_rgb(Image.new("RGB", (0, 5)))
    with Image.open(_cut("a.png")(tmp_path)) as opened, pytest.raises(InputError, match="cannot be decoded"):
        images.to_rgb(opened)


def test_running_out_of_memory_is_not_blamed_on_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    gradient().save(tmp_path / "a.png")

    def exhaust(_: Image.Image) -> Image.Image:
        raise MemoryError

    monkeypatch.setattr(images, "plain_rgb", exhaust)
    with pytest.raises(MemoryError):
        images.open_picture(tmp_path / "a.png")


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
    fitted = images.fit(source, long_side, multiple)
    assert (fitted.mode, fitted.size) == ("RGB", expected)
    assert images.restore(fitted, size).size == size


def test_fit_and_restore_keep_the_picture() -> None:
    source = gradient(200, 150)
    assert images.psnr(images.restore(images.fit(source, 256), source.size), source) > 35
    assert images.fit(source.convert("L"), 64).mode == "RGB"


@pytest.mark.parametrize("size", [(81, 10), (1, 9)])
def test_extreme_aspects_are_refused(size: tuple[int, int]) -> None:
    with pytest.raises(InputError, match="crop it first"):
        images.fit(gradient(*size), 512)


def test_tensors_hold_the_picture_exactly() -> None:
    source = gradient()
    tensor = images.to_tensor(source)
    assert (tuple(tensor.shape), tensor.dtype) == ((1, 3, 32, 48), torch.float32)
    assert tensor.is_contiguous()
    assert float(tensor[0, 0, 0, 24]) == pytest.approx(at(source, 24, 0)[0] / 127.5 - 1)
    assert images.to_image(tensor).tobytes() == source.tobytes()
    every = Image.fromarray(np.arange(256, dtype=np.uint8).reshape(16, 16))
    assert images.to_image(images.to_tensor(every)).tobytes() == every.convert("RGB").tobytes()


def test_to_image_clamps_rounds_and_takes_the_first() -> None:
    first = torch.tensor([-7.0, 0.001, 7.0]).view(1, 3, 1, 1).expand(1, 3, 2, 2)
    batch = torch.cat([first, torch.zeros(1, 3, 2, 2)]).to(torch.float16).requires_grad_()
    assert at(images.to_image(batch)) == (0, 128, 255)


def test_psnr() -> None:
    black, white = Image.new("RGB", (4, 4)), Image.new("RGB", (4, 4), "white")
    assert images.psnr(black, black) == 99.0
    assert images.psnr(black, white) == pytest.approx(0.0)
    assert images.psnr(black, Image.new("RGB", (4, 4), (1, 1, 1))) == pytest.approx(48.1308, abs=1e-3)
    with pytest.raises(ValueError, match="cannot be compared"):
        images.psnr(black, Image.new("RGB", (4, 5)))
