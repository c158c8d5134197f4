"""Photographs edited in several ways on several families, each edit kept as soon as it is made.

A folder holds one picture and one record an edit. A record tells by a digest what its edit was made with, so that a run
that was cut off goes on, and one with other settings edits anew. An edit that failed is tried again.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import torch

from ... import __version__
from ...editor import Editor
from ...errors import OnTheFlyError
from ...files import written_whole
from ...options import EditOptions
from ...pictures.opening import open_picture
from ...records import EditCaptions
from ..data.photographs import Photograph

WAYS: Mapping[str, Mapping[str, Any]] = {
    "default": {},
    "paper": {"preset": "paper"},
    "sdedit": {"method": "sdedit"},
}
"""How each photograph is edited, as `Editor.options` takes it."""
PRECISIONS = ("float32", "bfloat16", "float16")
AGREES = 30.0
"""Least PSNR in dB at which half precision counts as the picture of float32; an edit is seldom that near by chance."""
_MOST_DECIBELS = 99.0


@dataclass(frozen=True)
class PhotographEdit:
    """One edit as it is kept.

    Attributes:
        key: digest of all that it was made with.
        kind: of edit, by which the default chooses its way, as of `EditCaptions`.
        picture: its file's name within the folder; empty where it failed.
        seconds: by stage, and `in all` for the whole of it, models loaded meanwhile included.
        peak: megabytes at the peak, of the GPU's memory where there is one, else of the process.
        error: why there is no picture.
    """

    key: str
    family: str
    way: str
    photograph: str
    instruction: str
    caption: str = ""
    before: tuple[str, ...] = ()
    after: tuple[str, ...] = ()
    kind: str = ""
    picture: str = ""
    seconds: Mapping[str, float] = dataclasses.field(default_factory=dict[str, float])
    peak: int = 0
    error: str = ""


@dataclass(frozen=True)
class PhotographRun:
    """What is edited, and where it is kept.

    Attributes:
        folder: of pictures and records.
        files: of the photographs.
        settings: of `LoadOptions`, but for family and precision.
        changes: settings of all edits, by flat names.
        tell: called with a sentence before each edit that is made.
    """

    folder: Path
    files: Mapping[Photograph, Path]
    settings: Mapping[str, Any]
    changes: Mapping[str, Any]
    tell: Callable[[str], None]

    def edits(self, family: str) -> Iterator[PhotographEdit]:
        """All photographs in all ways with one family, those that are kept among them."""
        editor = Editor.load(family, **self.settings)
        for way, chosen in WAYS.items():
            for photograph, path in self.files.items():
                yield self._kept_or_made(editor, way, chosen, photograph, path)

    def precisions(self, family: str) -> list[PhotographEdit]:
        """The first photograph edited by default in each precision, with the captions of the first."""
        photograph, path = next(iter(self.files.items()))
        made: list[PhotographEdit] = []
        for precision in PRECISIONS:
            given = None if not made or made[0].error else made[0]
            settings: dict[str, Any] = {**self.settings, "precision": precision}
            editor = Editor.load(family, **settings)
            made.append(self._kept_or_made(editor, precision, WAYS["default"], photograph, path, given))
        return made

    def _kept_or_made(
        self,
        editor: Editor,
        way: str,
        chosen: Mapping[str, Any],
        photograph: Photograph,
        path: Path,
        like: PhotographEdit | None = None,
    ) -> PhotographEdit:
        """The edit that the folder holds, if it was made with the same; else a new one.

        Args:
            like: whose captions are taken.
        """
        stem = self.folder / editor.family_name / way / photograph.name
        wanted: dict[str, Any] = {**chosen, "force": True, **self.changes}
        try:
            options = editor.options(**wanted)
        except OnTheFlyError as error:
            return PhotographEdit(
                "", editor.family_name, way, photograph.name, photograph.instruction, error=str(error)
            )
        key = _key(editor, options, photograph, path, like)
        kept = _read(stem.with_suffix(".json"))
        if kept is not None and kept.key == key and not kept.error and (self.folder / kept.picture).is_file():
            return kept
        self.tell(f"{editor.family_name}, {way}: {photograph.name}, {photograph.instruction}")
        empty = PhotographEdit(key, editor.family_name, way, photograph.name, photograph.instruction)
        made = self._made(editor, options, empty, path, stem.with_suffix(".png"), like)
        with written_whole(stem.with_suffix(".json")) as part:
            part.write_text(json.dumps(dataclasses.asdict(made), indent=1) + "\n", encoding="utf-8")
        return made

    def _made(
        self,
        editor: Editor,
        options: EditOptions,
        empty: PhotographEdit,
        path: Path,
        target: Path,
        like: PhotographEdit | None,
    ) -> PhotographEdit:
        given: dict[str, Any] = {}
        if like is not None:
            given = {
                "caption": like.caption,
                "captions": EditCaptions(like.before, like.after, "given", kind=like.kind),
            }
        peak, started = Peak(editor.device), time.monotonic()
        try:
            result = editor.edit(path, empty.instruction, options=options, **given)
        except OnTheFlyError as error:
            return dataclasses.replace(empty, error=str(error))
        spent = {**result.seconds, "in all": time.monotonic() - started}
        with written_whole(target) as part:
            result.image.save(part, "PNG")
        return dataclasses.replace(
            empty,
            caption=result.caption,
            before=result.captions.before,
            after=result.captions.after,
            kind=result.captions.kind,
            picture=target.relative_to(self.folder).as_posix(),
            seconds={stage: round(value, 2) for stage, value in spent.items()},
            peak=peak.megabytes(),
        )


class Peak:
    """The most memory since it was made: of a GPU what torch had allocated; elsewhere what the process has now."""

    def __init__(self, device: torch.device) -> None:
        self._device = device
        if device.type == "cuda":
            torch.cuda.reset_peak_memory_stats(device)

    def megabytes(self) -> int:
        """So far."""
        if self._device.type == "cuda":
            return torch.cuda.max_memory_allocated(self._device) // 10**6
        return psutil.Process().memory_info().rss // 10**6


def agreement(folder: Path, edits: Sequence[PhotographEdit]) -> list[float | None]:
    """PSNR in dB of edits of one picture with the first of them; None where one of the two failed."""
    pictures = [None if one.error else np.asarray(open_picture(folder / one.picture), dtype=float) for one in edits]
    return [None if pictures[0] is None or one is None else _psnr(pictures[0], one) for one in pictures]


def _psnr(one: Any, other: Any) -> float:
    error = float(np.mean(np.square(one - other)))
    return _MOST_DECIBELS if error == 0 else min(_MOST_DECIBELS, 10 * float(np.log10(255**2 / error)))


def _key(editor: Editor, options: EditOptions, photograph: Photograph, path: Path, like: PhotographEdit | None) -> str:
    content = {
        "version": __version__,
        "options": options.flat(),
        "models": editor.model_rows(),
        "device": str(editor.device),
        "precision": str(editor.dtype),
        "instruction": photograph.instruction,
        "picture": hashlib.sha256(path.read_bytes()).hexdigest(),
        "captions": None if like is None else [like.caption, like.before, like.after, like.kind],
    }
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def _read(path: Path) -> PhotographEdit | None:
    """What was kept; None where nothing was, or nothing that can be read."""
    try:
        content = json.loads(path.read_bytes())
        fields: dict[str, Any] = {**content, **{name: tuple(content[name]) for name in ("before", "after")}}
        return PhotographEdit(**fields)
    except (OSError, ValueError, TypeError, KeyError):
        return None
