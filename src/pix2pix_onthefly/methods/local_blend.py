"""Where the changed words look, and what lies elsewhere left as it was (Hertz et al. 2022, section 3.2, local editing;
constants of their code)."""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from .token_alignment import TokenAlignment

WANTED_POSITIONS = 16**2
"""Of the layers whose maps are looked at: coarser ones tell too little, finer ones too little of things."""
_LEAST = 1e-12


class LocalBlend:
    """Regions of edits, from the cross-attention maps of all steps so far.

    Args:
        alignments: one for each edit.
        threshold: share of a map's largest value above which a cell belongs to the region.
    """

    def __init__(self, alignments: Sequence[TokenAlignment], threshold: float, device: torch.device) -> None:
        self.threshold = threshold
        sides = [torch.stack([getattr(one, name) for one in alignments]) for name in ("gone", "new")]
        self._words = [side.to(device)[:, None, None] for side in sides]
        self._looks: list[Tensor | None] = [None, None]

    def watch(self, layers: Sequence[tuple[Tensor, Tensor]]) -> None:
        """Adds one step's maps [edits, heads, positions, tokens] of pictures and of edits."""
        counts = {picture.shape[2] for picture, _ in layers}
        chosen = min(counts, key=lambda count: abs(count.bit_length() - WANTED_POSITIONS.bit_length()))
        for side, words in enumerate(self._words):
            looks = [(layer[side] * words).sum(-1).mean(1) for layer in layers if layer[side].shape[2] == chosen]
            before, now = self._looks[side], torch.stack(looks).mean(0)  # [edits, positions]
            self._looks[side] = now if before is None else before + now

    def regions(self, height: int, width: int) -> Float[Tensor, "edits 1 h w"]:
        """1 where words that are gone look in the picture, or new ones in the edit; 0 elsewhere."""
        found = [self._region(looks, height, width) for looks in self._looks if looks is not None]
        return torch.stack(found).amax(0)

    def _region(self, looks: Float[Tensor, "edits positions"], height: int, width: int) -> Float[Tensor, "edits 1 h w"]:
        rows, columns = cells_of(looks.shape[1], height, width)
        grown = F.max_pool2d(looks.view(-1, 1, rows, columns), 3, stride=1, padding=1)
        fine = F.interpolate(grown, size=(height, width))
        return (fine > self.threshold * fine.amax((2, 3), keepdim=True).clamp(min=_LEAST)).float()


def cells_of(positions: int, height: int, width: int) -> tuple[int, int]:
    """Height and width of a layer of so many positions, below latents of a height and width: each level has half of
    either, rounded up."""
    while height * width > positions:
        height, width = (height + 1) // 2, (width + 1) // 2
    assert height * width == positions, "UNets halve their latents from level to level"
    return height, width
