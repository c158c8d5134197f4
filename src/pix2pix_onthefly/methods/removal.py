"""Taking a thing out of a picture: its region is found and drawn again as the place that it stood in.

An after-caption without the thing does not say what belongs in its place, so that methods which follow it draw another
copy of what is left. Here the region is where the predictions with and without the thing differ at low noise, where they
differ in detail only; a caption of the place alone fills it.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor

from ..backbones.backbone import Backbone, Path, Timestep
from ..records import Case, joined
from .flow_steps import noise_of
from .redrawing import redraw
from .regions import both, grow, otsu_threshold, smoothed

LEVELS = 0.2, 0.3, 0.4
"""Shares of the path at which the predictions are compared. More noise spreads over the picture (docs/log.md)."""
DRAWS = 2
START = 0.9
"""Share of the path that the region is drawn with: nothing of the thing is left in so much noise."""


@torch.no_grad()
def remove(
    backbone: Backbone, path: Path, cases: Sequence[Case]
) -> tuple[Float[Tensor, "rows channels h w"], Float[Tensor, "rows 1 h w"]]:
    """The pictures without the things that their after-captions leave out, and the regions that were emptied."""
    regions = torch.cat([region for case in cases for region in [_region(backbone, path, case)]])
    places = backbone.condition([case.captions.place or case.captions.after[0] for case in cases])
    begun = torch.cat([case.latents for case in cases])
    made = redraw(backbone, path, cases, begun, regions, places, start=START, scale=1.0)
    return made, regions


def _region(backbone: Backbone, path: Path, case: Case) -> Tensor:
    """The cells of what is to be removed: the user's, or where it makes a difference, or both."""
    texts = backbone.condition([case.captions.before[0], case.captions.after[0]])
    strength = torch.zeros_like(case.latents[:, :1])
    for timestep in _timesteps(path):
        noisy = [
            path.noised(case.latents, noise_of(case.latents, case.seed, timestep, draw), timestep)
            for draw in range(DRAWS)
        ]
        rows = torch.cat([torch.cat([one, one]) for one in noisy])
        predicted = backbone.predict(rows, timestep, joined([texts] * DRAWS).to(backbone.dtype))
        differences = predicted[1::2] - predicted[0::2]
        strength += differences.square().mean(1, keepdim=True).sqrt().sum(0, keepdim=True)
    strength = smoothed(strength)
    region = grow((strength > otsu_threshold(strength)).to(strength), 1)
    return both(region, case.allowed) if case.allowed is not None else region


def _timesteps(path: Path) -> list[Timestep]:
    count = len(path.timesteps)
    return [path.timesteps[max(0, count - 1 - round(level * count))] for level in LEVELS]
