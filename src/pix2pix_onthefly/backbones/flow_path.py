"""The path of flow matching: straight lines between picture and noise, walked in Euler steps (Lipman et al. 2023)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, cast

from diffusers import FlowMatchEulerDiscreteScheduler
from jaxtyping import Float
from torch import Tensor

from ..errors import OptionError
from .backbone import Timestep

OTHER_METHODS = "choose --method flow or --method sdedit"
"""Methods that ask nothing of a backbone but predictions."""
NO_NOISE = f"this model predicts a flow, and the method needs one that predicts noise; {OTHER_METHODS}"


@dataclass(frozen=True)
class FlowPath:
    """Noise levels of one run; a level s is the share of noise in (1 - s) picture + s noise.

    Attributes:
        timesteps: from the noisiest to the cleanest, a thousandth of the level each; not whole numbers.
        levels: of the timesteps, and the one that the last step ends at.
    """

    timesteps: tuple[float, ...]
    levels: tuple[float, ...]

    @classmethod
    def of(
        cls,
        scheduler: FlowMatchEulerDiscreteScheduler,
        steps: int,
        *,
        tokens: int,
        levels: Sequence[float] | None = None,
        shift: float | None = None,
    ) -> FlowPath:
        """Reads a diffusers scheduler set to `steps` steps; the scheduler itself is left as it was.

        Args:
            tokens: of the transformer for one picture, by which levels are shifted where the settings say so.
            levels: to shift, one for each step, in place of the scheduler's own.
            shift: in place of the one that the settings give for so many tokens.
        """
        own = cast("FlowMatchEulerDiscreteScheduler", FlowMatchEulerDiscreteScheduler.from_config(scheduler.config))
        dynamic = bool(own.config["use_dynamic_shifting"])
        taken = (dynamic_shift(own.config, tokens) if shift is None else shift) if dynamic else None
        own.set_timesteps(steps, sigmas=None if levels is None else list(levels), mu=taken)
        return cls(*(tuple(map(float, cast("Tensor", found))) for found in (own.timesteps, own.sigmas)))

    def noised(
        self, clean: Float[Tensor, "rows channels h w"], noise: Float[Tensor, "rows channels h w"], timestep: Timestep
    ) -> Float[Tensor, "rows channels h w"]:
        """Latents with as much noise as there is at a timestep: (1 - s) clean + s noise."""
        level = self.levels[self._place(timestep)]
        return (1 - level) * clean + level * noise

    def denoise(
        self,
        latents: Float[Tensor, "rows channels h w"],
        prediction: Float[Tensor, "rows channels h w"],
        timestep: Timestep,
    ) -> Float[Tensor, "rows channels h w"]:
        """One Euler step along the predicted velocity, noise less picture."""
        return latents + self._stride(timestep) * prediction

    def clean(
        self,
        latents: Float[Tensor, "rows channels h w"],
        prediction: Float[Tensor, "rows channels h w"],
        timestep: Timestep,
    ) -> Float[Tensor, "rows channels h w"]:
        """The clean picture that a predicted velocity implies."""
        return latents - self.levels[self._place(timestep)] * prediction

    def shift(
        self, difference: Float[Tensor, "rows channels h w"], timestep: Timestep
    ) -> Float[Tensor, "rows channels h w"]:
        """By how much one step moves a clean picture for a difference between two velocities (Kulikov et al. 2024)."""
        return self._stride(timestep) * difference

    def posterior(
        self,
        latents: Float[Tensor, "rows channels h w"],
        prediction: Float[Tensor, "rows channels h w"],
        timestep: Timestep,
    ) -> tuple[Float[Tensor, "rows channels h w"], float]:
        """There is none.

        Raises:
            OptionError: always.
        """
        raise OptionError(f"this model samples along straight lines, without random steps; {OTHER_METHODS}")

    def _stride(self, timestep: Timestep) -> float:
        place = self._place(timestep)
        return self.levels[place + 1] - self.levels[place]

    def _place(self, timestep: Timestep) -> int:
        return self.timesteps.index(timestep)


def dynamic_shift(scheduler: Any, tokens: int) -> float:
    """By how much noise levels are shifted for a picture of so many tokens: linear between two sizes in the settings.

    diffusers' `calculate_shift`: larger pictures need more noise before nothing of them is left (Esser et al. 2024).
    """
    fewest, most = scheduler["base_image_seq_len"], scheduler["max_image_seq_len"]
    slope = (scheduler["max_shift"] - scheduler["base_shift"]) / (most - fewest)
    return scheduler["base_shift"] + slope * (tokens - fewest)
