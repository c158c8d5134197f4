"""Attention of FLUX's transformer without torch's fused one, whose backward pass is slow on a CPU."""

from __future__ import annotations

from typing import Any

from diffusers import FluxTransformer2DModel
from diffusers.models.embeddings import apply_rotary_emb
from torch import Tensor, nn


class PlainAttention:
    """The attention of a single-stream block: one row of tokens, texts before patches."""

    def __call__(
        self,
        attn: Any,
        hidden_states: Tensor,
        encoder_hidden_states: Tensor | None = None,
        attention_mask: Tensor | None = None,
        image_rotary_emb: tuple[Tensor, Tensor] | None = None,
    ) -> Tensor:
        """[rows, tokens, width] to the same; no mask, and texts in no row of their own."""
        assert encoder_hidden_states is None
        assert attention_mask is None
        assert image_rotary_emb is not None
        query, key, value = (
            layer(hidden_states).unflatten(-1, (attn.heads, -1)) for layer in (attn.to_q, attn.to_k, attn.to_v)
        )
        query, key = (
            apply_rotary_emb(norm(part), image_rotary_emb, sequence_dim=1)
            for norm, part in ((attn.norm_q, query), (attn.norm_k, key))
        )
        query, key, value = (part.transpose(1, 2) for part in (query, key, value))
        weights = (query @ key.transpose(-1, -2) * attn.head_dim**-0.5).softmax(-1)
        return (weights @ value).transpose(1, 2).flatten(2)


def use_plain_attention(transformer: FluxTransformer2DModel) -> None:
    """Changes all single-stream blocks."""
    for block in transformer.single_transformer_blocks:
        attention: Any = block.attn
        assert isinstance(attention, nn.Module)
        attention.set_processor(PlainAttention())
