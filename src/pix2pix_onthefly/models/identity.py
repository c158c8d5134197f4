"""What tells one set of weights from another."""

from __future__ import annotations

import hashlib
import json
from functools import cache
from pathlib import Path

from .families import ModelRow

_READ = 1 << 20  # bytes


def weights_key(row: ModelRow) -> tuple[str, str | None]:
    """Names a row's weights: of the hub by id and revision; of a folder, where others may lie tomorrow, by a hash of
    its files."""
    return row.source, row.revision if row.folder is None else _content(row.folder)


def weights_name(row: ModelRow) -> str:
    """`weights_key` as one text without the folder's path, which would tell about its owner."""
    return hashlib.sha256(json.dumps(weights_key(row)).encode()).hexdigest()


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
            ends = hashlib.sha256(beginning + file.read(_READ)).hexdigest()
        facts.append((path.relative_to(folder).as_posix(), size, ends))
    return hashlib.sha256(json.dumps(facts).encode()).hexdigest()
