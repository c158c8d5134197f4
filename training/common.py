"""What the training scripts share: where things lie, the pictures' size, and how weights are saved."""

from __future__ import annotations

import json
from pathlib import Path

import torch
from torch import nn

ROOT = Path(__file__).resolve().parents[1]
PACKAGED = ROOT / "src/pix2pix_onthefly/mini"
CHECKPOINTS = ROOT / "training/checkpoints"
PICTURE_SIDE = 128
"""Side of the mini family's pictures in pixels: the one place that sets it."""


def pick_device() -> torch.device:
    """The fastest device of this machine."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def save_model(model: nn.Module, folder: Path) -> None:
    """Saves in the hub's layout as bfloat16 safetensors."""
    folder.mkdir(parents=True, exist_ok=True)
    model.save_pretrained(folder, safe_serialization=True)  # type: ignore[operator]
    path = folder / "config.json"
    config = json.loads(path.read_text())
    config.pop("_name_or_path", None)  # where this machine had it
    write_json(path, config)


def write_json(path: Path, content: object) -> None:
    """Writes a small JSON file with a trailing newline."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content, indent=2) + "\n")
