"""The texts of an edit, from the cache where they were written before."""

from __future__ import annotations

import dataclasses
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Any

from PIL import Image

from ... import __version__
from ...editor import Editor
from ...errors import InputError
from ...models.families import ModelRow
from ...options import REWRITER_OPTIONS, EditOptions
from ...records import EditCaptions
from ..data.turns import Turn
from .cache import Cache, digest, picture_digest
from .configurations import GOLD

_READ = 1 << 20  # bytes


def row_key(row: ModelRow) -> tuple[str, str | None]:
    """What tells one set of weights from another: of a folder, where others may lie tomorrow, a hash of its files."""
    return row.source, row.revision if row.folder is None else _content(row.folder)


@cache
def _content(folder: Path) -> str:
    """Hash of the files of weights: their names, sizes, beginnings and ends, which training changes."""
    found = sorted(path for pattern in ("*.safetensors", "*.bin") for path in folder.rglob(pattern))
    facts: list[tuple[str, int, str]] = []
    for path in found:
        with open(path, "rb") as file:
            size = path.stat().st_size
            beginning = file.read(_READ)
            file.seek(max(0, size - _READ))
            facts.append((path.relative_to(folder).as_posix(), size, sha256(beginning + file.read(_READ)).hexdigest()))
    return digest(facts)


class Texts:
    """Captions of pictures, and the language model's captions before and after an edit.

    Args:
        editor: its captioner and its language model are asked.
        options: of the edit.
        caption_source: one of `grid.CAPTION_SOURCES`.
        cache: where texts are kept.
    """

    def __init__(self, editor: Editor, options: EditOptions, caption_source: str, cache: Cache) -> None:
        self.editor, self.options, self.caption_source, self.cache = editor, options, caption_source, cache

    def caption(self, turn: Turn, picture: Image.Image) -> str:
        """The caption of a turn's source, which may be a generated picture.

        Raises:
            InputError: the set has none, or the picture's proportions are beyond the captioner's reach.
        """
        if self.caption_source == GOLD:
            if turn.source_caption is None or not turn.source_caption.strip():
                raise InputError(f"{turn.source.name} has no description; take the captioner's with --caption-source")
            return turn.source_caption
        fitted, row = self.editor.fit(picture, self.options), self.editor.row.captioner
        key = {**self._common(row), "picture": picture_digest(fitted)}
        kept = self.cache.record("captions", key)
        if kept is None or not isinstance(kept.get("caption"), str):
            kept = {"caption": self.editor.captioner.describe(fitted), "model": str(row)}
            self.cache.keep_record("captions", key, kept)
        return kept["caption"]

    def rewritten(self, instruction: str, caption: str) -> EditCaptions:
        """The captions before and after the edit.

        Raises:
            InputError, OptionError: as of `Rewriter.rewrite`.
        """
        row, pool = self.editor.row.rewriter, self.editor.row.pool
        settings = {name: getattr(self.options, name) for name in REWRITER_OPTIONS}
        key = {**self._common(row), "pool": pool, "settings": settings, "texts": [instruction, caption]}
        kept = _captions_of(self.cache.record("rewritten", key))
        if kept is None:
            kept = self.editor.rewriter.rewrite(instruction, caption, self.options, seed=self.options.seed)
            self.cache.keep_record("rewritten", key, {**dataclasses.asdict(kept), "model": str(row)})
        return kept

    def _common(self, row: ModelRow) -> dict[str, object]:
        return {"version": __version__, "model": row_key(row), "precision": str(self.editor.dtype)}


def _captions_of(kept: dict[str, Any] | None) -> EditCaptions | None:
    if kept is None:
        return None
    fields = {field.name: kept.get(field.name) for field in dataclasses.fields(EditCaptions)}
    lists = {name: tuple(fields[name] or ()) for name in ("before", "after", "replies", "candidates")}
    made: Any = {**fields, **lists}
    return EditCaptions(**made) if made["before"] and made["after"] else None
