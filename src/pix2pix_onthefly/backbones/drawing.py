"""Pictures from a caption alone: plain classifier-free guidance (Ho and Salimans 2022) over DDIM."""

from __future__ import annotations

import torch
from torch import Tensor

from ..errors import InputError
from ..options import DrawOptions
from ..records import Progress, no_progress
from .schedule import ddim_step
from .stable_diffusion import LatentDiffusion


@torch.no_grad()
def draw(
    diffusion: LatentDiffusion, caption: str, options: DrawOptions | None = None, progress: Progress = no_progress
) -> Tensor:
    """Latents [1, channels, side, side] of a square picture the caption describes.

    Raises:
        InputError: the caption is blank.
    """
    if not caption.strip():
        raise InputError("the caption is empty; say in words what the picture should show")
    options = options or DrawOptions()
    unwanted, wanted = diffusion.embed([options.negative, caption]).chunk(2)
    noise = starting_noise(diffusion, options)
    return sample(diffusion, noise, unwanted, wanted, options.guidance_scale, options.steps, progress)


@torch.no_grad()
def sample(
    diffusion: LatentDiffusion,
    latents: Tensor,
    unwanted: Tensor,
    wanted: Tensor,
    guidance_scale: float,
    steps: int,
    progress: Progress = no_progress,
) -> Tensor:
    """Latents that DDIM with classifier-free guidance makes of noise [rows, channels, h, w].

    Args:
        unwanted, wanted: embeddings [rows, tokens, width] to guide away from and towards.
    """
    schedule, context = diffusion.schedule(steps), torch.cat([unwanted, wanted])
    for done, timestep in enumerate(schedule.timesteps, 1):
        away, towards = diffusion.predict_noise(torch.cat([latents, latents]), timestep, context).chunk(2)
        levels = schedule.level(timestep), schedule.level(timestep - schedule.stride)
        latents = ddim_step(latents, away + guidance_scale * (towards - away), *levels)
        progress("draw", done, steps)
    return latents


def starting_noise(diffusion: LatentDiffusion, options: DrawOptions) -> Tensor:
    """Unit Gaussian latents; drawn on the CPU, so that a seed means the same on every device."""
    side = max(4, round((options.size or diffusion.native_size) / diffusion.pixels_per_latent))
    generator = torch.Generator().manual_seed(options.seed)
    return torch.randn((1, diffusion.unet.config["in_channels"], side, side), generator=generator).to(diffusion.device)
