"""Texts as a text encoder takes them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from jaxtyping import Int
from torch import Tensor


def tokens_of(tokenizer: Any, texts: Sequence[str], length: int) -> Int[Tensor, "texts length"]:
    """Ids of tokens, cut and padded to a length.

    Args:
        length: the encoder's, not the tokenizer's own: tokenizers that were saved without one say 10^30.
    """
    return tokenizer(
        list(texts), padding="max_length", max_length=length, truncation=True, return_tensors="pt"
    ).input_ids


def spans_of(tokenizer: Any, text: str, length: int) -> tuple[tuple[int, int] | None, ...]:
    """For each of the tokens of `tokens_of` the characters that it stands for; None for start, end and padding."""
    taken = tokenizer(text, padding="max_length", max_length=length, truncation=True, return_offsets_mapping=True)
    return tuple((int(start), int(end)) if start < end else None for start, end in taken["offset_mapping"])


def clip_tokens(tokenizer: Any, encoder: Any, texts: Sequence[str]) -> Int[Tensor, "texts length"]:
    """Ids of tokens for a CLIP text encoder, on its device, padded to its own length (77)."""
    return tokens_of(tokenizer, texts, encoder.config.max_position_embeddings).to(encoder.device)
