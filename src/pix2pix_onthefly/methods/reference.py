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
from torch import Tensor

from ..backbones.attention import NO_ROWS, CrossAttentionMaps, record_cross_attention
from ..backbones.schedule import ddim_step
from ..backbones.stable_diffusion import LatentDiffusion
from ..options import EditOptions
from ..records import Inversion, Progress, Reconstruction, no_progress


class Reference(Protocol):
    """What an edit needs of its reference."""

    @property
    def maps(self) -> tuple[Tensor, ...]:
        """For each layer the maps [pictures, heads, positions, tokens] of the step that the edit is at."""
        ...

    @property
    def latents(self) -> Tensor:
        """Where the regeneration stands, [pictures, channels, h, w]; after the last step, where it ended."""
        ...

    def predict_beside(self, rows: Tensor, timestep: int, context: Tensor) -> Tensor:
        """The noise prediction for the edit's rows; afterwards `maps` are those of the next step."""
        ...


class RunningReference:
    """A reference pass that shares the forward passes of an edit, or runs alone.

    Args:
        diffusion: the model.
        recorded: the recording that is active on its UNet.
        inversions: one or more pictures of one size.
        steps: number of sampling steps.
        steps_with_maps: of how many steps, from the noisiest on, the maps are wanted; None for all.
    """

    def __init__(
        self,
        diffusion: LatentDiffusion,
        recorded: CrossAttentionMaps,
        inversions: Sequence[Inversion],
        steps: int,
        *,
        steps_with_maps: int | None = None,
    ) -> None:
        self.latents = torch.cat([inversion.noise for inversion in inversions])
        self.maps: tuple[Tensor, ...] = ()
        self._diffusion, self._recorded = diffusion, recorded
        self._steps_with_maps = steps if steps_with_maps is None else steps_with_maps
        self._context = diffusion.embed([inversion.caption for inversion in inversions]).to(diffusion.dtype)
        self._schedule = diffusion.schedule(steps)
        self._step = 0
        self._shared: tuple[Tensor, Tensor] | None = None

    def advance(self) -> None:
        """One step without an edit beside it."""
        self.predict_beside(self.latents[:0], 0, self._context[:0])

    def predict_beside(self, rows: Tensor, timestep: int, context: Tensor) -> Tensor:
        """The noise prediction for the edit's rows, and the reference's next step, if there is one."""
        if self._step == len(self._schedule.timesteps):
            return _without_maps(self._diffusion, self._recorded, rows, timestep, context)
        own = self._schedule.timesteps[self._step]
        together = torch.cat([rows, self.latents])
        timesteps = torch.tensor([timestep] * len(rows) + [own] * len(self.latents), device=rows.device)
        self._recorded.rows = slice(len(rows), None) if self._step < self._steps_with_maps else NO_ROWS
        noise = self._diffusion.predict_noise(together, timesteps, self._context_with(context))
        self.maps = self._recorded.take()
        levels = self._schedule.level(own), self._schedule.level(own - self._schedule.stride)
        self.latents = ddim_step(self.latents, noise[len(rows) :], *levels)
        self._step += 1
        return noise[: len(rows)]

    def _context_with(self, context: Tensor) -> Tensor:
        """Both contexts in one tensor, the same one at every step: attention layers remember what they made of it."""
        if not len(context):
            return self._context
        if self._shared is None or self._shared[0] is not context:
            self._shared = context, torch.cat([context, self._context])
        return self._shared[1]


class KeptReference:
    """A reference whose maps were kept.

    Args:
        diffusion: the model.
        recorded: the recording that is active on its UNet.
        kept: one for each picture.
    """

    def __init__(
        self, diffusion: LatentDiffusion, recorded: CrossAttentionMaps, kept: Sequence[Reconstruction]
    ) -> None:
        self.latents = torch.cat([reconstruction.latents for reconstruction in kept])
        self._diffusion, self._recorded, self._kept, self._step = diffusion, recorded, kept, 0

    @property
    def maps(self) -> tuple[Tensor, ...]:
        """The maps of the step that the edit is at."""
        layers = zip(*(reconstruction.maps[self._step] for reconstruction in self._kept), strict=True)
        joined = (layer[0] if len(layer) == 1 else torch.cat(layer) for layer in layers)
        return tuple(layer.to(self._diffusion.device) for layer in joined)

    def predict_beside(self, rows: Tensor, timestep: int, context: Tensor) -> Tensor:
        """The noise prediction for the edit's rows alone."""
        self._step += 1
        return _without_maps(self._diffusion, self._recorded, rows, timestep, context)


def _without_maps(
    diffusion: LatentDiffusion, recorded: CrossAttentionMaps, rows: Tensor, timestep: int, context: Tensor
) -> Tensor:
    recorded.rows = NO_ROWS
    return diffusion.predict_noise(rows, timestep, context)


@torch.no_grad()
def reconstruct(
    diffusion: LatentDiffusion, inversion: Inversion, options: EditOptions, progress: Progress = no_progress
) -> Tensor:
    """Regenerates the picture from its noise with its own caption: latents [1, channels, h, w]."""
    with record_cross_attention(diffusion.unet) as recorded:
        running = RunningReference(diffusion, recorded, [inversion], options.steps, steps_with_maps=0)
        for done in range(1, options.steps + 1):
            running.advance()
            progress("reconstruct", done, options.steps)
    return running.latents


@torch.no_grad()
def keep_reference(
    diffusion: LatentDiffusion,
    inversion: Inversion,
    options: EditOptions,
    progress: Progress = no_progress,
    *,
    most_bytes: float = float("inf"),
) -> Reconstruction | None:
    """Regenerates the picture and keeps all its maps, in the UNet's own precision, on the CPU.

    Returns:
        None, after one step, if the maps would take more than `most_bytes`.
    """
    maps: list[tuple[Tensor, ...]] = []
    with record_cross_attention(diffusion.unet) as recorded:
        running = RunningReference(diffusion, recorded, [inversion], options.steps)
        for done in range(1, options.steps + 1):
            running.advance()
            if options.steps * sum(layer.nbytes for layer in running.maps) > most_bytes:
                return None
            maps.append(tuple(layer.cpu() for layer in running.maps))
            progress("reconstruct", done, options.steps)
    return Reconstruction(running.latents, tuple(maps))
