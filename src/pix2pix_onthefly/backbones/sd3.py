"""Stable Diffusion 3 and 3.5: a `Backbone` of a transformer that predicts a flow, with three text encoders."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from diffusers import AutoencoderKL, FlowMatchEulerDiscreteScheduler, SD3Transformer2DModel
from jaxtyping import Float
from torch import Tensor
from transformers import CLIPTextModelWithProjection, CLIPTokenizer, T5EncoderModel, T5Tokenizer

from ..records import Conditioning
from .backbone import Timestep
from .flow_matching import FlowMatching
from .latent_space import native_size
from .texts import clip_tokens, tokens_of

T5_TOKENS = 256


class StableDiffusion3(FlowMatching):
    """SD3's five networks with frozen weights (Esser et al. 2024).

    Args:
        vae, transformer, text_encoder, text_encoder_2: networks on one device; the transformer's dtype is the working
            precision.
        tokenizer, tokenizer_2: the CLIP text encoders'.
        scheduler: its settings are those of the noise levels.
        text_encoder_3, tokenizer_3: T5, which takes more memory than all others; without it there are zeros in the
            place of its embeddings.

    Raises:
        OptionError: a transformer that takes more than the autoencoder's latents.
    """

    def __init__(
        self,
        vae: AutoencoderKL,
        transformer: SD3Transformer2DModel,
        text_encoder: CLIPTextModelWithProjection,
        text_encoder_2: CLIPTextModelWithProjection,
        tokenizer: CLIPTokenizer,
        tokenizer_2: CLIPTokenizer,
        scheduler: FlowMatchEulerDiscreteScheduler,
        text_encoder_3: T5EncoderModel | None = None,
        tokenizer_3: T5Tokenizer | None = None,
    ) -> None:
        encoders = [text_encoder, text_encoder_2, *([] if text_encoder_3 is None else [text_encoder_3])]
        channels = int(transformer.config["in_channels"])
        super().__init__(vae, transformer, scheduler, *encoders, channels=channels)
        self.text_encoder, self.text_encoder_2, self.text_encoder_3 = text_encoder, text_encoder_2, text_encoder_3
        self.tokenizer, self.tokenizer_2, self.tokenizer_3 = tokenizer, tokenizer_2, tokenizer_3

    @property
    def networks(self) -> tuple[Any, ...]:
        """Autoencoder, transformer and the text encoders that there are."""
        t5 = () if self.text_encoder_3 is None else (self.text_encoder_3,)
        return self.vae, self.transformer, self.text_encoder, self.text_encoder_2, *t5

    @property
    def native_size(self) -> int:
        """Side in pixels of the square pictures the model was trained on."""
        return native_size(self.transformer.config, self.vae.config)

    @torch.no_grad()
    def condition(self, texts: Sequence[str]) -> Conditioning:
        """CLIP's last but one hidden states side by side, behind them T5's; and both pooled embeddings; float32."""
        first, second = (
            encoder(clip_tokens(tokenizer, encoder, texts), output_hidden_states=True)
            for encoder, tokenizer in (
                (self.text_encoder, self.tokenizer),
                (self.text_encoder_2, self.tokenizer_2),
            )
        )
        clip = torch.cat([first.hidden_states[-2], second.hidden_states[-2]], -1).float()
        t5 = self._t5(texts)
        clip = torch.nn.functional.pad(clip, (0, t5.shape[-1] - clip.shape[-1]))
        return Conditioning(torch.cat([clip, t5], 1), torch.cat([first.text_embeds, second.text_embeds], -1).float())

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
        output = self.transformer(
            latents.to(self.dtype),
            conditioning.hidden.to(self.dtype),
            conditioning.pooled.to(self.dtype),
            self._times(timestep, latents),
        )
        return output.sample.float()

    def _t5(self, texts: Sequence[str]) -> Float[Tensor, "texts tokens width"]:
        if self.text_encoder_3 is None:
            width = int(self.transformer.config["joint_attention_dim"])
            return torch.zeros(len(texts), T5_TOKENS, width, device=self.device)
        ids = tokens_of(self.tokenizer_3, texts, T5_TOKENS).to(self.device)
        return self.text_encoder_3(ids).last_hidden_state.float()
