"""What backbones of a UNet share: predictions of noise or velocity, DDIM's path, cross-attention maps."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Any

import torch
from diffusers import AutoencoderKL, DDIMScheduler, UNet2DConditionModel
from jaxtyping import Float
from torch import Tensor

from ..errors import OptionError
from .attention import CrossAttentionMaps, record_cross_attention
from .attention_control import AttentionControl, control_attention
from .backbone import Timestep
from .latent_space import LatentSpace, native_size
from .schedule import Schedule
from .texts import spans_of

TOLD_GUIDANCE = 8.5
"""Guidance scale that UNets are told which were distilled with it as an input (LCM's pipeline; Luo et al. 2023)."""
_HIGHEST_PERIOD = 10000.0


class NoisePredicting(LatentSpace):
    """A UNet with an autoencoder and DDIM's noise levels.

    Args:
        vae, unet: networks on one device; the UNet's dtype is the working precision.
        scheduler: any diffusers scheduler's settings as DDIM; `prediction_type` may be epsilon or v_prediction.
        encoders: of texts.

    Attributes:
        tokenizer, text_encoder: by which texts are cut into tokens; set by its subclasses.

    Raises:
        OptionError: a prediction type that is neither.
    """

    tokenizer: Any
    text_encoder: Any

    def __init__(
        self, vae: AutoencoderKL, unet: UNet2DConditionModel, scheduler: DDIMScheduler, *encoders: Any
    ) -> None:
        super().__init__(vae, unet, *encoders)
        self.unet, self.scheduler = unet, scheduler
        self.prediction_type: str = scheduler.config["prediction_type"]
        if self.prediction_type not in ("epsilon", "v_prediction"):
            raise OptionError(f"this scheduler predicts {self.prediction_type!r}; only epsilon and v_prediction work")

    @property
    def native_size(self) -> int:
        """Side in pixels of the square pictures the model was trained on."""
        return native_size(self.unet.config, self.vae.config)

    def path(self, steps: int, cells: tuple[int, int] | None = None) -> Schedule:
        """The sampling schedule, the same for latents of all sizes."""
        return self.schedule(steps)

    def schedule(self, steps: int) -> Schedule:
        """The sampling schedule with `steps` steps."""
        return Schedule.of(self.scheduler, steps)

    def recording(self) -> AbstractContextManager[CrossAttentionMaps]:
        """While active, the UNet's cross-attention maps are recorded."""
        return record_cross_attention(self.unet)

    def controlled(self, control: AttentionControl) -> AbstractContextManager[None]:
        """While active, the UNet's attention layers ask the control."""
        return control_attention(self.unet, control)

    def spans(self, text: str) -> tuple[tuple[int, int] | None, ...]:
        """For each token that cross-attention sees of a text, the characters that it stands for."""
        return spans_of(self.tokenizer, text, self.text_encoder.config.max_position_embeddings)

    def _noise(
        self,
        latents: Float[Tensor, "rows channels h w"],
        timestep: Timestep | Tensor,
        context: Float[Tensor, "rows tokens width"],
        **more: Any,
    ) -> Float[Tensor, "rows channels h w"]:
        """The noise in latents; a velocity prediction v is turned into noise: sqrt(a) v + sqrt(1 - a) z.

        Args:
            more: inputs of the UNet beside these.
        """
        if (width := self.unet.config.get("time_cond_proj_dim")) is not None:
            more["timestep_cond"] = told_guidance(len(latents), width).to(latents.device, self.dtype)
        output = self.unet(latents.to(self.dtype), timestep, context.to(self.dtype), **more).sample.float()
        if self.prediction_type == "epsilon":
            return output
        known = self.scheduler.alphas_cumprod.to(output)
        levels = known[timestep if isinstance(timestep, Tensor) else int(timestep)].view(-1, 1, 1, 1)
        return levels.sqrt() * output + (1 - levels).sqrt() * latents


def told_guidance(rows: int, width: int, scale: float = TOLD_GUIDANCE) -> Float[Tensor, "rows width"]:
    """A guidance scale as the sines and cosines that a distilled UNet is told it with."""
    half = width // 2
    frequencies = torch.exp(-torch.log(torch.tensor(_HIGHEST_PERIOD)) / (half - 1) * torch.arange(half))
    angles = (scale - 1) * 1000 * frequencies
    waves = torch.nn.functional.pad(torch.cat([angles.sin(), angles.cos()]), (0, width - 2 * half))
    return waves.expand(rows, -1)
