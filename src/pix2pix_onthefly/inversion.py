"""DDIM inversion: from an image's latents to the noise that regenerates it (paper 3.1)."""

from __future__ import annotations

import random
from collections.abc import Callable

import torch
from torch import Tensor

from .diffusion import LatentDiffusion
from .options import EditOptions
from .records import Inversion, Progress, no_progress
from .schedule import Schedule, ddim_step

Move = tuple[int, float, float]
"""The timestep the UNet is asked at, the signal level the latents are at, and the level they go to."""


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
) -> Inversion:
    """Walks latents [1, channels, h, w] up to the highest noise level, conditioned on the caption (guidance 1)."""
    trajectory = walk_to_noise(diffusion, latents, diffusion.embed([caption]), options, progress)
    return Inversion(caption, options.steps, options.inversion, latents, trajectory[-1], trajectory)


@torch.no_grad()
def walk_to_noise(
    diffusion: LatentDiffusion,
    latents: Tensor,
    context: Tensor,
    options: EditOptions,
    progress: Progress = no_progress,
) -> tuple[Tensor, ...]:
    """The inversion of one or more pictures: latents [rows, channels, h, w], embeddings [rows, tokens, width].

    Returns:
        the latents after every move, the given ones first.
    """
    moves = _MOVES[options.inversion](diffusion.schedule(options.steps))
    rng = random.Random(options.seed)
    trajectory = [latents]
    for done, (timestep, level, next_level) in enumerate(moves, 1):
        noise = diffusion.predict_noise(trajectory[-1], timestep, context)
        noise = regularise(noise, options, rng)
        trajectory.append(ddim_step(trajectory[-1], noise, level, next_level))
        progress("invert", done, len(moves))
    return tuple(trajectory)


def regularise(noise: Tensor, options: EditOptions, rng: random.Random) -> Tensor:
    """Pulls a noise prediction towards uncorrelated unit Gaussian noise (pix2pix-zero, section 3.2).

    Each round takes several gradient steps on the auto-correlation of shifted copies, then one on the divergence of
    mean and variance from those of a unit Gaussian.
    """
    rolls, weight = options.auto_correlation_rolls, options.auto_correlation_weight
    for _ in range(options.regularisation_rounds):
        for _ in range(rolls):
            shifts = draw_shifts(noise, rng)
            noise = _descend(noise, weight / rolls, lambda x, s=shifts: auto_correlation(x, s))
        noise = _descend(noise, options.kl_weight, divergence)
    return noise


def _descend(noise: Tensor, rate: float, loss: Callable[[Tensor], Tensor]) -> Tensor:
    if rate == 0:
        return noise
    with torch.enable_grad():
        variable = noise.detach().requires_grad_()
        (gradient,) = torch.autograd.grad(loss(variable), variable)
    return noise - rate * gradient


def _scales(noise: Tensor) -> list[int]:
    """Shorter sides of the average-pooling pyramid: halved until 8 or less, as 64, 32, 16, 8."""
    sides = [min(noise.shape[-2:])]
    while sides[-1] > 8:
        sides.append(sides[-1] // 2)
    return sides


def draw_shifts(noise: Tensor, rng: random.Random) -> list[list[int]]:
    """For each scale and channel a shift from 1 to half the side less one; never 0, which would measure the energy
    (a fault of the published code until 2024)."""
    channels = noise.shape[1]
    return [[rng.randint(1, max(1, side // 2 - 1)) for _ in range(channels)] for side in _scales(noise)]


def auto_correlation(noise: Tensor, shifts: list[list[int]]) -> Tensor:
    """Squared mean product of each channel with itself, rolled by its shift along either axis; summed over all scales,
    channels and rows, so that rows do not touch each other."""
    total = noise.new_zeros(())
    for level, scale_shifts in enumerate(shifts):
        if level:
            noise = torch.nn.functional.avg_pool2d(noise, 2)
        for axis in (2, 3):
            rolled = _roll_channels(noise, scale_shifts, axis)
            total = total + (noise * rolled).mean((2, 3)).square().sum()
    return total


def _roll_channels(noise: Tensor, shifts: list[int], axis: int) -> Tensor:
    """Rolls every channel by its own shift along an axis, in one gather."""
    side = noise.shape[axis]
    places = (torch.arange(side)[None, :] - torch.tensor(shifts)[:, None]) % side
    shape = (1, -1, side, 1) if axis == 2 else (1, -1, 1, side)
    return noise.gather(axis, places.view(shape).expand_as(noise).to(noise.device))


def divergence(noise: Tensor) -> Tensor:
    """Kullback-Leibler divergence (times two) of a Gaussian with a row's mean and variance from the unit one, summed
    over rows."""
    variance, mean = torch.var_mean(noise, dim=(1, 2, 3))
    return (variance + mean.square() - 1 - torch.log(variance + 1e-7)).sum()
