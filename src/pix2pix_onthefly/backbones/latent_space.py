"""What all latent diffusion models share: an autoencoder's latents, frozen networks, and where these live."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any, cast

import torch
from diffusers import AutoencoderKL, AutoencoderKLFlux2
from jaxtyping import Float
from torch import Tensor

UNTOLD = 32
"""Side in pixels that an autoencoder has which was not told any."""


def pixels_per_latent(vae: Mapping[str, Any]) -> int:
    """Pixels along one side of a latent cell, from an autoencoder's settings."""
    return 2 ** (len(vae["block_out_channels"]) - 1)


def native_size(denoiser: Mapping[str, Any], vae: Mapping[str, Any]) -> int:
    """Side in pixels of the square pictures a model was trained on, from its settings."""
    return int(denoiser["sample_size"]) * pixels_per_latent(vae)


def told_size(cells: int, vae: Mapping[str, Any]) -> int:
    """The same of a model whose denoiser's settings don't say: of a smaller kin the autoencoder's do.

    Args:
        cells: along a side of the usual pictures of this class of models.
    """
    usual, told = cells * pixels_per_latent(vae), int(vae.get("sample_size") or UNTOLD)
    return usual if told == UNTOLD else min(usual, told)


class LatentSpace(ABC):
    """Frozen networks around an autoencoder.

    Latents are float32 everywhere outside the networks: a guidance step of 0.1 times a small gradient is lost in half
    precision.

    Args:
        vae: the autoencoder.
        denoiser: what predicts; its dtype is the working precision.
        encoders: of texts.

    Attributes:
        weights: names the weights (`models.identity`); empty where nobody has named them.
        device, dtype: where the networks live, and the denoiser's precision.
        gradient_rows: how many rows of a batch are differentiated at once, to save memory; None for all.
    """

    def __init__(self, vae: AutoencoderKL | AutoencoderKLFlux2, denoiser: Any, *encoders: Any) -> None:
        self.vae: AutoencoderKL = cast("Any", vae)  # FLUX.2's has the same verbs
        self.weights = ""
        self.gradient_rows: int | None = None
        self.device: torch.device = denoiser.device
        self.dtype: torch.dtype = denoiser.dtype  # kept: diffusers goes through all weights to tell the dtype
        for network in (vae, denoiser, *encoders):
            network.eval()
            network.requires_grad_(False)

    @property
    @abstractmethod
    def networks(self) -> tuple[Any, ...]:
        """All networks, the autoencoder first."""

    @property
    @abstractmethod
    def native_size(self) -> int:
        """Side in pixels of the square pictures the model was trained on."""

    def to(self, device: torch.device) -> None:
        """Moves the networks."""
        for network in self.networks:
            network.to(device)
        self.device = device

    @property
    def pixels_per_latent(self) -> int:
        """Pixels along one side of a latent cell."""
        return pixels_per_latent(self.vae.config)

    @property
    def latent_channels(self) -> int:
        """Channels of its latents."""
        return int(self.vae.config["latent_channels"])

    @torch.no_grad()
    def encode(self, pixels: Float[Tensor, "rows 3 height width"]) -> Float[Tensor, "rows channels h w"]:
        """Pixels in -1..1 to latents of about unit variance, an eighth as high and wide; the posterior's mode."""
        pixels = pixels.to(self.device, self.vae.dtype)
        posterior = cast("Any", self.vae.encode(pixels)).latent_dist
        return self._scaled(posterior.mode().float())

    @torch.no_grad()
    def decode(self, latents: Float[Tensor, "rows channels h w"]) -> Float[Tensor, "rows 3 height width"]:
        """Latents to pixels, about -1..1, float32 on the CPU."""
        own = self._unscaled(latents)
        return cast("Any", self.vae).decode(own.to(self.device, self.vae.dtype)).sample.float().cpu()

    def _scaled(self, own: Float[Tensor, "rows channels h w"]) -> Float[Tensor, "rows channels h w"]:
        """The autoencoder's own latents brought to about unit variance."""
        return (own - self._mean) * self.vae.config["scaling_factor"]

    def _unscaled(self, latents: Float[Tensor, "rows channels h w"]) -> Float[Tensor, "rows channels h w"]:
        """The inverse of `_scaled`."""
        return latents / self.vae.config["scaling_factor"] + self._mean

    @property
    def _mean(self) -> float:
        """Mean of the autoencoder's own latents, which those of 16 channels have."""
        return float(self.vae.config.get("shift_factor") or 0.0)
