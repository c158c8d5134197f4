"""What the rivals share: generators, schedulers, pipelines of diffusers around a model's networks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch

from ...backbones.backbone import Backbone
from ...backbones.stable_diffusion import LatentDiffusion
from ...errors import OptionError
from ...records import Case


def stable_diffusion(name: str, backbone: Backbone) -> LatentDiffusion:
    """The backbone, of a method that needs its networks.

    Raises:
        OptionError: it is of another kind.
    """
    if not isinstance(backbone, LatentDiffusion):
        raise OptionError(f"{name} works on Stable Diffusion's networks alone; choose another --method")
    return backbone


def generators(cases: Sequence[Case], seed: int) -> list[torch.Generator]:
    """One for each case; on the CPU, so that a seed means the same on every device."""
    return [torch.Generator().manual_seed(seed) for _ in cases]


def pipeline_of(kind: Any, diffusion: LatentDiffusion, scheduler: Any, **parts: Any) -> Any:
    """A pipeline of diffusers around a model's own networks, silent and without a safety checker.

    It is made anew for each edit, which costs nothing: the networks may have been moved since the last one.
    """
    pipeline = kind(
        vae=diffusion.vae,
        text_encoder=diffusion.text_encoder,
        tokenizer=diffusion.tokenizer,
        unet=diffusion.unet,
        scheduler=scheduler,
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
        **parts,
    )
    pipeline.set_progress_bar_config(disable=True)
    return pipeline
