"""FlowEdit's step on a backbone's predictions: the source is moved by what two captions' predictions differ in.

With velocities of a flow model this is FlowEdit (Kulikov et al. 2024, Eq. 5 and algorithm 1); with noise predictions
the same in the coordinates z / sqrt(a) of DDIM's ODE. Only `Backbone.predict` and the moves of its path are asked for:
no inversion, no attention maps, no gradients.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from ..backbones.backbone import Backbone, Path, Timestep
from ..records import Case, Conditioning, SourcePredictions, joined

_STRIDE_OF_SEEDS = 1_000_003
_PARTS_OF_A_TIMESTEP = 1000
"""What tells timesteps apart that are no whole numbers: those of one schedule lie further from each other."""


@dataclass(frozen=True)
class Texts:
    """What the predictions of one case are conditioned on.

    Attributes:
        before, after: rows of its pairs of captions; as many of either.
    """

    before: Conditioning
    after: Conditioning


def texts_of(backbone: Backbone, case: Case, average: str) -> Texts:
    """A case's captions, embedded.

    Args:
        average: `predictions` keeps a row for each pair; `embeddings` makes one of all (paper Eq. 1).
    """
    pairs = min(len(case.captions.before), len(case.captions.after))
    before = backbone.condition(case.captions.before[:pairs])
    after = backbone.condition(case.captions.after[:pairs])
    return Texts(before.mean(), after.mean()) if average == "embeddings" else Texts(before, after)


def noise_of(latents: Tensor, seed: int, timestep: Timestep, draw: int = 0) -> Tensor:
    """The noise of one timestep: the same whatever step a run begins with, on every device and in every batch."""
    numbered = timestep if isinstance(timestep, int) else round(timestep * _PARTS_OF_A_TIMESTEP)
    generator = torch.Generator().manual_seed((seed * _STRIDE_OF_SEEDS + numbered * 64 + draw) % 2**63)
    return torch.randn(latents.shape, generator=generator).to(latents)


def timestep_at(path: Path, share: float) -> Timestep:
    """The timestep of a path at a share of the schedule."""
    count = len(path.timesteps)
    return path.timesteps[min(count - 1, max(0, count - 1 - round(share * count)))]


def timesteps_from(path: Path, start: float) -> tuple[Timestep, ...]:
    """The timesteps of the last share of a path, at least one."""
    run = max(1, int(len(path.timesteps) * start + 1e-9))
    return path.timesteps[-run:]


@dataclass(frozen=True)
class _Rows:
    """Latents and conditioning of one forward pass, and for whom each row is."""

    latents: list[Tensor]
    conditioning: list[Conditioning]

    def add(self, latents: Tensor, conditioning: Conditioning) -> slice:
        """More rows; where they lie."""
        before = sum(map(len, self.latents))
        self.latents.append(latents.expand(len(conditioning), -1, -1, -1))
        self.conditioning.append(conditioning)
        return slice(before, before + len(conditioning))

    def predicted(self, backbone: Backbone, timestep: Timestep) -> Tensor:
        return backbone.predict(torch.cat(self.latents), timestep, joined(self.conditioning).to(backbone.dtype))


@dataclass(frozen=True)
class Flowing:
    """Moves the pictures of some cases, all from one noise level on.

    Attributes:
        backbone, path: what predicts, and how far a step moves.
        cases: the edits.
        texts, kept: theirs; predictions for their sources where those are known.
        empty: the row of the empty text.
        scale: of classifier-free guidance towards the after-captions; 1 leaves the empty text out.
        draws: of noise that a step averages.
    """

    backbone: Backbone
    path: Path
    cases: Sequence[Case]
    texts: Sequence[Texts]
    kept: Sequence[SourcePredictions | None]
    empty: Conditioning
    scale: float
    draws: int

    def step(
        self, edited: Sequence[Float[Tensor, "1 channels h w"]], timestep: Timestep
    ) -> list[Float[Tensor, "1 channels h w"]]:
        """The edited pictures, one step further."""
        drawn = [self._differences(edited, timestep, draw) for draw in range(self.draws)]
        shifts = self.path.shift(torch.stack(drawn).mean(0), timestep)
        return [clean + shift for clean, shift in zip(edited, shifts.split(1), strict=True)]

    def _differences(self, edited: Sequence[Tensor], timestep: Timestep, draw: int) -> Tensor:
        """By what the predictions for edit and source differ, [cases, channels, h, w]."""
        rows = _Rows([], [])
        sources: dict[tuple[object, ...], slice] = {}
        places: list[tuple[slice | Tensor, slice | None, slice]] = []
        for case, texts, kept, clean in zip(self.cases, self.texts, self.kept, edited, strict=True):
            noise = noise_of(case.latents, case.seed, timestep, draw)
            key = (id(case.latents), case.seed, case.captions.before)
            known = None if kept is None else kept.rows.get((timestep, draw))
            if known is None and key not in sources:  # edits of one picture with one seed share its predictions
                sources[key] = rows.add(self.path.noised(case.latents, noise, timestep), texts.before)
            noisy = self.path.noised(clean, noise, timestep)
            unguided = None if self.scale == 1 else rows.add(noisy, self.empty)
            places.append((sources[key] if known is None else known, unguided, rows.add(noisy, texts.after)))
        predicted = rows.predicted(self.backbone, timestep)
        return torch.cat([self._difference(predicted, *place) for place in places])

    def _difference(self, predicted: Tensor, before: slice | Tensor, unguided: slice | None, after: slice) -> Tensor:
        towards = predicted[after].mean(0, keepdim=True)
        if unguided is not None:
            away = predicted[unguided]
            towards = away + self.scale * (towards - away)
        source = before if isinstance(before, Tensor) else predicted[before].mean(0, keepdim=True)
        return towards - source
