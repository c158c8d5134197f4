"""Attention maps of a picture's own sampling in place of those of its edit (Hertz et al. 2022, section 3.2)."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor

from .token_alignment import TokenAlignment

MOST_POSITIONS = 32**2
"""Of self-attention layers whose maps are replaced (the authors' code): finer ones hold little but texture."""
QUARTERS = 4
"""Of a batch: the empty text for the pictures and for their edits, the captions, the after-captions."""


class MapReplacement:
    """A `backbones.attention_control.AttentionControl` for batches of `QUARTERS`, as many rows in each as edits.

    Args:
        alignments: one for each edit.
        reweight: factor on the maps of words that are new.

    Attributes:
        of_words, of_positions: whether maps of cross-attention, and of self-attention, are replaced now.
        recording: whether cross-attention maps are kept for `take`.
    """

    def __init__(self, alignments: Sequence[TokenAlignment], reweight: float, device: torch.device) -> None:
        self.of_words = self.of_positions = True
        self.recording = False
        self._reweighted = reweight != 1
        self._mapper = torch.stack([one.mapper for one in alignments]).to(device)[:, None]
        self._taken = torch.stack([one.taken for one in alignments]).to(device)[:, None, None]
        weights = torch.stack([1 + (reweight - 1) * one.new for one in alignments])
        self._weights = weights.to(device)[:, None, None]
        self._maps: list[tuple[Tensor, Tensor]] = []

    @property
    def sees_maps(self) -> bool:
        """Whether cross-attention is written out."""
        return self.of_words or self.recording or self._reweighted

    def self_attention(
        self,
        query: Float[Tensor, "rows heads positions width"],
        key: Float[Tensor, "rows heads positions width"],
    ) -> tuple[Float[Tensor, "rows heads positions width"], Float[Tensor, "rows heads positions width"]]:
        """The edits' queries and keys replaced by the pictures' own, which is to replace their maps."""
        if not self.of_positions or query.shape[2] > MOST_POSITIONS:
            return query, key
        *rest, picture, _ = query.chunk(QUARTERS)
        *key_rest, picture_key, _ = key.chunk(QUARTERS)
        return torch.cat([*rest, picture, picture]), torch.cat([*key_rest, picture_key, picture_key])

    def cross_attention(
        self, maps: Float[Tensor, "rows heads positions tokens"]
    ) -> Float[Tensor, "rows heads positions tokens"]:
        """The edits' maps put together from the pictures' own, token by token as aligned."""
        *rest, picture, edit = maps.float().chunk(QUARTERS)
        if self.of_words:
            edit = self._taken * (picture @ self._mapper) + (1 - self._taken) * edit
        if self.recording:
            self._maps.append((picture, edit))
        return torch.cat([*rest, picture, edit * self._weights])

    def take(self) -> list[tuple[Tensor, Tensor]]:
        """For each layer since the last call the maps [edits, heads, positions, tokens] of pictures and edits."""
        maps, self._maps = self._maps, []
        return maps
