"""The small text encoder that the models which draw are trained with."""

from __future__ import annotations

from transformers import CLIPTextConfig, CLIPTextModel, CLIPTokenizer


def clip_text_encoder(tokenizer: CLIPTokenizer, *, width: int, layers: int, tokens: int) -> CLIPTextModel:
    """A causal text transformer of CLIP's class for texts of so many tokens, untrained."""
    return CLIPTextModel(
        CLIPTextConfig(
            vocab_size=len(tokenizer),
            hidden_size=width,
            intermediate_size=width * 3,
            num_hidden_layers=layers,
            num_attention_heads=4,
            max_position_embeddings=tokens,
            hidden_act="quick_gelu",
            projection_dim=width,
            bos_token_id=tokenizer.bos_token_id,
            eos_token_id=tokenizer.eos_token_id,
            pad_token_id=tokenizer.pad_token_id,
        )
    )
