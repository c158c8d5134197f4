"""What many edits share: captions, the language model's captions and the noise of inverted pictures, on disk.

A file is named after the hash of all that its content depends on, and is written whole or not at all. A file that
cannot be read counts as missing.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from ..files import written_whole

_NOISE, _EMPTY_TEXTS = "noise", "empty_texts"


@dataclass(frozen=True)
class KeptNoise:
    """What is kept of an inversion, on the CPU.

    Attributes:
        noise: [1, channels, h, w].
        empty_texts: [steps, tokens, width], of inversions that optimise the empty text.
    """

    noise: Tensor
    empty_texts: Tensor | None = None


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

    def noise(self, key: Mapping[str, object]) -> KeptNoise | None:
        """The noise that was kept under a key, if any, with the empty texts that belong to it."""
        path = self._path(_NOISE, key, "safetensors")
        if not path.is_file():
            return None
        try:
            with safe_open(path, framework="pt") as file:
                texts = file.get_tensor(_EMPTY_TEXTS) if _EMPTY_TEXTS in file.keys() else None  # noqa: SIM118
                return KeptNoise(file.get_tensor(_NOISE), texts)
        except (SafetensorError, OSError):
            return None

    def keep_noise(self, key: Mapping[str, object], kept: KeptNoise) -> None:
        """Keeps the noise under a key, and the empty texts where there are some, in float32."""
        given = {_NOISE: kept.noise, _EMPTY_TEXTS: kept.empty_texts}
        tensors = {name: part.detach().float().cpu().contiguous() for name, part in given.items() if part is not None}
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

    def noise(self, key: Mapping[str, object]) -> KeptNoise | None:
        """Nothing."""
        return None

    def keep_noise(self, key: Mapping[str, object], kept: KeptNoise) -> None:
        """Forgets it."""
