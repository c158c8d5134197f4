"""No edit at all: how well the models know a picture."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from ..backbones.backbone import Backbone
from ..options import EditOptions, ReconstructionOptions
from ..records import Case, Edited, Progress, no_progress
from .method import Need
from .reference import reconstruct


class Reconstructing:
    """Regenerates pictures from their noise with their own captions."""

    needs = frozenset([Need.INVERSION])
    batch: int | None = None

    def __init__(self, options: ReconstructionOptions, models: object = None) -> None:
        self.models: dict[str, str] = {}

    def edit(
        self, backbone: Backbone, cases: Sequence[Case], options: EditOptions, progress: Progress = no_progress
    ) -> list[Edited]:
        """Regenerates pictures of one size; what it makes and the unedited regeneration are the same."""
        pictures = list({id(case.inverted): case.inverted for case in cases}.values())
        made = reconstruct(backbone, pictures, progress)
        places = {id(inverted): place for place, inverted in enumerate(pictures)}
        rows: list[torch.Tensor] = [made[places[id(case.inverted)]][None] for case in cases]
        return [Edited(row, row) for row in rows]
