"""LEDITS++ (Brack et al. 2024) as diffusers ships it: the picture's own noise, replayed under masked guidance."""

from __future__ import annotations

import inspect
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from types import FunctionType, SimpleNamespace
from typing import Any

import torch
from diffusers import DPMSolverMultistepScheduler
from PIL import Image
from torch import Tensor
from torch.nn import functional

from ...backbones.backbone import Backbone
from ...backbones.stable_diffusion import LatentDiffusion
from ...methods.method import Need
from ...methods.phrases import changed_phrases
from ...options import EditOptions
from ...pictures import fitting
from ...records import Case, Edited, Progress, no_progress
from .base import generators, pipeline_of, stable_diffusion
from .options import LeditsOptions

_MULTIPLE = 32
"""The pipeline takes only pictures whose sides are multiples of this, and blurs attention of no fewer than two such."""
_ITS_CHANNELS = 4
"""The pipeline repeats its attention mask for so many latent channels."""


class Ledits:
    """One picture at a time: the pipeline has one set of prompts for all."""

    needs = frozenset([Need.CAPTIONS])
    batch: int | None = 1

    def __init__(self, options: LeditsOptions, models: object = None) -> None:
        self.models: dict[str, str] = {}

    def edit(
        self, backbone: Backbone, cases: Sequence[Case], options: EditOptions, progress: Progress = no_progress
    ) -> list[Edited]:
        """Edits one picture."""
        diffusion = stable_diffusion(options.method.name, backbone)
        scheduler: Any = DPMSolverMultistepScheduler.from_config(
            diffusion.scheduler.config, algorithm_type="sde-dpmsolver++", solver_order=2
        )
        pipeline = pipeline_of(_pipeline_class(diffusion), diffusion, scheduler)
        with _own_attention(diffusion):
            return [Edited(_edited(pipeline, case, options, diffusion.native_size)) for case in cases]


def _edited(pipeline: Any, case: Case, options: EditOptions, native_size: int) -> Image.Image:
    own = options.method
    assert isinstance(own, LeditsOptions)
    old, new = case.captions.before[0], case.captions.after[0]
    if own.prompts == "phrases":
        old, new = changed_phrases(old, new) or (old, new)
    pipeline.invert(
        image=[fitted_to_32(case.picture.original, options.size or native_size)],
        num_inversion_steps=options.steps,
        skip=own.skip,
        generator=generators([case], options.seed)[0],
    )
    return pipeline(
        editing_prompt=[new, old],
        reverse_editing_direction=[False, True],
        edit_guidance_scale=own.edit_guidance_scale,
        edit_threshold=own.edit_threshold,
        use_intersect_mask=own.use_intersect_mask,
        use_cross_attn_mask=True,
    ).images[0]


def fitted_to_32(picture: Image.Image, long_side: int) -> Image.Image:
    """The picture with a long side of about `long_side` pixels; both sides are multiples of 32 and at least 64."""
    scale = long_side / max(picture.size) / _MULTIPLE
    width, height = (max(2, round(length * scale)) * _MULTIPLE for length in picture.size)
    return fitting.restore(picture, (width, height))


@contextmanager
def _own_attention(diffusion: LatentDiffusion) -> Generator[None]:
    """Puts the UNet's attention back as it was: the pipeline replaces it."""
    before = dict(diffusion.unet.attn_processors)
    try:
        yield
    finally:
        diffusion.unet.set_attn_processor(before)


def _pipeline_class(diffusion: LatentDiffusion) -> Any:
    """diffusers' pipeline, mended in two places."""
    from diffusers import LEditsPPPipelineStableDiffusion

    class Pipeline(LEditsPPPipelineStableDiffusion):
        """Counts a prompt's tokens, and takes latents of more channels than four."""

        def encode_prompt(self, *arguments: Any, **named: Any) -> Any:
            """Takes the number of tokens from the tokenizer's mask.

            The original takes it from its `length`, which recent tokenizers give with the padding; attention to that
            would count as attention to the prompt.
            """
            edits, negative, lengths = super().encode_prompt(*arguments, **named)
            if lengths is not None and named.get("editing_prompt"):
                lengths = token_counts(self.tokenizer, named["editing_prompt"])
            return edits, negative, lengths

    channels = diffusion.unet.config["in_channels"]
    if channels != _ITS_CHANNELS:
        Pipeline.__call__ = for_channels(LEditsPPPipelineStableDiffusion.__call__, channels)
    return Pipeline


def token_counts(tokenizer: Any, prompts: str | Sequence[str]) -> Tensor:
    """How many tokens each prompt has, without those that begin and end it."""
    texts = [prompts] if isinstance(prompts, str) else list(prompts)
    tokens = tokenizer(texts, padding="max_length", max_length=tokenizer.model_max_length, truncation=True)
    return torch.tensor([sum(mask) - 2 for mask in tokens.attention_mask])


def for_channels(call: Any, channels: int) -> Any:
    """The pipeline's call for latents of any multiple of four channels.

    It repeats its mask [1, 1, h, w] four times, right after `interpolate`. A copy of the function that sees an
    `interpolate` of its own gets a mask of a fourth of the channels there; nothing else changes, for nobody.
    """
    plain: Any = inspect.unwrap(call)

    def interpolate(mask: Tensor, size: Any) -> Tensor:
        return functional.interpolate(mask, size).expand(-1, channels // _ITS_CHANNELS, -1, -1)

    names = SimpleNamespace(**{**vars(functional), "interpolate": interpolate})
    copy = FunctionType(plain.__code__, {**plain.__globals__, "F": names}, plain.__name__, plain.__defaults__)
    return torch.no_grad()(copy)
