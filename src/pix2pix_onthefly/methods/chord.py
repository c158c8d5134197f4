"""ChordEdit (2026): an edit in one stride, from what two captions' predictions make of the same noisy picture.

D(t) is the difference of the clean pictures that the two predictions at noise t imply; the picture moves by the mean of
D(t) and D(t - d), weighted so that noise counts less, and is predicted once more at little noise for its details.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from ..backbones.backbone import Backbone, Path, Timestep, path_for
from ..options import ChordOptions, EditOptions
from ..records import Case, Conditioning, Edited, Progress, joined, no_progress
from .flow_steps import noise_of, timestep_at
from .method import Need


class ChordEditing:
    """A `method.Method` of five predictions, three of which see the edit."""

    needs = frozenset([Need.CAPTIONS])
    batch: int | None = None

    def __init__(self, options: ChordOptions, models: object = None) -> None:
        self.models: dict[str, str] = {}

    @torch.no_grad()
    def edit(
        self, backbone: Backbone, cases: Sequence[Case], options: EditOptions, progress: Progress = no_progress
    ) -> list[Edited]:
        """Edits pictures of one size."""
        own = options.method
        assert isinstance(own, ChordOptions)
        stride = _Stride(backbone, path_for(backbone, cases[0].latents, options.steps), cases, own.guidance_scale)
        clean = torch.cat([case.latents for case in cases])
        noisier = stride.difference(clean, own.noise)
        cleaner = stride.difference(clean, max(own.noise - own.width, 0.0))
        edited = clean + (own.width * noisier + own.noise * cleaner) / (own.width + own.noise)
        progress("edit", 1, 2)
        if own.last:
            edited = stride.predicted_again(edited, own.last)
        progress("edit", 2, 2)
        return [Edited(latents) for latents in edited.split(1)]


@dataclass(frozen=True)
class _Stride:
    """What the predictions of some cases are made of."""

    backbone: Backbone
    path: Path
    cases: Sequence[Case]
    scale: float

    def difference(self, clean: Float[Tensor, "rows channels h w"], share: float) -> Float[Tensor, "rows channels h w"]:
        """D(t): by what the clean pictures differ that the after- and the before-captions imply at some noise."""
        timestep = timestep_at(self.path, share)
        noisy = self._noised(clean, timestep)
        before = self.backbone.condition([case.captions.before[0] for case in self.cases])
        after = self.backbone.condition([case.captions.after[0] for case in self.cases])
        empty = [] if self.scale == 1 else [self.backbone.condition([""]).repeated(len(self.cases))]
        texts = [before, after, *empty]
        predicted = self._predict(torch.cat([noisy] * len(texts)), timestep, joined(texts)).chunk(len(texts))
        towards = predicted[1] if self.scale == 1 else predicted[2] + self.scale * (predicted[1] - predicted[2])
        return self.path.clean(noisy, towards, timestep) - self.path.clean(noisy, predicted[0], timestep)

    def predicted_again(
        self, edited: Float[Tensor, "rows channels h w"], share: float
    ) -> Float[Tensor, "rows channels h w"]:
        """The edit as the after-captions have it, from some noise on it."""
        timestep = timestep_at(self.path, share)
        noisy = self._noised(edited, timestep)
        after = self.backbone.condition([case.captions.after[0] for case in self.cases])
        return self.path.clean(noisy, self._predict(noisy, timestep, after), timestep)

    def _noised(self, clean: Tensor, timestep: Timestep) -> Tensor:
        drawn = [noise_of(case.latents, case.seed, 0) for case in self.cases]  # the same at every noise level
        return self.path.noised(clean, torch.cat(drawn), timestep)

    def _predict(self, latents: Tensor, timestep: Timestep, texts: Conditioning) -> Tensor:
        return self.backbone.predict(latents, timestep, texts.to(self.backbone.dtype))
