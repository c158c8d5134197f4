"""DDIM inversion: from an image's latents to the noise that regenerates it (paper 3.1)."""

from __future__ import annotations

import random
from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn.functional import avg_pool2d, interpolate

from ..backbones.attention import NO_ROWS, record_cross_attention
from ..backbones.schedule import Schedule, ddim_step
from ..backbones.stable_diffusion import LatentDiffusion
from ..options import EditOptions
from ..records import Inversion, Progress, no_progress

Move = tuple[int, float, float]
"""The timestep the UNet is asked at, the signal level the latents are at, and the level they go to."""

ShiftDraw = Callable[[Tensor, random.Random], list[list[int]]]
"""Draws the shifts of one gradient step, for each scale and channel."""


def aligned_moves(schedule: Schedule) -> list[Move]:
    """The sampler's own moves, backwards: as many steps, none dropped.

    The network is asked at the timestep of the level it goes to, where the sampler will ask it on the way back.
    """
    ascending = schedule.timesteps[::-1]
    return [(t, schedule.level(t - schedule.stride), schedule.level(t)) for t in ascending]


def reference_moves(schedule: Schedule) -> list[Move]:
    """pix2pix-zero's moves (its `ddim_inv.py`): the first and the last timestep are dropped, and levels lie one
    timestep below the sampler's, so that the image is taken to be at the second level already."""
    ascending = schedule.timesteps[::-1][1:-1]
    return [(t, schedule.level(t - 1), schedule.level(t + schedule.stride - 1)) for t in ascending]


_MOVES: dict[str, Callable[[Schedule], list[Move]]] = {"aligned": aligned_moves, "reference": reference_moves}


@torch.no_grad()
def invert(
    diffusion: LatentDiffusion,
    latents: Tensor,
    caption: str,
    options: EditOptions,
    progress: Progress = no_progress,
    draw: ShiftDraw | None = None,
) -> Inversion:
    """Walks latents [1, channels, h, w] up to the highest noise level, conditioned on the caption (guidance 1).

    Args:
        draw: what draws the regularisation's shifts, in place of `draw_shifts`.
    """
    trajectory = walk_to_noise(diffusion, latents, diffusion.embed([caption]), options, progress, draw)
    return Inversion(caption, options.steps, options.inversion, latents, trajectory[-1], trajectory)


@torch.no_grad()
def walk_to_noise(
    diffusion: LatentDiffusion,
    latents: Tensor,
    context: Tensor,
    options: EditOptions,
    progress: Progress = no_progress,
    draw: ShiftDraw | None = None,
) -> tuple[Tensor, ...]:
    """The inversion of one or more pictures: latents [rows, channels, h, w], embeddings [rows, tokens, width].

    Args:
        draw: what draws the regularisation's shifts, in place of `draw_shifts`.

    Returns:
        the latents after every move, the given ones first.
    """
    moves = _MOVES[options.inversion](diffusion.schedule(options.steps))
    rng = random.Random(options.seed)
    context = context.to(diffusion.dtype)
    trajectory = [latents]
    with record_cross_attention(diffusion.unet) as recorded:
        recorded.rows = NO_ROWS
        for done, (timestep, level, next_level) in enumerate(moves, 1):
            noise = diffusion.predict_noise(trajectory[-1], timestep, context)
            noise = regularise(noise, options, rng, draw or draw_shifts)
            trajectory.append(ddim_step(trajectory[-1], noise, level, next_level))
            progress("invert", done, len(moves))
    return tuple(trajectory)


def regularise(noise: Tensor, options: EditOptions, rng: random.Random, draw: ShiftDraw | None = None) -> Tensor:
    """Pulls a noise prediction towards uncorrelated unit Gaussian noise (pix2pix-zero, section 3.2).

    Each round takes several gradient steps on the auto-correlation of shifted copies, then one on the divergence of
    mean and variance from those of a unit Gaussian.
    """
    rolls, weight = options.auto_correlation_rolls, options.auto_correlation_weight
    for _ in range(options.regularisation_rounds):
        for _ in range(rolls):
            shifts = (draw or draw_shifts)(noise, rng)
            if weight:
                noise = noise - weight / rolls * auto_correlation_gradient(noise, shifts)
        if options.kl_weight:
            noise = noise - options.kl_weight * divergence_gradient(noise)
    return noise


