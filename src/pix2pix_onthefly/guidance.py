"""Generation held to the picture it starts from: the reference pass and the guided edit (paper 3.3; Parmar et al. 2023,
section 3.3 and their `edit_pipeline.py`)."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from .attention import record_cross_attention
from .diffusion import LatentDiffusion
from .options import EditOptions
from .records import Inversion, Progress, Reconstruction, no_progress
from .schedule import ddim_step


@torch.no_grad()
def reconstruct(
    diffusion: LatentDiffusion, inversion: Inversion, options: EditOptions, progress: Progress = no_progress
) -> Reconstruction:
    """Regenerates the picture from its noise with its own caption, and keeps every cross-attention map.

    The published code runs two equal rows here (caption against caption), which makes guidance void: one row gives the
    same latents and maps.
    """
    schedule = diffusion.schedule(options.steps)
    context = diffusion.embed([inversion.caption])
    latents, maps = inversion.noise, list[tuple[Tensor, ...]]()
    with record_cross_attention(diffusion.unet) as recorded:
        for done, timestep in enumerate(schedule.timesteps, 1):
            noise = diffusion.predict_noise(latents, timestep, context)
            maps.append(recorded.take())
            next_level = schedule.level(timestep - schedule.stride)
            latents = ddim_step(latents, noise, schedule.level(timestep), next_level)
            progress("reconstruct", done, options.steps)
    return Reconstruction(latents, tuple(maps))


def edit(
    diffusion: LatentDiffusion,
    inversion: Inversion,
    reconstruction: Reconstruction,
    direction: Tensor,
    options: EditOptions,
    progress: Progress = no_progress,
) -> Tensor:
    """Regenerates from the same noise with the caption's embedding moved along the edit direction.

    Two rows run side by side: the caption (the negative prompt of classifier-free guidance) and the caption plus
    direction. At each step both take one gradient step that brings their cross-attention maps closer to the
    reconstruction's; noise is then predicted anew at the moved latents, combined by classifier-free guidance, and one
    DDIM step is taken from the latents of the row that `options.carried_row` names. The rows do not touch each other,
    so with `source` (the published code) the latents are moved only by the caption row's gradient, and the edit row's
    gradient acts through its noise prediction alone.

    Returns:
        edited latents [1, channels, h, w].
    """
    schedule = diffusion.schedule(options.steps)
    caption = diffusion.embed([inversion.caption])
    context = torch.cat([caption, caption + options.direction_scale * direction.to(caption)])
    carried = 0 if options.carried_row == "source" else 1
    latents = inversion.noise
    for done, (timestep, maps) in enumerate(zip(schedule.timesteps, reconstruction.maps, strict=True), 1):
        rows = torch.cat([latents, latents])
        if options.cross_attention_guidance:
            rows = guide(diffusion, rows, timestep, context, maps, options.cross_attention_guidance)
        with torch.no_grad():
            unedited, edited = diffusion.predict_noise(rows, timestep, context).chunk(2)
        noise = unedited + options.guidance_scale * (edited - unedited)
        next_level = schedule.level(timestep - schedule.stride)
        latents = ddim_step(rows[carried : carried + 1], noise, schedule.level(timestep), next_level)
        progress("edit", done, options.steps)
    return latents


def guide(
    diffusion: LatentDiffusion,
    rows: Tensor,
    timestep: int,
    context: Tensor,
    reference: Sequence[Tensor],
    amount: float,
) -> Tensor:
    """One gradient step of size `amount` on latents [2, channels, h, w] towards the reference maps."""
    with torch.enable_grad(), record_cross_attention(diffusion.unet) as recorded:
        variable = rows.detach().requires_grad_()
        diffusion.predict_noise(variable, timestep, context)
        loss = attention_distance(recorded.take(), reference)
        (gradient,) = torch.autograd.grad(loss, variable)
    return rows - amount * gradient


def attention_distance(maps: Sequence[Tensor], reference: Sequence[Tensor]) -> Tensor:
    """Squared difference of maps [rows, heads, positions, tokens], summed over positions and tokens, averaged over
    rows and heads, summed over layers. A reference of one row is compared with every row."""
    distances = [
        (now.float() - then.float()).square().sum((-2, -1)).mean() for now, then in zip(maps, reference, strict=True)
    ]
    return torch.stack(distances).sum()
