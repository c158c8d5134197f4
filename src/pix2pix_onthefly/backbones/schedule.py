"""The noise schedule as numbers, and the two deterministic DDIM moves (Song et al. 2021, Eq. 12 with eta = 0)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

from diffusers import DDIMScheduler
from torch import Tensor


@dataclass(frozen=True)
class Schedule:
    """The timesteps of one run and the signal level at each timestep of training.

    Attributes:
        timesteps: from the noisiest to the cleanest, as the sampler visits them.
        signal: cumulative product of alphas for every training timestep (the papers' alpha-bar).
        final_signal: the level the last sampling step ends at.
        stride: distance between two sampling timesteps.
    """

    timesteps: tuple[int, ...]
    signal: tuple[float, ...]
    final_signal: float
    stride: int

    @classmethod
    def of(cls, scheduler: DDIMScheduler, steps: int) -> Schedule:
        """Reads a diffusers scheduler set to `steps` steps; the scheduler itself is left as it was."""
        own = cast("DDIMScheduler", DDIMScheduler.from_config(scheduler.config, clip_sample=False))
        own.set_timesteps(steps)
        timesteps = tuple(int(timestep) for timestep in own.timesteps)
        signal = tuple(float(level) for level in own.alphas_cumprod)
        return cls(timesteps, signal, float(own.final_alpha_cumprod), len(signal) // steps)

    def level(self, timestep: int) -> float:
        """Signal level at a timestep; the final level for timesteps below zero, where sampling ends."""
        return self.signal[timestep] if timestep >= 0 else self.final_signal


def ddim_step(latents: Tensor, noise_prediction: Tensor, level: float, next_level: float) -> Tensor:
    """Moves latents from one signal level to another along the predicted noise; serves both directions of time."""
    clean = (latents - (1 - level) ** 0.5 * noise_prediction) / level**0.5
    return next_level**0.5 * clean + (1 - next_level) ** 0.5 * noise_prediction
