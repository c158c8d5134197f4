"""Drawing a region of a picture again from some noise, with all around it held to the picture (blended diffusion).

Inside it is SDEdit (Meng et al. 2022); outside lies the picture with as much noise as there is at each step (Avrahami
et al. 2022).
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor

from ..backbones.backbone import Backbone, Path
from ..records import Case, Conditioning, Progress, joined, no_progress
from .flow_steps import noise_of, timesteps_from
from .regions import merged

_DRAW = 32
"""Of the noise of a timestep: another than those of the flow before it."""


@torch.no_grad()
def redraw(
    backbone: Backbone,
    path: Path,
    cases: Sequence[Case],
    begun: Float[Tensor, "rows channels h w"],
    regions: Float[Tensor, "rows 1 h w"],
    towards: Conditioning,
    *,
    start: float,
    scale: float,
    progress: Progress = no_progress,
) -> Float[Tensor, "rows channels h w"]:
    """Pictures with a region of each drawn again.

    Args:
        cases: whose latents are held outside the regions, and whose seeds count.
        begun: what the regions start from.
        towards: a row for each case.
        start: share of the path that is run.
        scale: of classifier-free guidance; 1 leaves the empty text out.
    """
    clean = torch.cat([case.latents for case in cases])
    timesteps = timesteps_from(path, start)
    noise = torch.cat([noise_of(case.latents, case.seed, timesteps[0], _DRAW) for case in cases])
    empty = backbone.condition([""]).repeated(len(cases))
    conditioning = (towards if scale == 1 else joined([towards, empty])).to(backbone.dtype)
    latents = path.noised(begun, noise, timesteps[0])
    for done, timestep in enumerate(timesteps, 1):
        latents = merged(path.noised(clean, noise, timestep), latents, regions)
        predicted = backbone.predict(latents if scale == 1 else latents.repeat(2, 1, 1, 1), timestep, conditioning)
        if scale != 1:
            guided, away = predicted.chunk(2)
            predicted = away + scale * (guided - away)
        latents = path.denoise(latents, predicted, timestep)
        progress("edit", done, len(timesteps))
    return merged(clean, latents, regions)
