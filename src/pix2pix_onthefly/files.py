"""Files and folders under a name of their own until they are whole; what a killed process left behind is cleared."""

from __future__ import annotations

import time
import uuid
from pathlib import Path

STALE_AFTER = 3600.0
"""Seconds without a change after which nobody can still be writing."""
_BEGINNING, _ENDING = ".onthefly-", ".part"


def unfinished(path: Path) -> Path:
    """A name beside a path that no other process takes."""
    return path.with_name(f"{_BEGINNING}{uuid.uuid4().hex}{_ENDING}")


def clear_unfinished(folder: Path) -> None:
    """Removes files below a folder whose writer was killed; a young one may belong to another process and stays."""
    for path in folder.rglob(f"{_BEGINNING}*{_ENDING}"):
        try:
            if path.is_file() and time.time() - path.stat().st_mtime > STALE_AFTER:
                path.unlink()
        except FileNotFoundError:
            continue  # its writer has finished
