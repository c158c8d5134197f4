"""A tiny language model of a real class with random weights."""

from __future__ import annotations

from typing import Any

import torch
from transformers import PhiConfig, PhiForCausalLM


def ignorant_model(tokenizer: Any) -> PhiForCausalLM:
    """A Phi that knows nothing; always the same."""
    config = PhiConfig(
        vocab_size=len(tokenizer),
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=2,
        max_position_embeddings=2048,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
    )
    with torch.random.fork_rng(devices=()):
        torch.manual_seed(0)
        return PhiForCausalLM(config).eval()


def follow_script(model: PhiForCausalLM, tokens: list[int]) -> None:
    """From now on the model finds these tokens the likeliest, one after the other, and none impossible."""
    places = iter(tokens)

    def prefer(module: Any, arguments: Any, output: Any) -> None:
        output.logits[:, -1, next(places)] += 1e4

    model.register_forward_hook(prefer)
