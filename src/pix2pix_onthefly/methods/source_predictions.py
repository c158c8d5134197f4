"""What a backbone predicts for an unedited picture, kept so that further edits of it need the edited rows alone."""

from __future__ import annotations

import torch

from ..backbones.backbone import Backbone, path_for
from ..options import FLOW_BY_KIND, EditOptions, FlowOptions
from ..records import Case, Prepared, Progress, SourcePredictions, no_progress
from .flow_steps import noise_of, timesteps_from

_ROWS = 8
"""Predicted at once: a second edit is worth waiting for, memory is not there to be filled."""


@torch.no_grad()
def keep_predictions(
    backbone: Backbone, picture: Prepared, options: EditOptions, progress: Progress = no_progress
) -> SourcePredictions:
    """The predictions for a picture under its own caption, at all timesteps that any kind of edit asks for."""
    own = options.method
    assert isinstance(own, FlowOptions)
    assert picture.latents is not None, "the executor encodes pictures"
    path = path_for(backbone, picture.latents, options.steps)
    start = max(kind.start for kind in FLOW_BY_KIND.values()) if own.start is None else own.start
    wanted = [(timestep, draw) for timestep in timesteps_from(path, start) for draw in range(own.draws)]
    text = backbone.condition([picture.caption])
    found: dict[tuple[float, int], torch.Tensor] = {}
    for first in range(0, len(wanted), _ROWS):
        some = wanted[first : first + _ROWS]
        noisy = [path.noised(picture.latents, noise_of(picture.latents, options.seed, *one), one[0]) for one in some]
        timesteps = torch.tensor([timestep for timestep, _ in some], device=picture.latents.device)
        rows = backbone.predict(torch.cat(noisy), timesteps, text.repeated(len(some)).to(backbone.dtype))
        found.update(zip(some, rows.split(1), strict=True))
        progress("reconstruct", len(found), len(wanted))
    return SourcePredictions(backbone.weights, str(backbone.dtype), options.steps, options.seed, found)


def kept_for(case: Case, backbone: Backbone, steps: int) -> SourcePredictions | None:
    """The predictions that a prepared picture holds for an edit; None where they are of another edit."""
    kept = case.picture.predictions
    if kept is None or case.captions.before != (case.picture.caption,):
        return None
    made_with = (kept.weights, kept.precision, kept.steps, kept.seed)
    return kept if made_with == (backbone.weights, str(backbone.dtype), steps, case.seed) else None
