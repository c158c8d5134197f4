"""DDIM inversion: from a picture's latents to the noise that regenerates it (paper 3.1; Song et al. 2021)."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence

import torch
from jaxtyping import Float
from torch import Tensor

from ..backbones.attention import NO_ROWS
from ..backbones.backbone import Backbone, path_for
from ..backbones.flow_path import NO_NOISE
from ..backbones.schedule import Schedule, ddim_step
from ..errors import OptionError
from ..options import EditOptions
from ..records import Conditioning, InversionKey, Inverted, Progress, no_progress
from .regularisation import ShiftDraw, regularise

Move = tuple[int, float, float]
"""The timestep the backbone is asked at, the signal level the latents are at, and the level they go to."""


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


_MOVES: dict[str, Callable[[Schedule], list[Move]]] = {
    "aligned": aligned_moves,
    "reference": reference_moves,
    "null-text": aligned_moves,
}


class DdimInversion:
    """The paper's inversion, conditioned on the caption at guidance 1; an `inversion.Inversion`."""

    def invert(
        self,
        backbone: Backbone,
        latents: Float[Tensor, "rows channels h w"],
        captions: Sequence[str],
        options: EditOptions,
        progress: Progress = no_progress,
    ) -> list[Inverted]:
        """The noise of pictures of one size, one for each row, laid out as a cache gives it back."""
        walked = walk_to_noise(backbone, latents, backbone.condition(captions), options, progress)[-1]
        key = InversionKey.of(backbone.weights, str(backbone.dtype), options)
        # Contiguous: convolutions round differently where memory is laid out differently.
        rows = (noise.contiguous() for noise in walked.split(1))
        return [Inverted(caption, noise, key) for caption, noise in zip(captions, rows, strict=True)]


def invert(
    backbone: Backbone,
    latents: Float[Tensor, "1 channels h w"],
    caption: str,
    options: EditOptions,
    progress: Progress = no_progress,
    draw: ShiftDraw | None = None,
) -> Inverted:
    """One picture's inversion with the way it took.

    Args:
        draw: what draws the regularisation's shifts, in place of `draw_shifts`.
    """
    trajectory = walk_to_noise(backbone, latents, backbone.condition([caption]), options, progress, draw)
    key = InversionKey.of(backbone.weights, str(backbone.dtype), options)
    return Inverted(caption, trajectory[-1], key, trajectory)


@torch.no_grad()
def walk_to_noise(
    backbone: Backbone,
    latents: Float[Tensor, "rows channels h w"],
    conditioning: Conditioning,
    options: EditOptions,
    progress: Progress = no_progress,
    draw: ShiftDraw | None = None,
) -> tuple[Tensor, ...]:
    """The inversion of one or more pictures, conditioned row by row.

    Args:
        draw: what draws the regularisation's shifts, in place of `draw_shifts`.

    Returns:
        the latents after every move, the given ones first.

    Raises:
        OptionError: the backbone has no signal levels of DDIM.
    """
    schedule = path_for(backbone, latents, options.steps)
    if not isinstance(schedule, Schedule):
        raise OptionError(NO_NOISE)
    moves = _MOVES[options.inversion.kind](schedule)
    rng = random.Random(options.seed)
    conditioning = conditioning.to(backbone.dtype)
    trajectory = [latents]
    with backbone.recording() as recorded:
        recorded.rows = NO_ROWS  # no map is wanted, but layers keep what they made of the text from step to step
        for done, (timestep, level, next_level) in enumerate(moves, 1):
            noise = backbone.predict(trajectory[-1], timestep, conditioning)
            noise = regularise(noise, options.inversion, rng, draw)
            trajectory.append(ddim_step(trajectory[-1], noise, level, next_level))
            progress("invert", done, len(moves))
    return tuple(trajectory)
