"""LEDITS++ (Brack et al. 2024) as diffusers ships it: the picture's own noise, replayed under masked guidance."""

from __future__ import annotations

import inspect
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from types import FunctionType, SimpleNamespace
from typing import Any

import torch
from diffusers import DPMSolverMultistepScheduler
from PIL import Image
from torch import Tensor
from torch.nn import functional

from ...backbones.stable_diffusion import LatentDiffusion
from ...editor import Editor
from ...errors import OptionError
from ...options import EditOptions
from ...pictures import fitting
from ..runs.method import Case, Made
from .base import FamilyMethod, finished, generators, pipeline_of
from .phrases import changed_phrases
from .settings import Settings, check_range, scaled_guidance

_PROMPTS = "captions", "phrases"
_MULTIPLE = 32
"""The pipeline takes only pictures whose sides are multiples of this, and blurs attention of no fewer than two such."""
_ITS_CHANNELS = 4
"""The pipeline repeats its attention mask for so many latent channels."""


@dataclass(frozen=True, kw_only=True)
class LeditsSettings(Settings):
    """Its settings, the pipeline's defaults.

    Attributes:
        skip: share of the noisiest steps that is left out.
        edit_guidance_scale: towards the after-caption and away from the before-caption, for Stable Diffusion.
        edit_threshold: quantile that a place must reach to be edited.
        use_intersect_mask: whether a place must reach it in the attention and in the noise; else in the attention.
        prompts: what is put in and taken away: all of the `captions`, or the `phrases` that change between them.
    """

    skip: float = 0.15
    edit_guidance_scale: float = 5.0
    edit_threshold: float = 0.9
    use_intersect_mask: bool = True
    prompts: str = "captions"

    def __post_init__(self) -> None:
        if self.prompts not in _PROMPTS:
            raise OptionError(f"prompts must be one of {', '.join(_PROMPTS)}, not {self.prompts!r}")
        check_range("skip", self.skip, 0, 0.99)
        check_range("edit_threshold", self.edit_threshold, 0, 1)


class Ledits(FamilyMethod):
    """One picture at a time: the pipeline has one set of prompts for all."""

    def __init__(self, name: str, editor: Editor, options: EditOptions, settings: LeditsSettings) -> None:
        super().__init__(name, editor, options, batch=1)
        self.guidance_scale, self.own = scaled_guidance(settings.edit_guidance_scale, options), settings
        scheduler: Any = DPMSolverMultistepScheduler.from_config(
            self.diffusion.scheduler.config, algorithm_type="sde-dpmsolver++", solver_order=2
        )
        self.pipeline = pipeline_of(_pipeline_class(self.diffusion), self.diffusion, scheduler)

    def settings(self) -> dict[str, object]:
        """The guidance scale is the one that is used."""
        return {**self.described(self.own), "edit_guidance_scale": self.guidance_scale}

    def fitted(self, cases: Sequence[Case]) -> list[Image.Image]:
        """The pictures at a size the pipeline takes."""
        long_side = self.options.size or self.diffusion.native_size
        return [fitted_to_32(case.picture, long_side) for case in cases]

    def edit_batch(self, cases: Sequence[Case]) -> list[Made]:
        """Edits one picture."""
        with _own_attention(self.diffusion):
            return finished(cases, [self._edited(case) for case in cases])

    def _edited(self, case: Case) -> Image.Image:
        old, new = case.captions.before[0], case.captions.after[0]
        if self.own.prompts == "phrases":
            old, new = changed_phrases(old, new) or (old, new)
        self.pipeline.invert(
            image=self.fitted([case]),
            num_inversion_steps=self.options.steps,
            skip=self.own.skip,
            generator=generators([case])[0],
        )
        return self.pipeline(
            editing_prompt=[new, old],
            reverse_editing_direction=[False, True],
            edit_guidance_scale=self.guidance_scale,
            edit_threshold=self.own.edit_threshold,
            use_intersect_mask=self.own.use_intersect_mask,
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
