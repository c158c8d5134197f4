"""Where a model's files are: in a folder, in the hub's cache, or still on the hub."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from .download import download
from .families import custom_row
from .layouts import INDEX, LAYOUTS, Layout, UnknownLayout, layout_in, tells
from .parts import PARTS, Part, files_of, lacking_of, missing, variants
from .refusals import brief, unavailable
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
    parts = parts_of(row, role)
    folder = row.folder or _cached_folder(row, _settings(parts))
    if folder is not None:
        lacking = missing(folder, row, role, parts)
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
    parts = lacking = parts_of(row, role, advice)
    folder = Path()
    for variant in variants(row, half=half):
        names = [name for part in lacking.values() for name in files_of(part, row, variant)]
        folder = download(row, names if role != "diffusion" else [*names, *_index_of(layout_of(row))], advice)
        lacking = {name: part for name, part in parts.items() if lacking_of(part, folder, row)}
        if not lacking:
            return folder
    first = missing(folder, row, role, parts)[0]
    raise unavailable(row, f"the hub holds no {first} for it, or could not be reached", advice=advice)


def layout_of(row: ModelRow, advice: str = "") -> Layout:
    """How a diffusion model is laid out; of a row of the hub that nothing is known of one small file is downloaded.

    Args:
        advice: what the error says in place of advice to download the model.

    Raises:
        ModelUnavailableError: it is not here and cannot be had, or there is no backbone for its classes.
    """
    found = _known_layout(row)
    if found is None:
        folder = download(row, [INDEX], advice)
        found = _layout_in(folder, row)
    return found


def _index_of(layout: Layout) -> list[str]:
    """The index where loading reads more in it than the layout, which the row or the index itself has told before."""
    return [INDEX] if layout.switches else []


def parts_of(row: ModelRow, role: str, advice: str = "") -> dict[str, Part]:
    """What a row is loaded from.

    Raises:
        ModelUnavailableError: as of `layout_of`.
    """
    return layout_of(row, advice).parts if role == "diffusion" else PARTS[role]


def _known_layout(row: ModelRow) -> Layout | None:
    """A diffusion model's layout by its row or by files on this machine; None where only the hub can tell."""
    if row.layout:
        return LAYOUTS[row.layout]
    folder = row.folder or _cached_folder(row, [INDEX, *_settings(PARTS["diffusion"])])
    return _layout_in(folder, row) if folder is not None and (row.folder is not None or tells(folder)) else None


def _layout_in(folder: Path, row: ModelRow) -> Layout:
    try:
        return layout_in(folder)
    except UnknownLayout as error:
        reason = f"there is no backbone for a {brief(error)}"
        known = ", ".join(LAYOUTS)
        raise unavailable(row, reason, f"choose a model of one of the layouts {known}") from error


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
    layout = _known_layout(row) if role == "diffusion" else None
    if role == "diffusion" and layout is None:
        return Presence("no")
    parts = PARTS[role] if layout is None else layout.parts
    folder = row.folder or _cached_folder(row, _settings(parts))
    if folder is None or not folder.is_dir():
        return Presence("no")
    size = sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())
    if row.bundled:
        return Presence("bundled", size)
    return Presence("partly" if missing(folder, row, role, parts) else "yes", size)


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


def _settings(parts: Mapping[str, Part]) -> list[str]:
    return [name for part in parts.values() for name in part.settings]


def _cached_folder(row: ModelRow, names: Iterable[str]) -> Path | None:
    """The row's snapshot in the hub's cache, complete or not, by the first of some files that is in it."""
    from huggingface_hub import try_to_load_from_cache

    for name in names:
        found = try_to_load_from_cache(row.source, name, revision=row.revision)
        if isinstance(found, str):
            return Path(found).parents[name.count("/")]
    return None
