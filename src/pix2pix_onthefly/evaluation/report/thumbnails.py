"""Small copies of pictures, so that a folder of results, and a page of them, can be looked at without the set."""

from __future__ import annotations

import base64
import io
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from PIL import Image

from ...errors import InputError
from ...files import written_whole
from ...pictures.opening import open_picture
from ..data.turns import Turn
from ..runs.result_files import THUMBNAILS

KEPT_SIDE = 256
"""Longer side in pixels of the copies on disk."""
SIDES = (KEPT_SIDE, 192, 144, 128)
"""Longer sides in pixels of the copies in a page: the more pictures, the smaller."""
_QUALITY = 85
_FINGERPRINT_DIGITS = 12
_SAMPLE = 24
_ENDING = ".webp"


def thumbnail_path(fingerprint: str, turn: Turn, picture: Path) -> str:
    """Where the small copy of a turn's picture lies, within the folder of results."""
    return f"{THUMBNAILS}/{fingerprint[:_FINGERPRINT_DIGITS]}/{turn.session}/{picture.stem}{_ENDING}"


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
                content = small_webp(open_picture(picture), KEPT_SIDE)
                with written_whole(path) as part:
                    part.write_bytes(content)


def small_webp(picture: Image.Image, side: int) -> bytes:
    """A WebP file of a picture whose longer side is at most `side`."""
    file = io.BytesIO()
    _shrunk(picture, side).save(file, "WEBP", quality=_QUALITY, method=4)
    return file.getvalue()


def _shrunk(picture: Image.Image, side: int) -> Image.Image:
    small = picture.convert("RGB")
    small.thumbnail((side, side), Image.Resampling.LANCZOS)
    return small


@dataclass(frozen=True)
class Small:
    """A picture of an album: its place there, its width and height in pixels."""

    place: int
    width: int
    height: int


class Album:
    """Small copies for a page. Files of equal content have one copy, whatever their names.

    Attributes:
        side: longer side of the copies, the largest of `SIDES` that lets all files stay below a size together, or
            the smallest.
        size: bytes of the copies so far, in base64.
    """

    def __init__(self, paths: Iterable[Path], most_bytes: int) -> None:
        self._digests = {path: _digest(path) for path in dict.fromkeys(paths)}
        different = list({digest: path for path, digest in self._digests.items() if digest is not None}.values())
        self.side = _side_for(different, most_bytes)
        self.size = 0
        self._contents: list[str] = []
        self._found: dict[str, Small | None] = {}

    def add(self, path: Path) -> Small | None:
        """The copy of one of the files the album was made for; None where it is missing or no picture."""
        digest = self._digests[path]
        if digest is None:
            return None
        if digest not in self._found:
            self._found[digest] = self._copy(path)
        return self._found[digest]

    def _copy(self, path: Path) -> Small | None:
        try:
            content, (width, height) = _small_file(path, self.side)
        except InputError:  # results may be merged without their pictures
            return None
        self._contents.append(base64.b64encode(content).decode())
        self.size += len(self._contents[-1])
        return Small(len(self._contents) - 1, width, height)

    def as_json(self) -> str:
        """All copies by place, as base64."""
        return json.dumps(self._contents, separators=(",\n", ":"))


def _digest(path: Path) -> str | None:
    try:
        return sha256(path.read_bytes()).hexdigest()
    except OSError:
        return None


def _small_file(path: Path, side: int) -> tuple[bytes, tuple[int, int]]:
    """A WebP file and its size; a file that is one and small enough is taken as it is."""
    picture = open_picture(path)
    if path.suffix == _ENDING and max(picture.size) <= side:
        return path.read_bytes(), picture.size
    return small_webp(picture, side), _shrunk(picture, side).size


def _side_for(paths: Sequence[Path], most_bytes: int) -> int:
    """The largest of `SIDES` at which the files, judged by some of them, stay below a size together."""
    sample = paths[:: max(1, len(paths) // _SAMPLE)]
    for side in SIDES[:-1]:
        sizes = [size for size in (_size_of(path, side) for path in sample) if size is not None]
        if not sizes or len(paths) * sum(sizes) / len(sizes) <= most_bytes:
            return side
    return SIDES[-1]


def _size_of(path: Path, side: int) -> float | None:
    """Bytes of a copy in base64."""
    try:
        return len(_small_file(path, side)[0]) * 4 / 3
    except InputError:
        return None
