"""Stable Diffusion 1.x and 2.x, and all of their layout: a `Backbone` of a UNet that predicts noise or velocity."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any, cast

import torch
from diffusers import AutoencoderKL, DDIMScheduler, UNet2DConditionModel
from jaxtyping import Float
from torch import Tensor
from transformers import CLIPTextModel, CLIPTokenizer

from ..errors import OptionError
from ..records import Conditioning
from .attention import CrossAttentionMaps, record_cross_attention
from .schedule import Schedule


def pixels_per_latent(vae: Mapping[str, Any]) -> int:
    """Pixels along one side of a latent cell, from an autoencoder's settings."""
    return 2 ** (len(vae["block_out_channels"]) - 1)


def native_size(unet: Mapping[str, Any], vae: Mapping[str, Any]) -> int:
    """Side in pixels of the square pictures a model was trained on, from its settings."""
    return int(unet["sample_size"]) * pixels_per_latent(vae)


class LatentDiffusion:
    """Stable Diffusion's four networks with frozen weights.

    Latents are float32 everywhere outside the networks: a guidance step of 0.1 times a small gradient is lost in half
    precision.

    Args:
        vae, unet, text_encoder: networks on one device; the UNet's dtype is the working precision.
        tokenizer: the text encoder's.
        scheduler: any diffusers scheduler's settings as DDIM; `prediction_type` may be epsilon or v_prediction.
        gradient_rows: how many rows of a batch are differentiated at once, to save memory; None for all.

    Attributes:
        weights: names the weights (`models.identity`); empty where nobody has named them.
        device, dtype: where the networks live, and the UNet's precision.

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
        self.vae, self.unet, self.text_encoder = vae, unet, text_encoder
        self.tokenizer, self.scheduler = tokenizer, scheduler
        self.gradient_rows = gradient_rows
        self.weights = ""
        self.device, self.dtype = unet.device, unet.dtype  # kept: diffusers goes through all weights to tell the dtype
        self.prediction_type: str = scheduler.config["prediction_type"]
        if self.prediction_type not in ("epsilon", "v_prediction"):
            raise OptionError(f"this scheduler predicts {self.prediction_type!r}; only epsilon and v_prediction work")
        for network in (vae, unet, text_encoder):
            network.eval()
            network.requires_grad_(False)

    def to(self, device: torch.device) -> None:
        """Moves the networks."""
        for network in (self.vae, self.unet, self.text_encoder):
            network.to(device)  # pyright: ignore[reportArgumentType]
        self.device = device

    @property
    def pixels_per_latent(self) -> int:
        """Pixels along one side of a latent cell."""
        return pixels_per_latent(self.vae.config)

    @property
    def native_size(self) -> int:
        """Side in pixels of the square pictures the model was trained on."""
        return native_size(self.unet.config, self.vae.config)

    @property
    def latent_channels(self) -> int:
        """Channels of its latents."""
        return int(self.unet.config["in_channels"])

    def condition(self, texts: Sequence[str]) -> Conditioning:
        """The texts' embeddings."""
        return Conditioning(self.embed(texts))

    def predict(
        self, latents: Float[Tensor, "rows channels h w"], timestep: int | Tensor, conditioning: Conditioning
    ) -> Float[Tensor, "rows channels h w"]:
        """The noise prediction; see `predict_noise`."""
        return self.predict_noise(latents, timestep, conditioning.hidden)

    def path(self, steps: int) -> Schedule:
        """The sampling schedule."""
        return self.schedule(steps)

    def recording(self) -> AbstractContextManager[CrossAttentionMaps]:
        """While active, the UNet's cross-attention maps are recorded."""
        return record_cross_attention(self.unet)

    def schedule(self, steps: int) -> Schedule:
        """The sampling schedule with `steps` steps."""
        return Schedule.of(self.scheduler, steps)

    @torch.no_grad()
    def encode(self, pixels: Float[Tensor, "rows 3 height width"]) -> Float[Tensor, "rows channels h w"]:
        """Pixels in -1..1 to scaled latents, an eighth as high and wide; the posterior's mode."""
        pixels = pixels.to(self.device, self.vae.dtype)
        posterior = cast("Any", self.vae.encode(pixels)).latent_dist
        return posterior.mode().float() * self.vae.config["scaling_factor"]

    @torch.no_grad()
    def decode(self, latents: Float[Tensor, "rows channels h w"]) -> Float[Tensor, "rows 3 height width"]:
        """Scaled latents to pixels, about -1..1, float32 on the CPU."""
        latents = (latents / self.vae.config["scaling_factor"]).to(self.device, self.vae.dtype)
        return cast("Any", self.vae).decode(latents).sample.float().cpu()

    @torch.no_grad()
    def embed(self, texts: Sequence[str]) -> Float[Tensor, "texts tokens width"]:
        """Texts to last hidden states, padded to the encoder's length (77 for CLIP), float32."""
        tokens = self.tokenizer(
            list(texts),
            padding="max_length",
            # Not the tokenizer's model_max_length: tokenizers that were saved without one say 10^30.
            max_length=self.text_encoder.config.max_position_embeddings,
            truncation=True,
            return_tensors="pt",
        )
        return self.text_encoder(tokens.input_ids.to(self.device)).last_hidden_state.float()

    def predict_noise(
        self,
        latents: Float[Tensor, "rows channels h w"],
        timestep: int | Tensor,
        context: Float[Tensor, "rows tokens width"],
    ) -> Float[Tensor, "rows channels h w"]:
        """The noise in latents, given text embeddings.

        Differentiable in `latents`. A velocity prediction v is turned into noise: sqrt(a) v + sqrt(1 - a) z.

        Args:
            timestep: one for all rows, or [rows].
        """
        output = self.unet(latents.to(self.dtype), timestep, context.to(self.dtype)).sample.float()
        if self.prediction_type == "epsilon":
            return output
        levels = self.scheduler.alphas_cumprod.to(output)[timestep].view(-1, 1, 1, 1)
        return levels.sqrt() * output + (1 - levels).sqrt() * latents
