"""Latents for training the diffusion model, fast: the solved encoder is an affine map of 8x8 patches."""

from __future__ import annotations

import torch
from diffusers import AutoencoderKL
from torch import Tensor

from .autoencoder import PATCH
from .scenes import held_out_scenes, pixels_of


class PatchEncoder:
    """Stands in for `vae.encode` where thousands of pictures a minute are needed.

    The map is read off the encoder itself by encoding one unit impulse a pixel of a patch, and is checked against
    `vae.encode` on rendered scenes.

    Raises:
        RuntimeError: the encoder is not (nearly) affine; encode with the autoencoder itself then.
    """

    @torch.no_grad()
    def __init__(self, vae: AutoencoderKL, tolerance: float = 0.02) -> None:
        impulses = torch.eye(PATCH * PATCH * 3).reshape(-1, 3, PATCH, PATCH)
        tiled = torch.cat([torch.zeros(1, 3, PATCH, PATCH), impulses]).repeat(1, 1, 3, 3)
        answers = vae.encode(tiled).latent_dist.mode()[:, :, 1, 1] * vae.config.scaling_factor
        self.offset = answers[0]
        self.weight = (answers[1:] - answers[0]).reshape(3, PATCH, PATCH, -1).permute(3, 0, 1, 2).contiguous()
        sample = pixels_of(held_out_scenes(8))
        error = (self(sample) - vae.encode(sample).latent_dist.mode() * vae.config.scaling_factor).abs().max()
        if error > tolerance:
            raise RuntimeError(f"the encoder is no affine patch map (off by {error:.3f}): encode with the autoencoder")

    def to(self, device: torch.device) -> PatchEncoder:
        """Moves the map to a device."""
        self.offset, self.weight = self.offset.to(device), self.weight.to(device)
        return self

    def __call__(self, pixels: Tensor) -> Tensor:
        """[batch, 3, side, side] in -1..1 to scaled latents [batch, channels, side/8, side/8]."""
        return torch.nn.functional.conv2d(pixels, self.weight, self.offset, stride=PATCH)
