"""Null-text inversion (Mokady et al. 2023): the empty text is optimised until guided sampling gives the picture back.

DDIM inversion leads back to the picture without guidance only; with it, sampling leaves the way. Here the embedding of
the empty text is moved at every sampling step, the embedding of the step before as its start, so that the guided step
lands on the latents that the inversion passed there. Weights and caption stay as they are.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from ..backbones.backbone import Backbone, Path, Timestep, path_for
from ..backbones.gradients import scaled_gradient
from ..options import EditOptions, InversionOptions
from ..records import Conditioning, InversionKey, Inverted, Progress, no_progress
from .ddim import walk_to_noise

_SLACK = 1e-3
"""By how much the tolerance grows from the first step to the last: 2e-5 at each of 50 in its authors' code."""
_LAST_RATE = 0.5
"""What is left of the learning rate at the last step, as after 50 steps in its authors' code."""


class NullTextInversion:
    """DDIM inversion with an optimised empty text for each step; an `inversion.Inversion`."""

    def invert(
        self,
        backbone: Backbone,
        latents: Float[Tensor, "rows channels h w"],
        captions: Sequence[str],
        options: EditOptions,
        progress: Progress = no_progress,
    ) -> list[Inverted]:
        """Noise and empty texts of pictures of one size, for the guidance scale of the method.

        Raises:
            OptionError: the backbone has no signal levels of DDIM.
        """
        captioned = backbone.condition(captions).to(backbone.dtype)

        def half(stage: str, done: int, total: int) -> None:
            progress(stage, done, 2 * total)

        trajectory = walk_to_noise(backbone, latents, captioned, options, half)
        texts = optimised_empty_texts(backbone, trajectory, captioned, options, progress)
        key = InversionKey.of(backbone.weights, str(backbone.dtype), options)
        # Contiguous: convolutions round differently where memory is laid out differently.
        rows = zip(captions, trajectory[-1].split(1), texts.unbind(0), strict=True)
        return [
            Inverted(caption, noise.contiguous(), key, empty_texts=own.contiguous()) for caption, noise, own in rows
        ]


@torch.no_grad()
def optimised_empty_texts(
    backbone: Backbone,
    trajectory: Sequence[Float[Tensor, "rows channels h w"]],
    captioned: Conditioning,
    options: EditOptions,
    progress: Progress = no_progress,
) -> Float[Tensor, "rows steps tokens width"]:
    """The empty text's embeddings with which guided sampling goes back along an inversion (Algorithm 1).

    Args:
        trajectory: the latents of the inversion, the pictures' own first, one more than there are steps.
        captioned: the captions that the inversion was conditioned on.
    """
    own, guidance = options.inversion, options.method.away_from_empty
    assert guidance is not None, "the options refuse methods that don't guide away from the empty text"
    path = path_for(backbone, trajectory[0], options.steps)
    empty = backbone.condition([""]).repeated(len(trajectory[0]))
    texts, latents, kept = empty.hidden, trajectory[-1], list[Tensor]()
    for place, timestep in enumerate(path.timesteps):
        towards = backbone.predict(latents, timestep, captioned)
        step = GuidedStep(backbone, path, timestep, latents, towards, empty.pooled, guidance)
        share = place / options.steps
        if guidance != 1:  # at 1 the empty text does not count
            texts = _fitted(step, trajectory[-2 - place], texts, own, share)
        kept.append(texts)
        latents = step.taken(texts, list(range(len(latents))))
        progress("invert", options.steps + place + 1, 2 * options.steps)
    return torch.stack(kept, 1)


@dataclass(frozen=True)
class GuidedStep:
    """One step of guided sampling, of which only the empty text is open.

    Attributes:
        latents, towards: where it starts, and the prediction under the caption, a row for each picture.
        pooled: the empty text's pooled part, of backbones that have one; it is left as it is.
        guidance: the scale.
    """

    backbone: Backbone
    path: Path
    timestep: Timestep
    latents: Float[Tensor, "rows channels h w"]
    towards: Float[Tensor, "rows channels h w"]
    pooled: Float[Tensor, "rows pooled_width"] | None
    guidance: float

    def taken(
        self, texts: Float[Tensor, "some tokens width"], rows: Sequence[int]
    ) -> Float[Tensor, "some channels h w"]:
        """Where the step ends for some of the pictures, each with its own empty text."""
        some = list(rows)
        latents, towards = self.latents[some], self.towards[some]
        empty = Conditioning(texts, None if self.pooled is None else self.pooled[some])
        away = self.backbone.predict(latents, self.timestep, empty)
        return self.path.denoise(latents, away + self.guidance * (towards - away), self.timestep)


def _fitted(
    step: GuidedStep,
    wanted: Float[Tensor, "rows channels h w"],
    texts: Float[Tensor, "rows tokens width"],
    own: InversionOptions,
    share: float,
) -> Float[Tensor, "rows tokens width"]:
    """Empty texts with which a step ends at the wanted latents, each as near as its own tolerance asks for.

    No row touches another: each has its own optimiser state and stops by itself, so that pictures in one batch get
    what they would get alone.

    Args:
        share: of the steps that lie behind.
    """
    found = [row.clone() for row in texts.split(1)]
    optimiser = torch.optim.Adam(found, lr=own.null_text_rate * (1 - (1 - _LAST_RATE) * share))
    tolerance, waiting = own.null_text_tolerance + _SLACK * share, list(range(len(found)))
    for _ in range(own.null_text_steps):
        distances: list[float] = []
        together = step.backbone.gradient_rows or len(waiting)
        for start in range(0, len(waiting), together):
            distances += _differentiated(step, wanted, found, waiting[start : start + together])
        optimiser.step()  # rows without a gradient are left as they are
        optimiser.zero_grad(set_to_none=True)
        waiting = [row for row, distance in zip(waiting, distances, strict=True) if distance >= tolerance]
        if not waiting:
            break
    return torch.cat(found)


def _differentiated(step: GuidedStep, wanted: Tensor, found: Sequence[Tensor], rows: Sequence[int]) -> list[float]:
    """Mean squared distances of some rows' ends from what is wanted; their texts get the gradients."""
    with torch.enable_grad():
        texts = torch.cat([found[row] for row in rows]).requires_grad_()
        distances = (step.taken(texts, rows) - wanted[list(rows)]).square().mean((1, 2, 3))
        gradient = scaled_gradient(distances.sum(), texts, step.backbone.dtype)
    for row, part in zip(rows, gradient.split(1), strict=True):
        found[row].grad = part
    return distances.tolist()
