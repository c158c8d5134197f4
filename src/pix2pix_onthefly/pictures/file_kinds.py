"""Files that people take for pictures and that cannot be edited as they are: what each is, and what to do with it."""

from __future__ import annotations

import re
from collections.abc import Collection
from pathlib import Path

from PIL import Image

from ..errors import InputError

_HEAD = 4096
"""Bytes read to tell the kind."""
_EXPORT = "export it as PNG first"
_DEVELOP = "develop it to JPEG or PNG first"

# What the file begins with, what it is, what to do. A box called ftyp lists the kinds that a file claims to be.
_KINDS = (
    (rb"(?i)\s*<(?:!doctype html|html)", "a web page, perhaps in place of the picture", "download the picture itself"),
    (rb"(?:\xef\xbb\xbf)?\s*(?:<[?!].*?)?<svg[\s>]", "an SVG drawing", _EXPORT),
    (rb"%PDF-", "a PDF document", "export the page as PNG first"),
    (rb"%!PS|\xc5\xd0\xd3\xc6", "a PostScript drawing", _EXPORT),
    (rb".{4}ftyp(?!avi[fs])(?:.{4}){0,15}?he[iv][cxms]", "an HEIC photo", "convert it to JPEG or PNG first"),
    (rb".{4}ftyp(?:isom|iso\d|mp4\d|avc1|M4V |qt  |3g)", "a video", "save one of its frames as PNG first"),
    (rb"\xff\x0a|.{4}JXL ", "a JPEG XL picture", "convert it to JPEG or PNG first"),
    (rb"8BPS|gimp xcf", "an image editor's own file", _EXPORT),
    (rb".{4}ftypcrx|FUJIFILMCCD-RAW|II\*\0\x10\0{3}CR\x02|IIU\0|IIR[OS]", "a camera's raw file", _DEVELOP),
)
_DNG_VERSION, _NEW_SUBFILE_TYPE, _SUB_IFDS = 50706, 254, 330  # tags of TIFF
_PREVIEW = 1


def check_kind(path: Path) -> None:
    """Makes sure that a file is of no kind that is known to be of no use.

    Raises:
        InputError: it is.
    """
    head = _head(path)
    for begins, kind, cure in _KINDS:
        if re.match(begins, head, re.DOTALL):
            raise InputError(f"{path} is {kind}; {cure}")


def check_not_raw(image: Image.Image, path: Path) -> None:
    """Makes sure that an open TIFF is not a camera's raw file, of which Pillow would show only the small preview.

    Raises:
        InputError: it is.
    """
    tags = getattr(image, "tag_v2", {})
    preview = bool(tags.get(_NEW_SUBFILE_TYPE, 0) & _PREVIEW) and _SUB_IFDS in tags
    if _DNG_VERSION in tags or preview:
        raise InputError(f"{path} is a camera's raw file; {_DEVELOP}")


def begins_like(path: Path, formats: Collection[str]) -> bool:
    """Whether a file at least begins as Pillow's formats of these names do."""
    head = _head(path)
    accepts = [Image.OPEN[name][1] for name in formats]
    return any(accept is not None and accept(head) is True for accept in accepts)


def _head(path: Path) -> bytes:
    with open(path, "rb") as file:
        return file.read(_HEAD)