def pyramid_sides(noise: Tensor) -> list[int]:
    """Shorter sides of the average-pooling pyramid: halved until 8 or less, as 64, 32, 16, 8."""
    sides = [min(noise.shape[-2:])]
    while sides[-1] > 8:
        sides.append(sides[-1] // 2)
    return sides


def draw_shifts(noise: Tensor, rng: random.Random) -> list[list[int]]:
    """For each scale and channel a shift from 1 to half the side less one; never 0, which would measure the energy
    (a fault of the published code until 2024)."""
    channels = noise.shape[1]
    return [[rng.randint(1, max(1, side // 2 - 1)) for _ in range(channels)] for side in pyramid_sides(noise)]


def auto_correlation(noise: Tensor, shifts: list[list[int]]) -> Tensor:
    """Squared mean product of each channel with itself, rolled by its shift along either axis; summed over all scales,
    channels and rows, so that rows do not touch each other."""
    total = noise.new_zeros(())
    for level, scale_shifts in enumerate(shifts):
        noise = avg_pool2d(noise, 2) if level else noise
        forth, _ = _rolled(noise, scale_shifts)
        total = total + (noise.flatten(2)[:, :, None] * forth).mean(-1).square().sum()
    return total


def auto_correlation_gradient(noise: Tensor, shifts: list[list[int]]) -> Tensor:
    """The gradient of `auto_correlation` in closed form: with m the mean product over n places, each scale and axis
    adds 2 m / n (x rolled forth + x rolled back), handed down through the average pooling."""
    scales = [noise]
    for _ in shifts[1:]:
        scales.append(avg_pool2d(scales[-1], 2))
    below: Tensor | None = None
    for scale, scale_shifts in zip(reversed(scales), reversed(shifts), strict=True):
        forth, back = _rolled(scale, scale_shifts)
        places = scale[0, 0].numel()
        product = (scale.flatten(2)[:, :, None] * forth).sum(-1, keepdim=True)
        gradient = ((forth + back) * product).sum(2).view_as(scale) * (2 / places**2)
        if below is not None:
            height, width = (2 * side for side in below.shape[-2:])  # an odd side's last line is not pooled
            gradient[..., :height, :width] += interpolate(below, scale_factor=2.0, mode="nearest") / 4
        below = gradient
    assert below is not None, "there is at least one scale"
    return below


def _rolled(noise: Tensor, shifts: list[int]) -> tuple[Tensor, Tensor]:
    """Every channel rolled forth, and back, by its own shift along either axis, in one gather: two tensors
    [rows, channels, 2 axes, places]."""
    height, width = noise.shape[-2:]
    move = torch.tensor([[shift, -shift] for shift in shifts], device=noise.device)[:, :, None]
    down, across = (torch.arange(side, device=noise.device) for side in (height, width))
    rows, columns = (down - move).remainder_(height), (across - move).remainder_(width)  # [channels, 2, side]
    along_height = rows[..., None] * width + across
    along_width = down[:, None] * width + columns[:, :, None, :]
    places = torch.stack([along_height, along_width], dim=2).view(1, len(shifts), -1).expand(len(noise), -1, -1)
    rolled = noise.flatten(2).gather(2, places).view(*noise.shape[:2], 2, 2, height * width)
    return rolled[:, :, 0], rolled[:, :, 1]


def divergence(noise: Tensor) -> Tensor:
    """Kullback-Leibler divergence (times two) of a Gaussian with a row's mean and variance from the unit one, summed
    over rows."""
    variance, mean = torch.var_mean(noise, dim=(1, 2, 3))
    return (variance + mean.square() - 1 - torch.log(variance + _LEAST_VARIANCE)).sum()


def divergence_gradient(noise: Tensor) -> Tensor:
    """The gradient of `divergence` in closed form."""
    variance, mean = torch.var_mean(noise, dim=(1, 2, 3), keepdim=True)
    count = noise[0].numel()
    spread = (1 - 1 / (variance + _LEAST_VARIANCE)) * 2 * (noise - mean) / (count - 1)
    return spread + 2 * mean / count


_LEAST_VARIANCE = 1e-7
