"""What backbones of a transformer that predicts a flow share: their path, patches of latents, and what they refuse."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Any, NoReturn

import torch
from diffusers import AutoencoderKL, AutoencoderKLFlux2, FlowMatchEulerDiscreteScheduler
from jaxtyping import Float
from torch import Tensor

from ..errors import OptionError
from .attention import CrossAttentionMaps
from .attention_control import AttentionControl
from .backbone import Timestep
from .flow_path import OTHER_METHODS, FlowPath
from .latent_space import LatentSpace

PATCH = 2
"""Cells of latents along a side of what the transformer takes as one token."""


class FlowMatching(LatentSpace):
    """A transformer with an autoencoder and straight paths.

    Args:
        vae, transformer: networks on one device; the transformer's dtype is the working precision.
        scheduler: its settings are those of the noise levels.
        encoders: of texts.

    Raises:
        OptionError: a transformer that takes more than the autoencoder's latents.
    """

    def __init__(
        self,
        vae: AutoencoderKL | AutoencoderKLFlux2,
        transformer: Any,
        scheduler: FlowMatchEulerDiscreteScheduler,
        *encoders: Any,
        channels: int,
    ) -> None:
        super().__init__(vae, transformer, *encoders)
        self.transformer, self.scheduler = transformer, scheduler
        if channels != self.latent_channels:
            raise OptionError(
                f"this model takes {channels} channels and not the {self.latent_channels} of a picture alone; choose "
                "one that draws from a text"
            )

    def recording(self) -> AbstractContextManager[CrossAttentionMaps]:
        """There is nothing to record.

        Raises:
            OptionError: always.
        """
        return self._without_maps()

    def controlled(self, control: AttentionControl) -> AbstractContextManager[None]:
        """There are no maps to change.

        Raises:
            OptionError: always.
        """
        return self._without_maps()

    def spans(self, text: str) -> tuple[tuple[int, int] | None, ...]:
        """There are no maps for tokens to be found in.

        Raises:
            OptionError: always.
        """
        return self._without_maps()

    @staticmethod
    def _without_maps() -> NoReturn:
        raise OptionError(f"this model has no cross-attention maps, which the method works with; {OTHER_METHODS}")

    def path(self, steps: int, cells: tuple[int, int] | None = None) -> FlowPath:
        """The noise levels of so many steps.

        Args:
            cells: height and width of the latents; those of the model's own size if not given.
        """
        side = self.native_size // self.pixels_per_latent
        height, width = cells or (side, side)
        tokens = (height // PATCH) * (width // PATCH)
        shift = self._shift(tokens, steps)
        return FlowPath.of(self.scheduler, steps, tokens=tokens, levels=self._levels(steps), shift=shift)

    def _levels(self, steps: int) -> list[float] | None:
        """Levels of noise before they are shifted; None for the scheduler's own."""
        return None

    def _shift(self, tokens: int, steps: int) -> float | None:
        """By how much levels are shifted that depend on the size; None for what the scheduler's settings say."""
        return None

    def _check_sides(self, latents: Tensor) -> None:
        """Makes sure that latents can be cut into patches.

        Raises:
            OptionError: a side is odd.
        """
        if any(side % PATCH for side in latents.shape[-2:]):
            multiple = PATCH * self.pixels_per_latent
            raise OptionError(
                f"this model's pictures have sides that are multiples of {multiple} pixels; choose a size"
            )

    @staticmethod
    def _times(timestep: Timestep | Tensor, latents: Tensor) -> Float[Tensor, " rows"]:
        """One time for each row."""
        return torch.as_tensor(timestep, dtype=torch.float32, device=latents.device).expand(len(latents))
