"""The sets that can be named on the command line."""

from __future__ import annotations

import re
from pathlib import Path

from ...records import Progress, no_progress
from ..runs.result_files import CACHE, locked
from .magicbrush import load_dataset
from .magicbrush_hub import load_hub_split
from .minibrush import write_minibrush
from .turns import Dataset

_PATIENCE = 600
"""Seconds to wait for another process that makes the same set."""


def open_dataset(name: str, folder: Path, progress: Progress = no_progress) -> Dataset:
    """The set of a name: `minibrush:dev` or `minibrush:test`, which is made first; `magicbrush:dev`, which the hub has;
    otherwise a folder or a zip in MagicBrush's layout.

    Args:
        folder: of results; MiniBrush is made in its cache.

    Raises:
        InputError, OptionError, OutputError: no such set, or it cannot be read, made or fetched.
    """
    found = re.fullmatch(r"(minibrush|magicbrush):(\w+)", name, re.IGNORECASE)
    if found is None:
        return load_dataset(Path(name), progress=progress)
    kind, split = found[1].lower(), found[2].lower()
    if kind == "magicbrush":
        return load_hub_split(split=split, progress=progress)
    target = folder / CACHE / f"minibrush-{split}"
    with locked(target.with_suffix(".lock"), f"another process has been making {target} for long", _PATIENCE):
        if not target.exists():
            write_minibrush(target, split)
    return load_dataset(target)
