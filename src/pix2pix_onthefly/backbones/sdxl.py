"""Stable Diffusion XL and all of its layout: a UNet that is told a text's pooled embedding and a picture's size too."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from diffusers import AutoencoderKL, DDIMScheduler, UNet2DConditionModel
from jaxtyping import Float
from torch import Tensor
from transformers import CLIPTextModel, CLIPTextModelWithProjection, CLIPTokenizer

from ..records import Conditioning
from .backbone import Timestep
from .noise_predicting import NoisePredicting
from .texts import clip_tokens


class StableDiffusionXL(NoisePredicting):
    """SDXL's five networks with frozen weights (Podell et al. 2023).

    Args:
        vae, unet, text_encoder, text_encoder_2: networks on one device; the UNet's dtype is the working precision.
        tokenizer, tokenizer_2: the text encoders'.
        scheduler: any diffusers scheduler's settings as DDIM.
        zero_empty: whether the empty text is all zeros, as SDXL was trained, rather than embedded as a text.

    Raises:
        OptionError: a prediction type that is neither epsilon nor v_prediction.
    """

    def __init__(
        self,
        vae: AutoencoderKL,
        unet: UNet2DConditionModel,
        text_encoder: CLIPTextModel,
        text_encoder_2: CLIPTextModelWithProjection,
        tokenizer: CLIPTokenizer,
        tokenizer_2: CLIPTokenizer,
        scheduler: DDIMScheduler,
        *,
        zero_empty: bool = True,
    ) -> None:
        super().__init__(vae, unet, scheduler, text_encoder, text_encoder_2)
        self.text_encoder, self.text_encoder_2 = text_encoder, text_encoder_2
        self.tokenizer, self.tokenizer_2 = tokenizer, tokenizer_2
        self.zero_empty = zero_empty

    @property
    def networks(self) -> tuple[Any, ...]:
        """Autoencoder, UNet and both text encoders."""
        return self.vae, self.unet, self.text_encoder, self.text_encoder_2

    @torch.no_grad()
    def condition(self, texts: Sequence[str]) -> Conditioning:
        """Both encoders' last but one hidden states side by side, and the second one's pooled embedding, float32."""
        first, second = (
            encoder(clip_tokens(tokenizer, encoder, texts), output_hidden_states=True)
            for encoder, tokenizer in (
                (self.text_encoder, self.tokenizer),
                (self.text_encoder_2, self.tokenizer_2),
            )
        )
        hidden = torch.cat([first.hidden_states[-2], second.hidden_states[-2]], -1).float()
        pooled = second.text_embeds.float()
        if self.zero_empty:
            counts = torch.tensor([float(text != "") for text in texts], device=hidden.device)
            hidden, pooled = hidden * counts[:, None, None], pooled * counts[:, None]
        return Conditioning(hidden, pooled)

    def predict(
        self, latents: Float[Tensor, "rows channels h w"], timestep: Timestep | Tensor, conditioning: Conditioning
    ) -> Float[Tensor, "rows channels h w"]:
        """The noise in latents, differentiable in them.

        Args:
            timestep: one for all rows, or [rows].
            conditioning: with its pooled part.
        """
        assert conditioning.pooled is not None, "all that `condition` gives has it"
        more = {"text_embeds": conditioning.pooled.to(self.dtype), "time_ids": self._sizes(latents)}
        return self._noise(latents, timestep, conditioning.hidden, added_cond_kwargs=more)

    def _sizes(self, latents: Tensor) -> Float[Tensor, "rows 6"]:
        """What the network is told of each picture: it was as large as it is, and nothing was cropped."""
        height, width = (side * self.pixels_per_latent for side in latents.shape[-2:])
        told = torch.tensor([height, width, 0, 0, height, width], dtype=torch.float32, device=latents.device)
        return told.expand(len(latents), -1)
