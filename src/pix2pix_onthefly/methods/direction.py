"""The edit direction: how the text embedding changes from before-captions to after-captions (paper Eq. 1, 2)."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file

from ..backbones.backbone import Backbone
from ..errors import InputError, OutputError
from ..files import written_whole
from ..records import Conditioning

_KEY, _POOLED_KEY = "direction", "pooled"


def edit_direction(backbone: Backbone, before: Sequence[str], after: Sequence[str]) -> Conditioning:
    """Mean embedding of the after-captions less that of the before-captions, token position by token position.

    Returns:
        one row, float32: the shape of one caption's embedding ([1, 77, 768] for Stable Diffusion 1.x).

    Raises:
        InputError: one of the lists is empty.
    """
    if not before or not after:
        raise InputError("an edit direction needs at least one caption before and one after the edit")
    return backbone.condition(after).mean() - backbone.condition(before).mean()


def check_direction(direction: Conditioning, backbone: Backbone) -> None:
    """Makes sure that a given direction fits the model's text encoder.

    Raises:
        InputError: it has another shape.
    """
    expected = backbone.condition([""])
    for found, needed in ((direction.hidden, expected.hidden), (direction.pooled, expected.pooled)):
        shapes = [None if part is None else tuple(part.shape) for part in (found, needed)]
        if shapes[0] != shapes[1]:
            raise InputError(
                f"this direction has shape {shapes[0]}, but the models in use need {shapes[1]}: use the models it was "
                "made with"
            )


def save_direction(direction: Conditioning, path: Path, note: str = "") -> None:
    """Writes a direction to a safetensors file, for use without a language model (pix2pix-zero's own way).

    Raises:
        OutputError: the file cannot be written.
    """
    if not path.parent.is_dir():
        raise OutputError(f"cannot write the direction to {path}: there is no such folder; choose one that is there")
    tensors = {_KEY: direction.hidden.contiguous().cpu()}
    if direction.pooled is not None:
        tensors[_POOLED_KEY] = direction.pooled.contiguous().cpu()
    with written_whole(path, failures=(SafetensorError,)) as part:
        save_file(tensors, part, metadata={"note": note})


def load_direction(path: Path) -> Conditioning:
    """Reads a direction back.

    Raises:
        InputError: no such file, or not a direction.
    """
    if not path.is_file():
        raise InputError(f"there is no direction file {path}")
    try:
        with safe_open(path, framework="pt") as file:
            hidden = file.get_tensor(_KEY)
            pooled = file.get_tensor(_POOLED_KEY) if _POOLED_KEY in file.keys() else None  # noqa: SIM118
    except (SafetensorError, OSError) as error:
        raise InputError(f"{path} is not a direction saved by this program") from error
    if hidden.ndim != 3 or not torch.isfinite(hidden).all():
        raise InputError(f"{path} holds no direction of shape [1, tokens, width]")
    return Conditioning(hidden.float(), None if pooled is None else pooled.float())
