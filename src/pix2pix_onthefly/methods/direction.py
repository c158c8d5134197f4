"""The edit direction: how the text embedding changes from before-captions to after-captions (paper Eq. 1, 2)."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from ..backbones.stable_diffusion import LatentDiffusion
from ..errors import InputError, OutputError
from ..files import written_whole

_KEY = "direction"


def edit_direction(diffusion: LatentDiffusion, before: Sequence[str], after: Sequence[str]) -> Tensor:
    """Mean embedding of the after-captions less that of the before-captions, token position by token position.

    Returns:
        [1, tokens, width] float32, the shape of one caption's embedding ([1, 77, 768] for Stable Diffusion 1.x).

    Raises:
        InputError: one of the lists is empty.
    """
    if not before or not after:
        raise InputError("an edit direction needs at least one caption before and one after the edit")
    mean_before = diffusion.embed(before).mean(0, keepdim=True)
    mean_after = diffusion.embed(after).mean(0, keepdim=True)
    return mean_after - mean_before


def check_direction(direction: Tensor, diffusion: LatentDiffusion) -> None:
    """Makes sure that a given direction fits the model's text encoder.

    Raises:
        InputError: it has another shape.
    """
    expected = diffusion.embed([""]).shape
    if direction.shape != expected:
        raise InputError(
            f"this direction has shape {tuple(direction.shape)}, but the models in use need {tuple(expected)}: use the "
            "models it was made with"
        )


def save_direction(direction: Tensor, path: Path, note: str = "") -> None:
    """Writes a direction to a safetensors file, for use without a language model (pix2pix-zero's own way).

    Raises:
        OutputError: the file cannot be written.
    """
    if not path.parent.is_dir():
        raise OutputError(f"cannot write the direction to {path}: there is no such folder; choose one that is there")
    with written_whole(path, failures=(SafetensorError,)) as part:
        save_file({_KEY: direction.contiguous().cpu()}, part, metadata={"note": note})


def load_direction(path: Path) -> Tensor:
    """Reads a direction back.

    Raises:
        InputError: no such file, or not a direction.
    """
    if not path.is_file():
        raise InputError(f"there is no direction file {path}")
    try:
        with safe_open(path, framework="pt") as file:
            direction: Tensor = file.get_tensor(_KEY)
    except (SafetensorError, OSError) as error:
        raise InputError(f"{path} is not a direction saved by this program") from error
    if direction.ndim != 3 or not torch.isfinite(direction).all():
        raise InputError(f"{path} holds no direction of shape [1, tokens, width]")
    return direction.float()
