"""Taking a thing out of a picture: its region is found, filled from around it, and drawn again.

An after-caption without the thing does not say what belongs in its place, so that methods which follow it from much
noise draw another thing there. Here the region is where the predictions with and without the thing differ at low noise,
where they differ in detail only. It is filled with what surrounds it, smoothly, and gets its texture from the model.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from ..backbones.backbone import Backbone, Path
from ..records import Case, Progress, joined, no_progress
from .flow_steps import noise_of, timestep_at
from .redrawing import redraw
from .regions import both, grow, otsu_threshold, smoothed

LEVELS = 0.2, 0.3, 0.4
"""Shares of the path at which the predictions are compared. With more noise the difference spreads over the picture."""
DRAWS = 2


@torch.no_grad()
def remove(
    backbone: Backbone,
    path: Path,
    cases: Sequence[Case],
    *,
    start: float,
    scale: float,
    progress: Progress = no_progress,
) -> tuple[Float[Tensor, "rows channels h w"], Float[Tensor, "rows 1 h w"]]:
    """The pictures without the things that their after-captions leave out, and the regions that were emptied.

    Args:
        start: share of the path that the filled region is drawn with.
        scale: of classifier-free guidance towards the after-captions.
    """
    regions = removed_regions(backbone, path, cases)
    clean = torch.cat([case.latents for case in cases])
    after = backbone.condition([case.captions.after[0] for case in cases])
    filled = filled_from_around(clean, regions)
    return redraw(backbone, path, cases, filled, regions, after, start=start, scale=scale, progress=progress), regions


def removed_regions(backbone: Backbone, path: Path, cases: Sequence[Case]) -> Float[Tensor, "rows 1 h w"]:
    """For each case the cells in which the things are that its after-caption leaves out, within the user's mask."""
    texts = [backbone.condition([case.captions.before[0], case.captions.after[0]]) for case in cases]
    conditioning = joined([pair for pair in texts for _ in range(DRAWS)]).to(backbone.dtype)
    strengths = torch.zeros_like(torch.cat([case.latents[:, :1] for case in cases]))
    for timestep in (timestep_at(path, level) for level in LEVELS):
        rows = [
            path.noised(case.latents, noise_of(case.latents, case.seed, timestep, draw), timestep).expand(2, -1, -1, -1)
            for case in cases
            for draw in range(DRAWS)
        ]
        predicted = backbone.predict(torch.cat(rows), timestep, conditioning)
        change = (predicted[1::2] - predicted[0::2]).square().mean(1, keepdim=True).sqrt()
        strengths += change.unflatten(0, (len(cases), DRAWS)).sum(1)
    regions = [_standing_out(smoothed(strength)) for strength in strengths.split(1)]
    limited = [both(region, case.allowed) for region, case in zip(regions, cases, strict=True)]
    return torch.cat([region for region in limited if region is not None])


def filled_from_around(
    latents: Float[Tensor, "rows channels h w"], regions: Float[Tensor, "rows 1 h w"]
) -> Float[Tensor, "rows channels h w"]:
    """Latents whose regions hold the smoothest continuation of what is around them (Laplace's equation).

    Solved by averaging neighbours from the mean of all that is outside on; as many rounds as make a change cross the
    picture a few times.
    """
    inside = regions > 0
    outside = (~inside).to(latents)
    mean = (latents * outside).sum((2, 3), keepdim=True) / outside.sum((2, 3), keepdim=True).clamp(min=1)
    filled = torch.where(inside, mean, latents)
    for _ in range(4 * max(latents.shape[-2:])):
        filled = torch.where(inside, F.avg_pool2d(filled, 3, 1, 1, count_include_pad=False), latents)
    return filled


def _standing_out(strength: Float[Tensor, "1 1 h w"]) -> Float[Tensor, "1 1 h w"]:
    return grow((strength > otsu_threshold(strength)).to(strength), 1)
