"""Stable Diffusion 1.x and 2.x, and all of their layout: a `Backbone` of a UNet that predicts noise or velocity."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from diffusers import AutoencoderKL, DDIMScheduler, UNet2DConditionModel
from jaxtyping import Float
from torch import Tensor
from transformers import CLIPTextModel, CLIPTokenizer

from ..records import Conditioning
from .backbone import Timestep
from .noise_predicting import NoisePredicting
from .texts import clip_tokens


class LatentDiffusion(NoisePredicting):
    """Stable Diffusion's four networks with frozen weights.

    Args:
        vae, unet, text_encoder: networks on one device; the UNet's dtype is the working precision.
        tokenizer: the text encoder's.
        scheduler: any diffusers scheduler's settings as DDIM; `prediction_type` may be epsilon or v_prediction.
        gradient_rows: how many rows of a batch are differentiated at once, to save memory; None for all.

    Raises:
        OptionError: a prediction type that is neither.
    """

    def __init__(
        self,
        vae: AutoencoderKL,
        unet: UNet2DConditionModel,
        text_encoder: CLIPTextModel,
        tokenizer: CLIPTokenizer,
        scheduler: DDIMScheduler,
        gradient_rows: int | None = None,
    ) -> None:
        super().__init__(vae, unet, scheduler, text_encoder)
        self.text_encoder, self.tokenizer = text_encoder, tokenizer
        self.gradient_rows = gradient_rows

    @property
    def networks(self) -> tuple[Any, ...]:
        """Autoencoder, UNet and text encoder."""
        return self.vae, self.unet, self.text_encoder

    def condition(self, texts: Sequence[str]) -> Conditioning:
        """The texts' embeddings."""
        return Conditioning(self.embed(texts))

    def predict(
        self, latents: Float[Tensor, "rows channels h w"], timestep: Timestep | Tensor, conditioning: Conditioning
    ) -> Float[Tensor, "rows channels h w"]:
        """The noise prediction; see `predict_noise`."""
        return self.predict_noise(latents, timestep, conditioning.hidden)

    @torch.no_grad()
    def embed(self, texts: Sequence[str]) -> Float[Tensor, "texts tokens width"]:
        """Texts to last hidden states, padded to the encoder's length (77 for CLIP), float32."""
        return self.text_encoder(clip_tokens(self.tokenizer, self.text_encoder, texts)).last_hidden_state.float()

    def predict_noise(
        self,
        latents: Float[Tensor, "rows channels h w"],
        timestep: Timestep | Tensor,
        context: Float[Tensor, "rows tokens width"],
    ) -> Float[Tensor, "rows channels h w"]:
        """The noise in latents, given text embeddings.

        Differentiable in `latents`. A velocity prediction v is turned into noise: sqrt(a) v + sqrt(1 - a) z.

        Args:
            timestep: one for all rows, or [rows].
        """
        return self._noise(latents, timestep, context)
