"""The contact sheet: one page with a small copy of every picture beside what was made of it, to be looked through."""

from __future__ import annotations

import base64
import io
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import jinja2

from ..errors import InputError, OutputError
from ..files import written_whole
from ..pictures.opening import open_picture
from .folder import BatchFolder
from .outcomes import Outcome

_ENDINGS = (".html", ".htm")
_SIDE = 320
"""Pixels of the long side of a small copy."""


@dataclass(frozen=True)
class _Entry:
    """One edit on the page: its outcome, and addresses of pictures as texts."""

    outcome: Outcome
    before: str
    after: tuple[str, ...]


def check_sheet(path: Path | None) -> None:
    """Makes sure, before any work is done, that a contact sheet can be written.

    Raises:
        OutputError: it has another ending, or is a folder.
    """
    if path is not None and (path.suffix.lower() not in _ENDINGS or path.is_dir()):
        raise OutputError(f"{path} must be a file that ends in .html; the contact sheet is a page for browsers")


def write_sheet(path: Path, outcomes: Sequence[Outcome], folder: BatchFolder) -> None:
    """Writes the page, which holds its pictures itself.

    Raises:
        OutputError: it cannot be written.
    """
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent), autoescape=True, trim_blocks=True, lstrip_blocks=True
    )
    pieces = environment.get_template("sheet.html").generate(entries=_entries(outcomes, folder), total=len(outcomes))
    with written_whole(path) as part, open(part, "x", encoding="utf-8") as file:
        file.writelines(pieces)


def _entries(outcomes: Sequence[Outcome], folder: BatchFolder) -> Iterator[_Entry]:
    originals: Mapping[str, str] = {}
    for outcome in outcomes:
        if outcome.image not in originals:  # edits of one picture follow one another
            originals = {outcome.image: _small(Path(outcome.image))}
        made = tuple(_small(folder.path / name) for name in outcome.pictures)
        yield _Entry(outcome, originals[outcome.image], made)


def _small(path: Path) -> str:
    """A small copy of a picture as an address that holds it; empty where it cannot be read."""
    try:
        picture = open_picture(path)
    except InputError:
        return ""
    picture.thumbnail((_SIDE, _SIDE))
    encoded = io.BytesIO()
    picture.save(encoded, "JPEG", quality=85)
    return "data:image/jpeg;base64," + base64.b64encode(encoded.getvalue()).decode()
