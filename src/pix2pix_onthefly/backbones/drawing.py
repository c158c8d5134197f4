"""Pictures from a caption alone: plain classifier-free guidance (Ho and Salimans 2022) along a backbone's path."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor

from ..errors import InputError
from ..options import DrawOptions
from ..records import Conditioning, Progress, joined, no_progress
from .backbone import Backbone, path_for


@torch.no_grad()
def draw(
    backbone: Backbone, caption: str, options: DrawOptions | None = None, progress: Progress = no_progress
) -> Float[Tensor, "1 channels h w"]:
    """Latents of a square picture that the caption describes.

    Raises:
        InputError: the caption is blank.
    """
    if not caption.strip():
        raise InputError("the caption is empty; say in words what the picture should show")
    options = options or DrawOptions()
    unwanted, wanted = backbone.condition([options.negative, caption]).split(1)
    noise = starting_noise(backbone, options)
    return sample(backbone, noise, unwanted, wanted, options.guidance_scale, options.steps, progress)


@torch.no_grad()
def sample(
    backbone: Backbone,
    latents: Float[Tensor, "rows channels h w"],
    unwanted: Conditioning | Sequence[Conditioning],
    wanted: Conditioning,
    guidance_scale: float,
    steps: int,
    progress: Progress = no_progress,
    *,
    skipped: int = 0,
    stage: str = "draw",
) -> Float[Tensor, "rows channels h w"]:
    """What sampling with classifier-free guidance makes of noisy latents.

    Args:
        unwanted, wanted: to guide away from and towards, one row for each of the latents; what is unwanted may be
            another one at every step of the whole path.
        steps: of the whole path.
        skipped: how many of them, from the noisiest on, are left out: the latents hold as much noise as there is then.
        stage: for `progress`.
    """
    path = path_for(backbone, latents, steps)
    texts = [unwanted] if isinstance(unwanted, Conditioning) else unwanted
    conditionings = [joined([text, wanted]).to(backbone.dtype) for text in texts]
    for done, timestep in enumerate(path.timesteps[skipped:], skipped + 1):
        away, towards = backbone.predict(
            torch.cat([latents, latents]), timestep, conditionings[(done - 1) % len(texts)]
        ).chunk(2)
        latents = path.denoise(latents, away + guidance_scale * (towards - away), timestep)
        progress(stage, done, steps)
    return latents


def starting_noise(backbone: Backbone, options: DrawOptions) -> Float[Tensor, "1 channels h w"]:
    """Unit Gaussian latents; drawn on the CPU, so that a seed means the same on every device."""
    side = max(4, round((options.size or backbone.native_size) / backbone.pixels_per_latent))
    generator = torch.Generator().manual_seed(options.seed)
    return torch.randn((1, backbone.latent_channels, side, side), generator=generator).to(backbone.device)
