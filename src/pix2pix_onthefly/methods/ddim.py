"""Plain DDIM inversion, then another caption (Song et al. 2021; the baseline of Hertz et al. 2022 and after)."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from ..backbones.backbone import Backbone
from ..backbones.drawing import sample
from ..options import DdimOptions, EditOptions
from ..records import Case, Edited, Progress, no_progress
from .empty_text import empty_texts
from .method import Need


class DdimEditing:
    """Inverts with the source caption at guidance 1 and samples with the after-caption at a higher one."""

    needs = frozenset([Need.CAPTIONS, Need.INVERSION])
    batch: int | None = None

    def __init__(self, options: DdimOptions, models: object = None) -> None:
        self.models: dict[str, str] = {}

    @torch.no_grad()
    def edit(
        self, backbone: Backbone, cases: Sequence[Case], options: EditOptions, progress: Progress = no_progress
    ) -> list[Edited]:
        """Edits pictures of one size."""
        own = options.method
        assert isinstance(own, DdimOptions)
        source = backbone.condition([case.inverted.caption for case in cases])
        target = backbone.condition([case.captions.after[0] for case in cases])
        negative = source if own.negative == "source" else empty_texts(backbone, [case.inverted for case in cases])
        noise = torch.cat([case.inverted.noise for case in cases])
        made = sample(backbone, noise, negative, target, own.guidance_scale, options.steps, progress, stage="edit")
        return [Edited(latents) for latents in made.split(1)]
