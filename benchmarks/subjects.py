"""The diffusion models that are measured."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

import torch

from pix2pix_onthefly.backbones.stable_diffusion import LatentDiffusion
from pix2pix_onthefly.models import families, loading

from .true_size_models import FAMILY as TRUE_SIZE_FAMILY
from .true_size_models import write_diffusion

RANDOM = "random-sd1"
SUBJECTS = (*families.FAMILIES, RANDOM)


def load_subject(name: str, device: torch.device, dtype: torch.dtype) -> LatentDiffusion:
    """The diffusion model of a family, or one of Stable Diffusion 1.x's size with random weights."""
    if name == RANDOM:
        with TemporaryDirectory() as folder:
            write_diffusion(Path(folder), families.FAMILIES[TRUE_SIZE_FAMILY].diffusion)
            return loading.load_diffusion(families.custom_row("diffusion", folder), device, dtype)
    return loading.load_diffusion(families.FAMILIES[name].diffusion, device, dtype)
