"""What guided sampling from an inversion leads away from: the empty text, or what was optimised in its place."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from ..backbones.backbone import Backbone
from ..records import Conditioning, Inverted


def empty_texts(backbone: Backbone, pictures: Sequence[Inverted]) -> list[Conditioning]:
    """The empty text with one row for each picture: one for every sampling step where null-text inversion has optimised
    it, else a single one."""
    plain = backbone.condition([""]).repeated(len(pictures))
    optimised = [picture.empty_texts for picture in pictures if picture.empty_texts is not None]
    if len(optimised) < len(pictures):
        return [plain]
    return [Conditioning(hidden, plain.pooled) for hidden in torch.stack(optimised, 1).to(backbone.device).unbind(0)]
