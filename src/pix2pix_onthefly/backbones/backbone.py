"""What editing code needs of a text-to-image model: the one seam between methods and networks.

Epsilon, velocity and flow models differ in what their network predicts and in how their noise levels lie; both are
hidden here: `predict` and the moves of `path` belong together, and no method looks inside either.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Protocol

import torch
from jaxtyping import Float
from torch import Tensor

from ..records import Conditioning

if TYPE_CHECKING:
    from .attention import CrossAttentionMaps
    from .attention_control import AttentionControl

Timestep = int | float
"""Where between picture and noise a backbone is asked: whole numbers where noise levels are numbered."""


class Path(Protocol):
    """The way between a picture and noise in a number of steps.

    Attributes:
        timesteps: where the backbone is asked, from the noisiest to the cleanest.
    """

    @property
    def timesteps(self) -> tuple[Timestep, ...]:
        """From the noisiest to the cleanest."""
        ...

    def noised(
        self, clean: Float[Tensor, "rows channels h w"], noise: Float[Tensor, "rows channels h w"], timestep: Timestep
    ) -> Float[Tensor, "rows channels h w"]:
        """Latents with as much noise as there is at a timestep."""
        ...

    def denoise(
        self,
        latents: Float[Tensor, "rows channels h w"],
        prediction: Float[Tensor, "rows channels h w"],
        timestep: Timestep,
    ) -> Float[Tensor, "rows channels h w"]:
        """One step of sampling: from a timestep's noise level to that of the next."""
        ...

    def clean(
        self,
        latents: Float[Tensor, "rows channels h w"],
        prediction: Float[Tensor, "rows channels h w"],
        timestep: Timestep,
    ) -> Float[Tensor, "rows channels h w"]:
        """The clean picture that a prediction for noisy latents implies."""
        ...

    def shift(
        self, difference: Float[Tensor, "rows channels h w"], timestep: Timestep
    ) -> Float[Tensor, "rows channels h w"]:
        """By how much one step of sampling moves a clean picture for a difference between two predictions."""
        ...

    def posterior(
        self,
        latents: Float[Tensor, "rows channels h w"],
        prediction: Float[Tensor, "rows channels h w"],
        timestep: Timestep,
    ) -> tuple[Float[Tensor, "rows channels h w"], float]:
        """Mean and standard deviation of one random step of sampling.

        Raises:
            OptionError: a path without random steps.
        """
        ...


def path_for(backbone: Backbone, latents: Float[Tensor, "rows channels h w"], steps: int) -> Path:
    """The way between latents of this size and noise in so many steps."""
    height, width = latents.shape[-2:]
    return backbone.path(steps, (height, width))


class Backbone(Protocol):
    """A text-to-image model with frozen weights; latents are float32 everywhere outside it.

    Attributes:
        weights: names its weights: what was made with others cannot be used with these.
        device, dtype: where it lives, and its working precision.
        gradient_rows: how many rows of a batch are differentiated at once, to save memory; None for all.
    """

    weights: str
    device: torch.device
    dtype: torch.dtype
    gradient_rows: int | None

    @property
    def native_size(self) -> int:
        """Side in pixels of the square pictures it was trained on."""
        ...

    @property
    def pixels_per_latent(self) -> int:
        """Pixels along one side of a latent cell."""
        ...

    @property
    def latent_channels(self) -> int:
        """Channels of its latents."""
        ...

    def to(self, device: torch.device) -> None:
        """Moves the networks."""
        ...

    def encode(self, pixels: Float[Tensor, "rows 3 height width"]) -> Float[Tensor, "rows channels h w"]:
        """Pixels in -1..1 to latents."""
        ...

    def decode(self, latents: Float[Tensor, "rows channels h w"]) -> Float[Tensor, "rows 3 height width"]:
        """Latents to pixels, about -1..1, float32 on the CPU."""
        ...

    def condition(self, texts: Sequence[str]) -> Conditioning:
        """One row for each text."""
        ...

    def predict(
        self, latents: Float[Tensor, "rows channels h w"], timestep: Timestep | Tensor, conditioning: Conditioning
    ) -> Float[Tensor, "rows channels h w"]:
        """What the moves of `path` take: differentiable in the latents, linear combinations of it are its like.

        Args:
            timestep: one for all rows, or [rows].
        """
        ...

    def path(self, steps: int, cells: tuple[int, int] | None = None) -> Path:
        """The way between picture and noise in so many steps.

        Args:
            cells: height and width of the latents, by which some models choose their noise levels; those of the
                model's own size if not given.
        """
        ...

    def recording(self) -> AbstractContextManager[CrossAttentionMaps]:
        """While active, cross-attention maps are recorded.

        Raises:
            OptionError: a backbone without cross-attention, with the methods that work there.
        """
        ...

    def controlled(self, control: AttentionControl) -> AbstractContextManager[None]:
        """While active, attention layers ask a control what to take in place of their own.

        Raises:
            OptionError: as of `recording`.
        """
        ...

    def spans(self, text: str) -> tuple[tuple[int, int] | None, ...]:
        """For each token that cross-attention sees of a text, the characters that it stands for; None for start, end
        and padding.

        Raises:
            OptionError: as of `recording`.
        """
        ...
