"""Noise regularisation: pulls noise predictions towards unit Gaussian noise (pix2pix-zero, section 3.2)."""

from __future__ import annotations

import random
from collections.abc import Callable

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import avg_pool2d, interpolate

from ..options import InversionOptions

ShiftDraw = Callable[[Tensor, random.Random], list[list[int]]]
"""Draws the shifts of one gradient step, for each scale and channel."""
_LEAST_VARIANCE = 1e-7  # keeps the logarithm of a flat prediction finite


def regularise(
    noise: Float[Tensor, "rows channels h w"],
    options: InversionOptions,
    rng: random.Random,
    draw: ShiftDraw | None = None,
) -> Float[Tensor, "rows channels h w"]:
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
        # Once a round, after all the rolls, as in pix2pix-zero's code; its weight is not shared among them.
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
