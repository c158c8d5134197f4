"""FLUX.1: a `Backbone` of a transformer that predicts a flow over packed latents, with CLIP and T5 for texts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from diffusers import AutoencoderKL, FlowMatchEulerDiscreteScheduler, FluxTransformer2DModel
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import pixel_shuffle, pixel_unshuffle
from transformers import CLIPTextModel, CLIPTokenizer, T5EncoderModel, T5Tokenizer

from ..records import Conditioning
from .backbone import Timestep
from .flow_matching import PATCH, FlowMatching
from .latent_space import told_size
from .texts import clip_tokens, tokens_of

NATIVE_CELLS = 128
"""Latent cells along a side of the pictures it was trained on, which its settings don't say."""
TOLD_GUIDANCE = 3.5
"""Guidance scale that distilled transformers are told, as diffusers' pipeline does."""
T5_TOKENS, T5_TOKENS_UNTOLD = 512, 256
"""Text length of the transformer that is told a guidance scale (dev), and of the one that is not (schnell)."""


class Flux(FlowMatching):
    """FLUX.1's four networks with frozen weights. Latents are unpacked outside: [rows, 16, h, w].

    Args:
        vae, transformer, text_encoder, text_encoder_2: networks on one device; the transformer's dtype is the working
            precision.
        tokenizer, tokenizer_2: of CLIP and of T5.
        scheduler: its settings are those of the noise levels.
        guidance: what a transformer that was distilled with a guidance scale as an input is told.

    Raises:
        OptionError: a transformer that takes more than the autoencoder's latents.
    """

    def __init__(
        self,
        vae: AutoencoderKL,
        transformer: FluxTransformer2DModel,
        text_encoder: CLIPTextModel,
        text_encoder_2: T5EncoderModel,
        tokenizer: CLIPTokenizer,
        tokenizer_2: T5Tokenizer,
        scheduler: FlowMatchEulerDiscreteScheduler,
        *,
        guidance: float = TOLD_GUIDANCE,
    ) -> None:
        channels = int(transformer.config["in_channels"]) // PATCH**2
        super().__init__(vae, transformer, scheduler, text_encoder, text_encoder_2, channels=channels)
        self.text_encoder, self.text_encoder_2 = text_encoder, text_encoder_2
        self.tokenizer, self.tokenizer_2 = tokenizer, tokenizer_2
        self.guidance = guidance if transformer.config["guidance_embeds"] else None

    @property
    def networks(self) -> tuple[Any, ...]:
        """Autoencoder, transformer and both text encoders."""
        return self.vae, self.transformer, self.text_encoder, self.text_encoder_2

    @property
    def native_size(self) -> int:
        """Side in pixels of the square pictures the model was trained on."""
        return told_size(NATIVE_CELLS, self.vae.config)

    @torch.no_grad()
    def condition(self, texts: Sequence[str]) -> Conditioning:
        """T5's hidden states and CLIP's pooled embedding, float32."""
        usual = T5_TOKENS_UNTOLD if self.guidance is None else T5_TOKENS
        length = min(usual, self.tokenizer_2.model_max_length)  # a small one was trained on shorter texts
        ids = tokens_of(self.tokenizer_2, texts, length).to(self.device)
        pooled = self.text_encoder(clip_tokens(self.tokenizer, self.text_encoder, texts)).pooler_output
        return Conditioning(self.text_encoder_2(ids).last_hidden_state.float(), pooled.float())

    def predict(
        self, latents: Float[Tensor, "rows channels h w"], timestep: Timestep | Tensor, conditioning: Conditioning
    ) -> Float[Tensor, "rows channels h w"]:
        """The velocity, noise less picture; differentiable in the latents.

        Args:
            timestep: one for all rows, or [rows].
            conditioning: with its pooled part.

        Raises:
            OptionError: a side of the latents is odd.
        """
        assert conditioning.pooled is not None, "all that `condition` gives has it"
        self._check_sides(latents)
        height, width = (side // PATCH for side in latents.shape[-2:])
        told = None if self.guidance is None else self._times(self.guidance, latents)
        output = self.transformer(
            packed(latents).to(self.dtype),
            conditioning.hidden.to(self.dtype),
            conditioning.pooled.to(self.dtype),
            self._times(timestep, latents) / 1000,  # it takes levels, and makes timesteps of them itself
            img_ids=places(height, width).to(latents.device, self.dtype),
            txt_ids=torch.zeros(conditioning.hidden.shape[1], 3, device=latents.device, dtype=self.dtype),
            guidance=told,
        )
        return unpacked(output.sample.float(), height, width)

    def _levels(self, steps: int) -> list[float]:
        """From pure noise down in equal strides, as it was trained, whatever the scheduler's own are."""
        return [1 - step / steps for step in range(steps)]


def packed(latents: Float[Tensor, "rows channels h w"]) -> Float[Tensor, "rows tokens width"]:
    """Patches of 2 x 2 cells as tokens, row by row."""
    return pixel_unshuffle(latents, PATCH).flatten(2).transpose(1, 2)


def unpacked(tokens: Float[Tensor, "rows tokens width"], height: int, width: int) -> Float[Tensor, "rows channels h w"]:
    """The inverse of `packed`.

    Args:
        height, width: in patches.
    """
    return pixel_shuffle(tokens.transpose(1, 2).unflatten(2, (height, width)), PATCH)


def places(height: int, width: int) -> Float[Tensor, "tokens 3"]:
    """Where each patch lies: 0, its row, its column."""
    rows, columns = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
    return torch.stack([torch.zeros_like(rows), rows, columns], -1).flatten(0, 1).float()
