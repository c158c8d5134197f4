"""Recording cross-attention maps: a context manager that restores the UNet when it ends."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from typing import Any

from diffusers import UNet2DConditionModel
from torch import Tensor


class CrossAttentionMaps:
    """The maps of the latest forward passes, in the order in which the layers ran."""

    def __init__(self) -> None:
        self._maps: list[Tensor] = []

    def append(self, attention_map: Tensor) -> None:
        """Adds one layer's map [rows, heads, positions, tokens]."""
        self._maps.append(attention_map)

    def take(self) -> tuple[Tensor, ...]:
        """The maps recorded since the last call; recording starts anew."""
        maps, self._maps = tuple(self._maps), []
        return maps


class _RecordingProcessor:
    """Attention written out, so that the softmax can be seen; equal to the fused kernel up to rounding."""

    def __init__(self, maps: CrossAttentionMaps) -> None:
        self.maps = maps

    def __call__(
        self,
        attn: Any,  # diffusers' Attention, whose layers are annotated as optional
        hidden_states: Tensor,
        encoder_hidden_states: Tensor | None = None,
        attention_mask: Tensor | None = None,
        **_: Any,
    ) -> Tensor:
        context = hidden_states if encoder_hidden_states is None else encoder_hidden_states
        query = attn.head_to_batch_dim(attn.to_q(hidden_states))
        key = attn.head_to_batch_dim(attn.to_k(context))
        value = attn.head_to_batch_dim(attn.to_v(context))
        probabilities = attn.get_attention_scores(query, key, attention_mask)
        self.maps.append(probabilities.unflatten(0, (-1, attn.heads)))
        output = attn.batch_to_head_dim(probabilities @ value)
        return attn.to_out[1](attn.to_out[0](output))


@contextmanager
def record_cross_attention(unet: UNet2DConditionModel) -> Generator[CrossAttentionMaps]:
    """While active, every cross-attention layer (`attn2`) of the UNet records its map at each forward pass.

    Self-attention keeps its own, possibly fused, processor. On exit, also by an exception, the UNet has the very
    processors it had before.
    """
    originals = dict(unet.attn_processors)
    maps = CrossAttentionMaps()
    processors = {
        name: _RecordingProcessor(maps) if name.endswith("attn2.processor") else processor
        for name, processor in originals.items()
    }
    unet.set_attn_processor(processors)  # pyright: ignore[reportArgumentType]
    try:
        yield maps
    finally:
        unet.set_attn_processor(originals)
