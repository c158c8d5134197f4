"""The noise schedule as numbers, and the two deterministic DDIM moves (Song et al. 2021, Eq. 12 with eta = 0)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

from diffusers import DDIMScheduler
from jaxtyping import Float
from torch import Tensor

from .backbone import Timestep


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

    def noised(
        self, clean: Float[Tensor, "rows channels h w"], noise: Float[Tensor, "rows channels h w"], timestep: Timestep
    ) -> Float[Tensor, "rows channels h w"]:
        """Latents with as much noise as there is at a timestep (Ho et al. 2020, Eq. 4)."""
        level = self.level(timestep)
        return level**0.5 * clean + (1 - level) ** 0.5 * noise

    def denoise(
        self,
        latents: Float[Tensor, "rows channels h w"],
        prediction: Float[Tensor, "rows channels h w"],
        timestep: Timestep,
    ) -> Float[Tensor, "rows channels h w"]:
        """One DDIM step of sampling: from a timestep's noise level to that of the next."""
        return ddim_step(latents, prediction, self.level(timestep), self.level(timestep - self.stride))

    def clean(
        self,
        latents: Float[Tensor, "rows channels h w"],
        prediction: Float[Tensor, "rows channels h w"],
        timestep: Timestep,
    ) -> Float[Tensor, "rows channels h w"]:
        """The clean picture that predicted noise implies (Song et al. 2021, Eq. 9)."""
        level = self.level(timestep)
        return (latents - (1 - level) ** 0.5 * prediction) / level**0.5

    def shift(
        self, difference: Float[Tensor, "rows channels h w"], timestep: Timestep
    ) -> Float[Tensor, "rows channels h w"]:
        """By how much one DDIM step moves a clean picture for a difference between two predictions.

        DDIM's ODE in the coordinates z / sqrt(a), where the noise level is sqrt((1 - a) / a): there a step moves
        latents by the change of the level times the noise prediction (Song et al. 2021, Eq. 14).
        """
        return (self.noise_level(timestep - self.stride) - self.noise_level(timestep)) * difference

    def posterior(
        self,
        latents: Float[Tensor, "rows channels h w"],
        prediction: Float[Tensor, "rows channels h w"],
        timestep: Timestep,
    ) -> tuple[Float[Tensor, "rows channels h w"], float]:
        """Mean and standard deviation of one DDPM step (Song et al. 2021, Eq. 12 and 16 with eta = 1)."""
        level, following = self.level(timestep), self.level(timestep - self.stride)
        deviation = ((1 - following) / (1 - level) * (1 - level / following)) ** 0.5
        clean = (latents - (1 - level) ** 0.5 * prediction) / level**0.5
        return following**0.5 * clean + (1 - following - deviation**2) ** 0.5 * prediction, deviation

    def noise_level(self, timestep: Timestep) -> float:
        """Noise beside a clean picture of full strength: sqrt((1 - a) / a)."""
        level = self.level(timestep)
        return ((1 - level) / level) ** 0.5

    def level(self, timestep: Timestep) -> float:
        """Signal level at a timestep; the final level for timesteps below zero, where sampling ends."""
        return self.signal[int(timestep)] if timestep >= 0 else self.final_signal


def ddim_step(
    latents: Float[Tensor, "rows channels h w"],
    noise_prediction: Float[Tensor, "rows channels h w"],
    level: float,
    next_level: float,
) -> Float[Tensor, "rows channels h w"]:
    """Moves latents from one signal level to another along the predicted noise; serves both directions of time."""
    # Eq. 12 with sigma = 0: first the clean latents that the prediction implies, then as much of the noise put back as
    # the next level holds. The square roots are Python floats, so that no precision is lost before the product.
    clean = (latents - (1 - level) ** 0.5 * noise_prediction) / level**0.5
    return next_level**0.5 * clean + (1 - next_level) ** 0.5 * noise_prediction
