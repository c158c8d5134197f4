"""Makers of awkward picture files, all of them deterministic."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageCms, TiffImagePlugin

Make = Callable[[Path], object]

COLOURS = {
    "R": (255, 0, 0),
    "G": (0, 255, 0),
    "B": (0, 0, 255),
    "W": (255, 255, 255),
    "K": (0, 0, 0),
    "H": (128, 128, 128),
    "P": (255, 128, 128),
}
"""By letter: red, green, blue, white, black, half-way, pink."""


def quarters(corners: str = "RGBW", size: tuple[int, int] = (48, 32)) -> Image.Image:
    """Four rectangles: top left, top right, bottom left, bottom right."""
    image = Image.new("RGB", (2, 2))
    image.putdata([COLOURS[letter] for letter in corners])
    return image.resize(size, Image.Resampling.NEAREST)


def saved(image: Image.Image | None = None, kind: str | None = None, **options: Any) -> Make:
    """Pillow writes it."""
    return lambda path: (image or quarters()).save(path, kind, **options)


def written(data: bytes) -> Make:
    return lambda path: path.write_bytes(data)


def encoded(image: Image.Image, kind: str, **options: Any) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def exif(orientation: int) -> Image.Exif:
    made = Image.Exif()
    made[0x0112] = orientation
    return made


def array(values: list[list[float]], kind: Any) -> Image.Image:
    """Deep grey, every value a block of 8x8 pixels."""
    return Image.fromarray(np.kron(np.array(values), np.ones((8, 8))).astype(kind))


def with_alpha(alpha: str, mode: str = "RGBA") -> Image.Image:
    """Four quarters with an opacity each: W opaque, H half, K none."""
    image = quarters().convert(mode)
    image.putalpha(quarters(alpha).convert("L"))
    return image


def animation(corners: tuple[str, ...] = ("RGBW", "KKKK", "WWWW"), **options: Any) -> Make:
    first, *others = map(quarters, corners)
    return saved(first, save_all=True, append_images=others, **options)


def half(kind: str) -> Make:
    """The first half of the bytes of a picture of noise."""
    noise = Image.fromarray(np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8))
    data = encoded(noise, kind)
    return written(data[: len(data) // 2])


def link(path: Path) -> None:
    quarters().save(path.with_name("target.png"))
    path.symlink_to("target.png")


# ---- PNG


def see_through_palette(path: Path) -> None:
    """Red is half transparent, blue wholly."""
    image = quarters().convert("P", palette=Image.Palette.ADAPTIVE)
    opacity = {COLOURS["R"]: 128, COLOURS["B"]: 0}
    levels = np.reshape(image.getpalette() or [], (-1, 3)).tolist()
    image.save(path, transparency=bytes(opacity.get(tuple(level), 255) for level in levels))


def png_chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(header: tuple[int, ...], rows: bytes, *before: bytes) -> bytes:
    """From width, height, bits, colour type, 0, 0, interlacing, and filtered rows; `before` are chunks."""
    parts = png_chunk(b"IHDR", struct.pack(">IIBBBBB", *header)), *before, png_chunk(b"IDAT", zlib.compress(rows))
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts) + png_chunk(b"IEND", b"")


def png_header(width: int, height: int) -> bytes:
    """A PNG that claims a size and holds no pixels."""
    return png((width, height, 8, 2, 0, 0, 0), b"")


def sixteen_bit_colours() -> bytes:
    """Pale red and transparent black above green and white."""
    upper = struct.pack(">6H", 65535, 32896, 32896, 0, 0, 0)
    lower = struct.pack(">6H", 0, 65535, 0, 65535, 65535, 65535)
    transparent = png_chunk(b"tRNS", struct.pack(">3H", 0, 0, 0))
    return png((2, 2, 16, 2, 0, 0, 0), b"\0" + upper + b"\0" + lower, transparent)


def four_bit_grey() -> bytes:
    """Levels 5, which is transparent, and 8 above 0 and 15, all of 15."""
    return png((2, 2, 4, 0, 0, 0, 0), b"\0\x58\0\x0f", png_chunk(b"tRNS", struct.pack(">H", 5)))


def interlaced() -> bytes:
    """Two pixels by two in Adam7: red in the first pass, green in the sixth, blue and white in the seventh."""
    red, green, blue, white = (bytes(COLOURS[letter]) for letter in "RGBW")
    return png((2, 2, 8, 2, 0, 0, 1), b"\0" + red + b"\0" + green + b"\0" + blue + white)


def bad_checksum() -> bytes:
    """A wrong checksum of the first chunk."""
    data = bytearray(png_header(8, 8))
    data[29] ^= 1
    return bytes(data)


def text_bomb() -> bytes:
    """Sound pixels and a comment of 50 MB, packed to 50 KB."""
    bomb = png_chunk(b"zTXt", b"Comment\0\0" + zlib.compress(bytes(50_000_000), 9))
    return png((1, 1, 8, 0, 0, 0, 0), b"\0\0", bomb)


# ---- GIF


def gif(canvas: tuple[int, int], frame: tuple[int, int]) -> bytes:
    """One frame of red that may be larger than its canvas."""
    head = b"GIF89a" + struct.pack("<HHBBB", *canvas, 0x80, 0, 0) + bytes((*COLOURS["R"], *COLOURS["B"]))
    # codes of three bits: clear (4) before every two pixels (0, 0), so that they never grow; then the end (5)
    pairs = min(frame[0] * frame[1], 4096) // 2
    bits = "000000100" * pairs  # read from the right
    stream = int("101" + bits, 2).to_bytes(len(bits) // 8 + 1, "little")
    blocks = b"".join(bytes([len(part)]) + part for part in (stream[i : i + 255] for i in range(0, len(stream), 255)))
    return head + b"," + struct.pack("<HHHHB", 0, 0, *frame, 0) + b"\x02" + blocks + b"\0;"


# ---- JPEG


def ycck() -> bytes:
    """A red CMYK picture whose first three inks are stored as luminance and chrominance."""
    inks = Image.new("RGB", (1, 1), (0, 255, 255)).convert("YCbCr").getpixel((0, 0))
    assert isinstance(inks, tuple)
    stored = Image.new("CMYK", (48, 32), (*(255 - round(ink) for ink in inks), 0))  # Pillow writes inks inverted
    data = encoded(stored, "JPEG", quality=95)
    transform = data.index(b"Adobe") + 11
    return data[:transform] + b"\2" + data[transform + 1 :]


def bad_exif() -> bytes:
    """Turned by 180 degrees, and an entry that points behind the end."""
    entries = struct.pack("<HHII", 0x0112, 3, 1, 3) + struct.pack("<HHII", 0x8769, 4, 1, 0xFFFFFF)
    directory = b"II*\0" + struct.pack("<IH", 8, 2) + entries + bytes(4)
    return encoded(quarters(), "JPEG", exif=b"Exif\0\0" + directory)


# ---- colour profiles


def _icc(space: bytes, connection: bytes, tags: Mapping[bytes, bytes]) -> bytes:
    """A profile of ICC version 2: header, table of tags, their data."""
    table, data, start = b"", b"", 132 + 12 * len(tags)
    for name, content in tags.items():
        table += struct.pack(">4sII", name, start + len(data), len(content))
        data += content + bytes(-len(content) % 4)
    head = bytes(4) + struct.pack(">I4s4s4s", 0x02400000, b"mntr", space, connection) + bytes(12) + b"acsp" + bytes(28)
    head = (struct.pack(">I", start + len(data)) + head + struct.pack(">3i", 63190, 65536, 54061)).ljust(128, b"\0")
    return head + struct.pack(">I", len(tags)) + table + data


def _xyz(*values: float) -> bytes:
    return b"XYZ " + bytes(4) + struct.pack(">3i", *(round(value * 65536) for value in values))


def _gamma(value: float) -> bytes:
    return b"curv" + bytes(4) + struct.pack(">IH", 1, round(value * 256))


_NAMED = {b"desc": b"desc" + bytes(4) + struct.pack(">I", 2) + b"x" + bytes(79), b"wtpt": _xyz(0.9642, 1, 0.8249)}


def wide_profile() -> bytes:
    """The primaries of Display P3 with a gamma of 2.2."""
    primaries = {
        b"rXYZ": _xyz(0.51512, 0.24120, -0.00105),
        b"gXYZ": _xyz(0.29198, 0.69225, 0.04189),
        b"bXYZ": _xyz(0.15710, 0.06657, 0.78407),
    }
    return _icc(
        b"RGB ", b"XYZ ", {**_NAMED, **primaries, **{name: _gamma(2.2) for name in (b"rTRC", b"gTRC", b"bTRC")}}
    )


def linear_grey_profile() -> bytes:
    return _icc(b"GRAY", b"XYZ ", {**_NAMED, b"kTRC": _gamma(1.0)})


def press_profile() -> bytes:
    """Inks that print as greys: black where there is black, white where there is none, half-way elsewhere."""
    lightness = [255 if inks == 0 else 0 if inks & 1 else 137 for inks in range(16)]
    nodes = bytes(value for light in lightness for value in (light, 128, 128))
    unity = struct.pack(">9i", 65536, 0, 0, 0, 65536, 0, 0, 0, 65536)
    lookup = b"mft1" + bytes(4) + bytes([4, 3, 2, 0]) + unity + bytes(range(256)) * 4 + nodes + bytes(range(256)) * 3
    return _icc(b"CMYK", b"Lab ", {**_NAMED, b"A2B0": lookup})


def lab() -> Image.Image:
    made = ImageCms.profileToProfile(
        quarters(), ImageCms.createProfile("sRGB"), ImageCms.createProfile("LAB"), outputMode="LAB"
    )
    assert made is not None
    return made


# ---- other formats


def deep_map() -> bytes:
    """A PGM whose white is 1023."""
    return b"P5 2 2 1023 " + struct.pack(">4H", 0, 514, 257, 1023)


def raw_photo(path: Path) -> None:
    """A DNG, as far as its first page: the small preview."""
    tags = TiffImagePlugin.ImageFileDirectory_v2()
    tags[254] = 1
    tags.tagtype[50706] = 1
    tags[50706] = bytes([1, 4, 0, 0])
    quarters().save(path, "TIFF", tiffinfo=tags)


def like_a_targa() -> bytes:
    """An icon whose length puts a 1 where TGA has its depth."""
    noise = np.random.default_rng(0).integers(0, 256, (176, 176, 3), dtype=np.uint8)
    noise[:40, :40], noise[:40, -40:], noise[-40:, :40], noise[-40:, -40:] = (COLOURS[letter] for letter in "RGBW")
    data = encoded(Image.fromarray(noise), "ICO", sizes=[(176, 176)])
    assert data[16] == 1
    return data


def top_down_bitmap() -> bytes:
    """A BMP whose negative height says that its first row is the upper one."""
    rows = np.asarray(quarters())[:, :, ::-1].tobytes()  # 144 bytes a row, a multiple of four
    size = struct.pack("<IiiHHIIiiII", 40, 48, -32, 1, 24, 0, len(rows), 0, 0, 0, 0)
    return b"BM" + struct.pack("<IHHI", 54 + len(rows), 0, 0, 54) + size + rows


def heic(image: Image.Image, **options: Any) -> Make:
    """A phone's photo; by the library itself, so that Pillow does not learn of the format from the tests."""

    def make(path: Path) -> None:
        import pillow_heif

        pillow_heif.from_pillow(image).save(path, quality=95, chroma=444, **options)

    return make


HEIC = struct.pack(">I", 24) + b"ftypmif1" + bytes(4) + b"mif1heic" + bytes(200)
SVG = b'<?xml version="1.0"?>\n<!-- a square -->\n<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"></svg>\n'
PDF = b"%PDF-1.7\n1 0 obj\n<< /Type /Catalog >>\nendobj\n"
WEB_PAGE = b"\n<!DOCTYPE html>\n<html><body>404: not found<svg></svg></body></html>\n"
