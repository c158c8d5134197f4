"""The table of awkward picture files: how each is made, and what editing it should give."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, features

from tests.pictures import awkward
from tests.pictures.awkward import Make, animation, array, encoded, exif, quarters, saved, with_alpha, written


@dataclass(frozen=True)
class Edited:
    """A file that is edited.

    Attributes:
        name, make: the file.
        should: what happens.
        corners: the corners of the picture as the models see it, in the colours of `awkward` or in RGB.
        size: of the upright picture and of the result.
        tolerance: of the colours.
        output: where the result goes.
    """

    name: str
    should: str
    make: Make
    corners: Sequence[str | tuple[int, int, int]] = "RGBW"
    size: tuple[int, int] = (48, 32)
    tolerance: int = 2
    output: str = "out.png"


@dataclass(frozen=True)
class Refused:
    """A file that is refused; `says` is part of the sentence."""

    name: str
    should: str
    make: Make
    says: str


LOSSY = 24
BROKEN = "is broken, incomplete or of a rare kind"
DEVELOP = "is a camera's raw file; develop it to JPEG or PNG first"
GREY_16 = array([[0, 32896], [16448, 65535]], np.uint16)
GREYS = ("K", "H", (64, 64, 64), "W")
YCBCR = quarters().convert("YCbCr")  # of uncompressed ones in TIFF Pillow reads its own from version 13 only
NEGATIVE = ("W", (127, 127, 127), (191, 191, 191), "K")

SIZES = (
    Edited("pixel.png", "one pixel comes back", saved(quarters("RRRR", (1, 1))), "RRRR", (1, 1)),
    Edited("small.png", "odd sides far below the models' come back", saved(quarters(size=(7, 9))), size=(7, 9)),
    Edited("odd.png", "sides no network can halve come back", saved(quarters(size=(513, 511))), size=(513, 511)),
    Edited("strip.png", "eight times as wide as high is taken", saved(quarters(size=(2000, 250))), size=(2000, 250)),
    Edited(
        "large.png",
        "50 megapixels are taken",
        lambda path: Image.new("1", (10_000, 5000), 1).save(path),
        "WWWW",
        (10_000, 5000),
        output="out.jpg",
    ),
)
DEPTHS = (
    Edited("bits.png", "black and white become RGB", saved(quarters("KWWK").convert("1")), "KWWK"),
    Edited("grey_16.png", "16 bits are scaled, not clipped", saved(GREY_16), GREYS, (16, 16)),
    Edited("negative.tif", "where 0 is white, it is", saved(GREY_16, tiffinfo={262: 0}), NEGATIVE, (16, 16)),
    Edited("colour_16.png", "16 bits a colour are scaled", written(awkward.sixteen_bit_colours()), "PWGW", (2, 2)),
    Edited(
        "float.tif",
        "1 is white, and so is infinity; what is no number is black",
        saved(array([[np.nan, 0.502], [0.251, np.inf]], np.float32)),
        GREYS,
        (16, 16),
    ),
    Edited("deep.pgm", "the largest value is white, be it 1023", written(awkward.deep_map()), GREYS, (2, 2)),
)
TRANSPARENCY = (
    Edited("palette.png", "a palette is looked up", saved(quarters().convert("P", palette=Image.Palette.ADAPTIVE))),
    Edited("see_through.png", "transparent colours of a palette are white", awkward.see_through_palette, "PGWW"),
    Edited("glass.png", "transparency lies over white", saved(with_alpha("HWKW")), "PGWW"),
    Edited(
        "grey_glass.png",
        "grey transparency lies over white",
        saved(with_alpha("KWHW", "L")),
        ("W", (150, 150, 150), (142, 142, 142), "W"),
    ),
    Edited("nothing.webp", "nothing but transparency is white", saved(with_alpha("KKKK"), lossless=True), "WWWW"),
    Edited(
        "grey_4.png",
        "a transparent one of 16 greys is white",
        written(awkward.four_bit_grey()),
        ("W", (136, 136, 136), "K", "W"),
        (2, 2),
    ),
)
COLOUR_SPACES = (
    Edited("ink.jpg", "CMYK is not inverted", saved(quarters().convert("CMYK"), quality=95), tolerance=LOSSY),
    Edited("ycck.jpg", "nor is CMYK in luminance and chrominance", written(awkward.ycck()), "RRRR", tolerance=LOSSY),
    Edited(
        "press.jpg",
        "inks look as their profile says",
        saved(quarters("WWKK").convert("CMYK"), quality=95, icc_profile=awkward.press_profile()),
        "WWHH",
    ),
    Edited("ycbcr.tif", "luminance and chrominance become RGB", saved(YCBCR, compression="tiff_lzw"), tolerance=4),
    Edited("lab.tif", "CIE Lab becomes RGB", saved(awkward.lab()), tolerance=LOSSY),
    Edited(
        "wide.jpg",
        "a wide gamut is brought to sRGB",
        saved(Image.new("RGB", (48, 32), (200, 100, 50)), quality=95, icc_profile=awkward.wide_profile()),
        [(216, 93, 24)] * 4,
    ),
    Edited(
        "linear.png",
        "linear grey is brought to sRGB",
        saved(Image.new("L", (48, 32), 55), icc_profile=awkward.linear_grey_profile()),
        "HHHH",
    ),
    Edited("no_profile.png", "a broken profile does not matter", saved(icc_profile=b"nonsense" * 50)),
)
POSITIONS = (
    Edited("turned.jpg", "EXIF turns it upright", saved(quality=95, exif=exif(6)), "BRWG", (32, 48), LOSSY),
    Edited("mirrored.tif", "EXIF mirrors it", saved(exif=exif(7)), "WGBR", (32, 48)),
    Edited("bad_exif.jpg", "broken EXIF still turns it", written(awkward.bad_exif()), "WBGR", tolerance=LOSSY),
    Edited("moving.gif", "an animation gives its first frame", animation()),
    Edited("moving.webp", "an animated WebP gives its first frame", animation(lossless=True)),
    Edited("moving.png", "an animated PNG gives its first frame", animation()),
    Edited("pages.tif", "several pages give the first", animation()),
    Edited("stereo.mpo", "a stereo photo gives the first", animation(quality=95), tolerance=LOSSY),
    Edited("sizes.ico", "the largest size", saved(quarters(size=(64, 64)), sizes=[(16, 16), (64, 64)]), size=(64, 64)),
    Edited(
        "wide_frame.gif", "a frame larger than its canvas", written(awkward.gif((8, 8), (16, 12))), "RRRR", (16, 12)
    ),
)
FORMATS = (
    Edited("grey.jpg", "grey JPEG", saved(quarters("KWHK").convert("L"), quality=95), "KWHK", tolerance=LOSSY),
    Edited("progressive.jpg", "progressive JPEG", saved(quality=95, progressive=True), tolerance=LOSSY),
    Edited(
        "with_film.jpg",
        "what phones append to a photo does not matter",
        written(encoded(quarters(), "JPEG", quality=95) + bytes(5000)),
        tolerance=LOSSY,
    ),
    Edited("interlaced.png", "interlaced PNG", written(awkward.interlaced()), size=(2, 2)),
    Edited("top_down.bmp", "a BMP that begins with its upper row", written(awkward.top_down_bitmap())),
    Edited("glass.tga", "TGA with transparency", saved(with_alpha("HWKW")), "PGWW"),
    Edited("icon.ico", "an icon that begins like a TGA", written(awkward.like_a_targa()), size=(176, 176)),
    Edited("wavelets.jp2", "JPEG 2000", saved()),
    Edited("photo.heic", "HEIC", awkward.heic(quarters()), tolerance=LOSSY),
    *([Edited("film.avif", "AVIF", saved(quality=95), tolerance=LOSSY)] if features.check("avif") else []),
)
NAMES = (
    Edited("photo.jpg", "the content counts, not the ending", saved(kind="PNG")),
    Edited("PHOTO.PNG", "capital letters", saved()),
    Edited("photo", "no ending", saved(kind="PNG")),
    Edited("été 狐 — [bold].png", "blanks, marks, any letters", saved()),
    Edited("two\nlines.png", "a line break", saved()),
    Edited("-o.png", "the beginning of an option", saved()),
    Edited(os.fsdecode(b"caf\xe9.png"), "bytes that are no Unicode", saved()),
    Edited("link.png", "a link is followed", awkward.link),
)
EDITED = (*SIZES, *DEPTHS, *TRANSPARENCY, *COLOUR_SPACES, *POSITIONS, *FORMATS, *NAMES)


def nothing(path: Path) -> None:
    """Leaves the file out."""


REFUSED = (
    Refused("thread.png", "too narrow for any model", saved(quarters(size=(1, 2000))), "crop it first"),
    Refused("bomb.png", "3600 megapixels by its header", written(awkward.png_header(60_000, 60_000)), "scale it down"),
    Refused(
        "bomb.gif", "a small canvas, a huge frame", written(awkward.gif((8, 8), (60_000, 60_000))), "scale it down"
    ),
    Refused("comment.png", "a comment that unpacks to 50 MB", written(awkward.text_bomb()), "save it anew as PNG"),
    Refused("cut.jpg", "half a JPEG", awkward.half("JPEG"), BROKEN),
    Refused("cut.png", "half a PNG", awkward.half("PNG"), BROKEN),
    Refused("sum.png", "a wrong checksum", written(awkward.bad_checksum()), BROKEN),
    Refused("empty.png", "no bytes", written(b""), "is empty"),
    Refused("text.png", "a text", written(b"no picture " * 50), "is not a picture of a known kind"),
    Refused("page.jpg", "what a server sent instead", written(awkward.WEB_PAGE), "a web page, perhaps in place of"),
    Refused("drawing.svg", "lines, not pixels", written(awkward.SVG), "is an SVG drawing; export it as PNG first"),
    Refused("paper.pdf", "a document", written(awkward.PDF), "is a PDF document; export the page as PNG first"),
    Refused("drawing.eps", "a program for another program", saved(), "is a PostScript drawing; export it as PNG first"),
    Refused("photo.heic", "the beginning of an HEIC photo", written(awkward.HEIC), BROKEN),
    Refused("photo.dng", "a preview of 48x32 is not the photo", awkward.raw_photo, DEVELOP),
    Refused("folder.png", "a folder", lambda path: path.mkdir(), "is a folder"),
    Refused("missing.png", "no file", nothing, "there is no file missing.png"),
    Refused("pipe.png", "a pipe that nobody writes to must not be waited for", os.mkfifo, "is not a regular file"),
    Refused("loop.png", "a link to itself", lambda path: path.symlink_to(path), "leads to no file"),
    Refused("x" * 300 + ".png", "a name too long", nothing, "leads to no file (File name too long)"),
    Refused("bad\nname.png", "a line break in the sentence", nothing, "there is no file bad name.png"),
)
