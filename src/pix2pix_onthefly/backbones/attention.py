"""Recording cross-attention maps: a context manager that restores the UNet when it ends."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from typing import Any

from diffusers import UNet2DConditionModel
from torch import Tensor
from torch.nn.functional import scaled_dot_product_attention

ALL_ROWS = slice(None)
NO_ROWS = slice(0)


class LastMapSeen(Exception):
    """Leaves a forward pass of which nothing but the maps is wanted."""


class CrossAttentionMaps:
    """The maps of the latest forward passes, in the order in which the layers ran.

    Attributes:
        layers: how many layers record.
        rows: of which rows of a batch maps are kept. With `NO_ROWS` the layers run fused, which is faster.
        nothing_else: a forward pass ends by `LastMapSeen` once every layer has recorded.
    """

    def __init__(self, layers: int) -> None:
        self.layers = layers
        self.rows = ALL_ROWS
        self.nothing_else = False
        self._maps: list[Tensor] = []

    def append(self, attention_map: Tensor) -> None:
        """Adds one layer's map [rows, heads, positions, tokens]."""
        self._maps.append(attention_map[self.rows])
        if self.nothing_else and len(self._maps) == self.layers:
            raise LastMapSeen

    def take(self) -> tuple[Tensor, ...]:
        """The maps recorded since the last call; recording starts anew."""
        maps, self._maps = tuple(self._maps), []
        return maps


class _RecordingProcessor:
    """Attention written out, so that the softmax can be seen; equal to the fused kernel up to rounding.

    Keys and values depend on the text alone, which stays the same from step to step: they are computed once for every
    tensor of embeddings that is seen.
    """

    def __init__(self, maps: CrossAttentionMaps) -> None:
        self.maps = maps
        self._texts: dict[int, tuple[Tensor, Tensor, Tensor]] = {}

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
        key, value = self._key_and_value(attn, context)
        if self.maps.rows == NO_ROWS:
            query, key, value = (part.unflatten(0, (-1, attn.heads)) for part in (query, key, value))
            output = scaled_dot_product_attention(query, key, value, scale=attn.scale).flatten(0, 1)
        else:
            probabilities = attn.get_attention_scores(query, key, attention_mask)
            self.maps.append(probabilities.unflatten(0, (-1, attn.heads)))
            output = probabilities @ value
        return attn.to_out[1](attn.to_out[0](attn.batch_to_head_dim(output)))

    def _key_and_value(self, attn: Any, context: Tensor) -> tuple[Tensor, Tensor]:
        if id(context) not in self._texts:
            key, value = (attn.head_to_batch_dim(layer(context)) for layer in (attn.to_k, attn.to_v))
            if context.requires_grad or key.requires_grad:  # weights or texts that change: nothing may be kept
                return key, value
            self._texts[id(context)] = context, key, value  # the text itself, too, so that its id stays taken
        return self._texts[id(context)][1:]


@contextmanager
def record_cross_attention(unet: UNet2DConditionModel) -> Generator[CrossAttentionMaps]:
    """While active, every cross-attention layer (`attn2`) of the UNet records its map at each forward pass.

    Self-attention keeps its own, possibly fused, processor. Embeddings must not be changed in place meanwhile. On exit,
    also by an exception, the UNet has the very processors it had before.
    """
    originals = dict(unet.attn_processors)
    cross = [name for name in originals if name.endswith("attn2.processor")]
    maps = CrossAttentionMaps(len(cross))
    processors = {**originals, **{name: _RecordingProcessor(maps) for name in cross}}
    unet.set_attn_processor(processors)  # pyright: ignore[reportArgumentType]
    try:
        yield maps
    finally:
        unet.set_attn_processor(originals)
