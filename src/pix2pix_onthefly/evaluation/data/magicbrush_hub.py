"""MagicBrush's dev split from the Hugging Face hub, kept as a folder in the layout of the test set."""

from __future__ import annotations

import dataclasses
import json
from collections import defaultdict
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from huggingface_hub import cached_assets_path
from PIL import Image

from ...errors import InputError, OutputError
from ...records import Progress, no_progress
from ..optional_libraries import import_extra
from .archives import new_folder
from .magicbrush import PICTURES_FOLDER, SESSIONS_FILE, TURNS_FILE, check_session, read_folder
from .turns import Dataset

HUB_NAME = "osunlp/MagicBrush"
_COLUMNS: dict[str, Any] = {
    "img_id": str | int,
    "turn_index": int,
    "instruction": str,
    "source_img": Image.Image,
    "mask_img": Image.Image,
    "target_img": Image.Image,
}
_PNG_MODES = ("1", "L", "LA", "P", "RGB", "RGBA")


def load_hub_split(
    name: str = HUB_NAME, split: str = "dev", *, into: Path | str | None = None, progress: Progress = no_progress
) -> Dataset:
    """A split as the hub has it: pictures and instructions, no descriptions. It is written to disk the first time.

    Raises:
        OnTheFlyError: the library `datasets` is not installed.
        InputError: the split cannot be had, or is of another kind.
        OutputError: it cannot be written.
    """
    folder = Path(into) if into else _cache_folder(name, split)
    if not (folder / SESSIONS_FILE).is_file():
        rows = _rows(name, split)
        with new_folder(folder) as part:
            _write(part, name, rows, progress)
    return dataclasses.replace(read_folder(folder), name=f"{name.rpartition('/')[2]} {split}")


def _cache_folder(name: str, split: str) -> Path:
    try:
        return cached_assets_path("pix2pix-onthefly", namespace=name, subfolder=split)
    except (OSError, ValueError) as error:
        raise OutputError(f"the cache of the hub cannot be written ({error}); give a folder") from error


def _rows(name: str, split: str) -> Iterator[Mapping[str, Any]]:
    """Streams the rows: otherwise the library would fetch all splits, which are 22 GB."""
    library = import_extra("datasets")
    return _guarded(lambda: library.load_dataset(name, split=split, streaming=True), name, split)


def _guarded(load: Any, name: str, split: str) -> Iterator[Mapping[str, Any]]:
    try:
        yield from load()
    except Exception as error:  # the library and its network clients raise nearly anything
        raise InputError(
            f"the split {split!r} of {name} cannot be had ({' '.join(str(error).split())}); "
            "check the name, and connect to the internet once"
        ) from error


def _write(folder: Path, name: str, rows: Iterator[Mapping[str, Any]], progress: Progress) -> None:
    sessions: dict[str, dict[int, dict[str, str]]] = defaultdict(dict)
    for count, row in enumerate(rows, 1):
        absent = [column for column, kind in _COLUMNS.items() if not isinstance(row.get(column), kind)]
        if absent:
            raise InputError(f"row {count} of {name} has no sound {absent[0]!r}; give a set with MagicBrush's columns")
        session, number = str(row["img_id"]), row["turn_index"]
        check_session(name, session)
        sessions[session][number] = _write_turn(folder / PICTURES_FOLDER / session, session, number, row)
        progress("download", count, count)
    ordered = {session: [turn for _, turn in sorted(turns.items())] for session, turns in sessions.items()}
    for file, content in (
        (TURNS_FILE, [turn for turns in ordered.values() for turn in turns]),
        (SESSIONS_FILE, ordered),
    ):
        (folder / file).write_text(json.dumps(content, indent=1), encoding="utf-8")


def _write_turn(folder: Path, session: str, number: int, row: Mapping[str, Any]) -> dict[str, str]:
    """Pictures and fields of a turn; a source that is the target of the turn before is not written again."""
    folder.mkdir(parents=True, exist_ok=True)
    source = f"{session}-input.png" if number == 1 else f"{session}-output{number - 1}.png"
    fields = {"input": source, "mask": f"{session}-mask{number}.png", "output": f"{session}-output{number}.png"}
    for field, column in zip(fields, ("source_img", "mask_img", "target_img"), strict=True):
        if field != "input" or not (folder / source).exists():
            _write_picture(row[column], folder / fields[field])
    return {**fields, "instruction": row["instruction"]}


def _write_picture(picture: Image.Image, path: Path) -> None:
    (picture if picture.mode in _PNG_MODES else picture.convert("RGB")).save(path, "PNG")
