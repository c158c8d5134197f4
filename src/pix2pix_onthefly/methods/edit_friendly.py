"""Edit-friendly DDPM inversion (Huberman-Spiegelglas et al. 2024): the noise maps of a random path, drawn again.

Noisy versions of the picture are drawn independently at every step; the noise that would lead from one to the next
under the source caption holds the picture's layout. Sampling with the same noise and the after-caption makes the edit.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor

from ..backbones.backbone import Backbone, Path, Timestep, path_for
from ..options import EditFriendlyOptions, EditOptions
from ..records import Case, Edited, Progress, joined, no_progress
from .flow_steps import noise_of, timesteps_from
from .method import Need


class EditFriendly:
    """A `method.Method` for backbones whose path has random steps."""

    needs = frozenset([Need.CAPTIONS, Need.NOISE])
    batch: int | None = None

    def __init__(self, options: EditFriendlyOptions, models: object = None) -> None:
        self.models: dict[str, str] = {}

    @torch.no_grad()
    def edit(
        self, backbone: Backbone, cases: Sequence[Case], options: EditOptions, progress: Progress = no_progress
    ) -> list[Edited]:
        """Edits pictures of one size.

        Raises:
            OptionError: a backbone without random steps.
        """
        own = options.method
        assert isinstance(own, EditFriendlyOptions)
        path = path_for(backbone, cases[0].latents, options.steps)
        timesteps = timesteps_from(path, 1 - own.skip)
        source = backbone.condition([case.picture.caption for case in cases])
        empty = backbone.condition([""]).repeated(len(cases))
        target = backbone.condition([case.captions.after[0] for case in cases])
        conditioning = joined([source, empty, target]).to(backbone.dtype)
        known, edited = (_noised(path, cases, timesteps[0]) for _ in range(2))
        for done, timestep in enumerate(timesteps, 1):
            following = _noised(path, cases, timesteps[done] if done < len(timesteps) else None)
            predicted = backbone.predict(torch.cat([known, edited, edited]), timestep, conditioning)
            for_source, away, towards = predicted.chunk(3)
            mean, _ = path.posterior(known, for_source, timestep)
            edited, _ = path.posterior(edited, away + own.guidance_scale * (towards - away), timestep)
            edited = edited + (following - mean)  # the noise map, times its standard deviation
            known = following
            progress("edit", done, len(timesteps))
        return [Edited(latents) for latents in edited.split(1)]


def _noised(path: Path, cases: Sequence[Case], timestep: Timestep | None) -> Float[Tensor, "rows channels h w"]:
    """The pictures with noise of a timestep's own; clean behind the last one."""
    clean = torch.cat([case.latents for case in cases])
    if timestep is None:
        return clean
    return path.noised(clean, torch.cat([noise_of(case.latents, case.seed, timestep) for case in cases]), timestep)
