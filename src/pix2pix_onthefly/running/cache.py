"""What many edits share: captions, the language model's captions and the noise of inverted pictures, on disk.

A file is named after the hash of all that its content depends on, and is written whole or not at all. A file that
cannot be read counts as missing.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from ..files import written_whole

_NOISE = "noise"


def digest(content: object) -> str:
    """Hash of plain data, whatever the order of its keys."""
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


class Cache:
    """Files below one folder, which several processes may use at once."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def record(self, kind: str, key: Mapping[str, object]) -> dict[str, Any] | None:
        """What was kept under a key, if anything."""
        try:
            content = json.loads(self._path(kind, key, "json").read_bytes())
        except (OSError, ValueError):
            return None
        return cast("dict[str, Any]", content) if isinstance(content, dict) else None

    def keep_record(self, kind: str, key: Mapping[str, object], content: Mapping[str, object]) -> None:
        """Keeps plain data under a key."""
        text = json.dumps(content, indent=1) + "\n"
        with written_whole(self._path(kind, key, "json")) as part:
            part.write_text(text, encoding="utf-8")

    def noise(self, key: Mapping[str, object]) -> Tensor | None:
        """The noise [1, channels, h, w] that was kept under a key, if any, on the CPU."""
        path = self._path(_NOISE, key, "safetensors")
        if not path.is_file():
            return None
        try:
            with safe_open(path, framework="pt") as file:
                return file.get_tensor(_NOISE)
        except (SafetensorError, OSError):
            return None

    def keep_noise(self, key: Mapping[str, object], noise: Tensor) -> None:
        """Keeps the noise under a key, in float32."""
        tensors = {_NOISE: noise.detach().float().cpu().contiguous()}
        with written_whole(self._path(_NOISE, key, "safetensors"), failures=(SafetensorError,)) as part:
            save_file(tensors, part)

    def _path(self, kind: str, key: Mapping[str, object], ending: str) -> Path:
        name = digest(dict(key))
        return self.folder / kind / name[:2] / f"{name}.{ending}"


class NoCache:
    """Keeps nothing."""

    def record(self, kind: str, key: Mapping[str, object]) -> dict[str, Any] | None:
        """Nothing."""
        return None

    def keep_record(self, kind: str, key: Mapping[str, object], content: Mapping[str, object]) -> None:
        """Forgets it."""

    def noise(self, key: Mapping[str, object]) -> Tensor | None:
        """Nothing."""
        return None

    def keep_noise(self, key: Mapping[str, object], noise: Tensor) -> None:
        """Forgets it."""
