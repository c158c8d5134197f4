"""Files that people take for pictures and that cannot be edited as they are: what each is, and what to do with it."""

from __future__ import annotations

import re
from collections.abc import Collection

from PIL import Image

from ..errors import InputError

HEAD = 4096
"""Bytes read to tell the kind."""
_EXPORT = "export it as PNG first"
_DEVELOP = "develop it to JPEG or PNG first"

# What the file begins with, what it is, what to do. A box called ftyp lists the kinds that a file claims to be.
_KINDS = (
    (rb"(?i)\s*<(?:!doctype html|html)", "a web page, perhaps in place of the picture", "download the picture itself"),
    (rb"(?:\xef\xbb\xbf)?\s*(?:<[?!].*?)?<svg[\s>]", "an SVG drawing", _EXPORT),
    (rb"%PDF-", "a PDF document", "export the page as PNG first"),
    (rb"%!PS|\xc5\xd0\xd3\xc6", "a PostScript drawing", _EXPORT),
    (rb".{4}ftyp(?:isom|iso\d|mp4\d|avc1|M4V |qt  |3g)", "a video", "save one of its frames as PNG first"),
    (rb"\xff\x0a|.{4}JXL ", "a JPEG XL picture", "convert it to JPEG or PNG first"),
    (rb"8BPS|gimp xcf", "an image editor's own file", _EXPORT),
    (rb".{4}ftypcrx|FUJIFILMCCD-RAW|II\*\0\x10\0{3}CR\x02|IIU\0|IIR[OS]", "a camera's raw file", _DEVELOP),
)
_HEIC = rb".{4}ftyp(?!avi[fs])(?:.{4}){0,15}?he[iv][cxms]"
_INSTALL_HEIC = "pip install 'pix2pix-onthefly[heic]'"
_DNG_VERSION, _NEW_SUBFILE_TYPE, _SUB_IFDS = 50706, 254, 330  # tags of TIFF
_PREVIEW = 1


def check_kind(head: bytes, name: str) -> None:
    """Makes sure that a file is of no kind that is known to be of no use.

    Args:
        head: its first `HEAD` bytes.
        name: what to call it.

    Raises:
        InputError: it is.
    """
    for begins, kind, cure in _KINDS:
        if re.match(begins, head, re.DOTALL):
            raise InputError(f"{name} is {kind}; {cure}")
    if re.match(_HEIC, head, re.DOTALL) and not _heic_is_known():
        raise InputError(f"{name} is an HEIC photo; convert it to JPEG or PNG first, or {_INSTALL_HEIC}")


def _heic_is_known() -> bool:
    """Whether Pillow opens HEIC; where the library for it is installed, it does from now on."""
    try:
        from pillow_heif import register_heif_opener
    except ImportError:
        return False
    if "HEIF" not in Image.OPEN:
        register_heif_opener()
    return True


def check_not_raw(image: Image.Image, name: str) -> None:
    """Makes sure that an open TIFF is not a camera's raw file, of which Pillow would show only the small preview.

    Raises:
        InputError: it is.
    """
    tags = getattr(image, "tag_v2", {})
    preview = bool(tags.get(_NEW_SUBFILE_TYPE, 0) & _PREVIEW) and _SUB_IFDS in tags
    if _DNG_VERSION in tags or preview:
        raise InputError(f"{name} is a camera's raw file; {_DEVELOP}")


def begins_like(head: bytes, formats: Collection[str]) -> bool:
    """Whether a file at least begins as Pillow's formats of these names do."""
    accepts = [Image.OPEN[name][1] for name in formats]
    return any(accept is not None and accept(head) is True for accept in accepts)
