"""The reference pass: the unedited regeneration, whose cross-attention maps an edit is held to (paper 3.3).

The published code runs two equal rows here (caption against caption), which makes guidance void: one row gives the same
latents and maps. Nor has the pass to be over before the edit begins. It can run one step ahead of it and share the
edit's forward passes, so that the maps of a single step are all that is ever held; or its maps are kept, where many
edits of one picture are to come.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import torch
from jaxtyping import Float
from torch import Tensor

from ..backbones.attention import NO_ROWS, CrossAttentionMaps
from ..backbones.backbone import Backbone, Timestep, path_for
from ..records import Conditioning, Inverted, Progress, Reconstruction, joined, no_progress


class Reference(Protocol):
    """What an edit needs of its reference."""

    @property
    def maps(self) -> tuple[Tensor, ...]:
        """For each layer the maps [pictures, heads, positions, tokens] of the step that the edit is at."""
        ...

    @property
    def latents(self) -> Float[Tensor, "pictures channels h w"]:
        """Where the regeneration stands; after the last step, where it ended."""
        ...

    def predict_beside(
        self, rows: Float[Tensor, "rows channels h w"], timestep: Timestep, conditioning: Conditioning
    ) -> Float[Tensor, "rows channels h w"]:
        """The prediction for the edit's rows; afterwards `maps` are those of the next step."""
        ...


class RunningReference:
    """A reference pass that shares the forward passes of an edit, or runs alone.

    Args:
        backbone: the model.
        recorded: the recording that is active on it.
        pictures: one or more, of one size.
        steps: number of sampling steps.
        steps_with_maps: of how many steps, from the noisiest on, the maps are wanted; None for all.
    """

    def __init__(
        self,
        backbone: Backbone,
        recorded: CrossAttentionMaps,
        pictures: Sequence[Inverted],
        steps: int,
        *,
        steps_with_maps: int | None = None,
    ) -> None:
        self.latents = torch.cat([picture.noise for picture in pictures])
        self.maps: tuple[Tensor, ...] = ()
        self._backbone, self._recorded = backbone, recorded
        self._steps_with_maps = steps if steps_with_maps is None else steps_with_maps
        self._captions = backbone.condition([picture.caption for picture in pictures]).to(backbone.dtype)
        self._path = path_for(backbone, self.latents, steps)
        self._step = 0
        self._shared: tuple[Conditioning, Conditioning] | None = None

    def advance(self) -> None:
        """One step without an edit beside it."""
        self._step_beside(None, 0, None)

    def predict_beside(
        self, rows: Float[Tensor, "rows channels h w"], timestep: Timestep, conditioning: Conditioning
    ) -> Float[Tensor, "rows channels h w"]:
        """The prediction for the edit's rows, and the reference's next step, if there is one."""
        if self._step == len(self._path.timesteps):
            return _without_maps(self._backbone, self._recorded, rows, timestep, conditioning)
        return self._step_beside(rows, timestep, conditioning)

    def _step_beside(self, rows: Tensor | None, timestep: Timestep, conditioning: Conditioning | None) -> Tensor:
        """The reference's next step; with rows of an edit, in one forward pass with theirs."""
        own = self._path.timesteps[self._step]
        beside = self.latents[:0] if rows is None else rows
        together = torch.cat([beside, self.latents])
        timesteps = torch.tensor([timestep] * len(beside) + [own] * len(self.latents), device=together.device)
        self._recorded.rows = slice(len(beside), None) if self._step < self._steps_with_maps else NO_ROWS
        prediction = self._backbone.predict(together, timesteps, self._conditioning_with(conditioning))
        self.maps = self._recorded.take()
        self.latents = self._path.denoise(self.latents, prediction[len(beside) :], own)
        self._step += 1
        return prediction[: len(beside)]

    def _conditioning_with(self, conditioning: Conditioning | None) -> Conditioning:
        """Both texts in one tensor, the same one at every step: attention layers remember what they made of it."""
        if conditioning is None:
            return self._captions
        if self._shared is None or self._shared[0] is not conditioning:
            self._shared = conditioning, joined([conditioning, self._captions])
        return self._shared[1]


class KeptReference:
    """A reference whose maps were kept.

    Args:
        backbone: the model.
        recorded: the recording that is active on it.
        kept: one for each picture.
    """

    def __init__(self, backbone: Backbone, recorded: CrossAttentionMaps, kept: Sequence[Reconstruction]) -> None:
        self.latents = torch.cat([reconstruction.latents for reconstruction in kept])
        self._backbone, self._recorded, self._kept, self._step = backbone, recorded, kept, 0

    @property
    def maps(self) -> tuple[Tensor, ...]:
        """The maps of the step that the edit is at."""
        layers = zip(*(reconstruction.maps[self._step] for reconstruction in self._kept), strict=True)
        parts = (layer[0] if len(layer) == 1 else torch.cat(layer) for layer in layers)
        return tuple(layer.to(self._backbone.device) for layer in parts)

    def predict_beside(
        self, rows: Float[Tensor, "rows channels h w"], timestep: Timestep, conditioning: Conditioning
    ) -> Float[Tensor, "rows channels h w"]:
        """The prediction for the edit's rows alone."""
        self._step += 1
        return _without_maps(self._backbone, self._recorded, rows, timestep, conditioning)


def _without_maps(
    backbone: Backbone, recorded: CrossAttentionMaps, rows: Tensor, timestep: Timestep, conditioning: Conditioning
) -> Tensor:
    recorded.rows = NO_ROWS
    return backbone.predict(rows, timestep, conditioning)


@torch.no_grad()
def reconstruct(
    backbone: Backbone, pictures: Sequence[Inverted], progress: Progress = no_progress
) -> Float[Tensor, "pictures channels h w"]:
    """Regenerates pictures of one size from their noise with their own captions."""
    steps = pictures[0].steps
    with backbone.recording() as recorded:
        running = RunningReference(backbone, recorded, pictures, steps, steps_with_maps=0)
        for done in range(1, steps + 1):
            running.advance()
            progress("reconstruct", done, steps)
    return running.latents


@torch.no_grad()
def keep_reference(
    backbone: Backbone, inverted: Inverted, progress: Progress = no_progress, *, most_bytes: float = float("inf")
) -> Reconstruction | None:
    """Regenerates the picture and keeps all its maps, in the network's own precision, on the CPU.

    Returns:
        None, after one step, if the maps would take more than `most_bytes`.
    """
    maps: list[tuple[Tensor, ...]] = []
    steps = inverted.steps
    with backbone.recording() as recorded:
        running = RunningReference(backbone, recorded, [inverted], steps)
        for done in range(1, steps + 1):
            running.advance()
            if steps * sum(layer.nbytes for layer in running.maps) > most_bytes:
                return None
            maps.append(tuple(layer.cpu() for layer in running.maps))
            progress("reconstruct", done, steps)
    return Reconstruction(running.latents, tuple(maps))
