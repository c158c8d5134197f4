"""Where a model's files are: in a folder, in the hub's cache, or still on the hub."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from .download import download
from .families import custom_row
from .parts import PARTS, files_of, lacking_of, missing, variants
from .refusals import unavailable
from .rows import ModelRow


@dataclass(frozen=True)
class Presence:
    """Whether a row's files are on this machine.

    Attributes:
        state: `bundled`, `yes`, `partly` or `no`.
        size: of the files that are here, in bytes.
    """

    state: str
    size: int = 0


def folder_of(row: ModelRow, role: str, *, half: bool) -> Path:
    """The folder that a row is loaded from. What is not on this machine is downloaded first.

    Raises:
        ModelUnavailableError: the files are not here and cannot be had.
    """
    folder = row.folder or _cached_folder(row, _settings(role))
    if folder is not None:
        lacking = missing(folder, row, role)
        if not lacking:
            return folder
        if row.folder is not None:
            raise unavailable(row, f"the folder has no {lacking[0]}")
    return fetch(row, role, half=half)


def make_sure(row: ModelRow, role: str, *, half: bool) -> None:
    """Brings a row's files to this machine, if it has any: `folder_of` for those who will load it later.

    Raises:
        ModelUnavailableError: the files are not here and cannot be had.
    """
    if row.loader is None:
        folder_of(row, role, half=half)


def fetch(row: ModelRow, role: str, *, half: bool, advice: str = "") -> Path:
    """Downloads what loading a row of the hub needs, and nothing else, into the hub's cache, and returns the folder.

    Args:
        advice: what the error says in place of advice to download the model.

    Raises:
        ModelUnavailableError: that is not possible.
    """
    lacking = PARTS[role]
    folder = Path()
    for variant in variants(row, half=half):
        names = [name for part in lacking.values() for name in files_of(part, row, variant)]
        folder = download(row, names, advice)
        lacking = {name: part for name, part in PARTS[role].items() if lacking_of(part, folder, row)}
        if not lacking:
            return folder
    first = missing(folder, row, role)[0]
    raise unavailable(row, f"the hub holds no {first} for it, or could not be reached", advice=advice)


def settings_folder(row: ModelRow, names: list[str]) -> Path:
    """The folder with some of a row's small files; of a row of the hub these alone are downloaded where none is here.

    Raises:
        ModelUnavailableError: they are not here and cannot be had.
    """
    if row.folder is not None:
        return row.folder
    cached = _cached_folder(row, names)
    return cached if cached and all((cached / name).is_file() for name in names) else download(row, names)


def presence(row: ModelRow, role: str) -> Presence:
    """Whether a row could be loaded without a download."""
    if row.loader is not None:
        return Presence("bundled")
    folder = row.folder or _cached_folder(row, _settings(role))
    if folder is None or not folder.is_dir():
        return Presence("no")
    size = sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())
    if row.bundled:
        return Presence("bundled", size)
    return Presence("partly" if missing(folder, row, role) else "yes", size)


def role_of(name: str, advice: str = "") -> str:
    """The role that a model of the hub can play, by its settings.

    Args:
        advice: what the error says in place of advice to download the model.

    Raises:
        InputError: no hub id.
        ModelUnavailableError: the hub cannot be reached or has no such model.
    """
    row = custom_row("", name)
    folder = download(row, ["model_index.json", "config.json"], advice)
    if (folder / "model_index.json").is_file():
        return "diffusion"
    try:
        kind = json.loads((folder / "config.json").read_text(encoding="utf-8"))["model_type"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        reason = "the hub holds no settings of a model for it, or could not be reached"
        raise unavailable(row, reason, advice=advice) from error
    from transformers.models.auto.modeling_auto import MODEL_FOR_IMAGE_TEXT_TO_TEXT_MAPPING_NAMES

    return (
        "clip" if kind == "clip" else "captioner" if kind in MODEL_FOR_IMAGE_TEXT_TO_TEXT_MAPPING_NAMES else "rewriter"
    )


def _settings(role: str) -> list[str]:
    return [name for part in PARTS[role].values() for name in part.settings]


def _cached_folder(row: ModelRow, names: Iterable[str]) -> Path | None:
    """The row's snapshot in the hub's cache, complete or not, by the first of some files that is in it."""
    from huggingface_hub import try_to_load_from_cache

    for name in names:
        found = try_to_load_from_cache(row.source, name, revision=row.revision)
        if isinstance(found, str):
            return Path(found).parents[name.count("/")]
    return None
