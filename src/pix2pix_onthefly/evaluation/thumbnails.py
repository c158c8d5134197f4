"""Small copies of pictures, so that a folder of results can be looked at without the set."""

from __future__ import annotations

import io
from collections.abc import Iterable
from pathlib import Path

from PIL import Image

from ..images import open_picture
from .cache import write_whole
from .records import Turn
from .store import THUMBNAILS

KEPT_SIDE = 256
"""Longer side in pixels of the copies on disk."""
_KEPT_QUALITY = 85
_FINGERPRINT_DIGITS = 12


def thumbnail_path(fingerprint: str, turn: Turn, picture: Path) -> str:
    """Where the small copy of a turn's picture lies, within the folder of results."""
    return f"{THUMBNAILS}/{fingerprint[:_FINGERPRINT_DIGITS]}/{turn.session}/{picture.stem}.webp"


def keep_thumbnails(folder: Path, fingerprint: str, turns: Iterable[Turn]) -> None:
    """Writes small copies of the true pictures, where there are none yet.

    Raises:
        InputError: a picture cannot be read.
        OutputError: a copy cannot be written.
    """
    for turn in turns:
        for picture in (turn.source, turn.target):
            path = folder / thumbnail_path(fingerprint, turn, picture)
            if not path.exists():
                content = small_webp(open_picture(picture), KEPT_SIDE, _KEPT_QUALITY)
                write_whole(path, lambda part, content=content: part.write_bytes(content))


def small_webp(picture: Image.Image, side: int, quality: int) -> bytes:
    """A WebP file of a picture whose longer side is at most `side`."""
    small = picture.convert("RGB")
    small.thumbnail((side, side), Image.Resampling.LANCZOS)
    file = io.BytesIO()
    small.save(file, "WEBP", quality=quality, method=4)
    return file.getvalue()
