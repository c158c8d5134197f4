"""Tiny random image-text-to-text models of the true classes, saved in folders as the hub lays them out."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from transformers import (
    CLIPImageProcessorPil,
    Florence2Config,
    Florence2ForConditionalGeneration,
    GPT2Tokenizer,
    Qwen2VLImageProcessorPil,
    Qwen3VLConfig,
    Qwen3VLForConditionalGeneration,
    SmolVLMConfig,
    SmolVLMForConditionalGeneration,
    SmolVLMImageProcessorPil,
)

from tests.saved_models import END
from training.vocabulary import byte_symbols

CHAT_TEMPLATE = (
    "{% for message in messages %}<|im_start|>{% for part in message.content %}{% if part.type == 'image' %}"
    "<|vision_start|><|image_pad|><|vision_end|>{% else %}{{ part.text }}{% endif %}{% endfor %}<|im_end|>{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>{% endif %}"
)
SMOL_TEMPLATE = (
    "<|im_start|>{% for message in messages %}{{ message.role | capitalize }}"
    "{% if message.content[0].type == 'image' %}:{% else %}: {% endif %}"
    "{% for part in message.content %}{% if part.type == 'text' %}{{ part.text }}"
    "{% elif part.type == 'image' %}{{ '<image>' }}{% endif %}{% endfor %}<end_of_utterance>\n{% endfor %}"
    "{% if add_generation_prompt %}{{ 'Assistant:' }}{% endif %}"
)
"""As SmolVLM2's own."""
MARKS = ("<|vision_start|>", "<|vision_end|>", "<|image_pad|>", "<|video_pad|>", "<|im_start|>", "<|im_end|>")


def _tokenizer(marks: Sequence[str], **named: Any) -> GPT2Tokenizer:
    """Every byte is a token, and so is every mark."""
    symbols = [*byte_symbols(), END]
    vocabulary = {token: index for index, token in enumerate(symbols)}
    own: dict[str, Any] = {"unk_token": END, "bos_token": END, "eos_token": END, "pad_token": END, **named}
    return GPT2Tokenizer(vocab=vocabulary, merges=[], additional_special_tokens=list(marks), **own)


def save_qwen(folder: Path) -> None:
    """Qwen3-VL: it chats, and has a video processor, which needs torchvision, in the library's own loading."""
    tokenizer = _tokenizer(MARKS)
    ids: Any = tokenizer.convert_tokens_to_ids
    text = {
        "vocab_size": len(tokenizer),
        "hidden_size": 32,
        "intermediate_size": 64,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "num_key_value_heads": 2,
        "head_dim": 16,
        "max_position_embeddings": 1024,
        "rope_parameters": {"rope_type": "default", "mrope_section": [4, 2, 2], "rope_theta": 10000.0},
        "initializer_range": 0.3,
        "eos_token_id": tokenizer.eos_token_id,
        "pad_token_id": tokenizer.pad_token_id,
    }
    vision = {
        "depth": 2,
        "hidden_size": 32,
        "intermediate_size": 64,
        "num_heads": 2,
        "out_hidden_size": 32,
        "num_position_embeddings": 64,
        "deepstack_visual_indexes": [0],
        "patch_size": 8,
        "initializer_range": 0.3,
    }
    config = Qwen3VLConfig(
        text_config=text,
        vision_config=vision,
        image_token_id=ids("<|image_pad|>"),
        video_token_id=ids("<|video_pad|>"),
        vision_start_token_id=ids("<|vision_start|>"),
        vision_end_token_id=ids("<|vision_end|>"),
    )
    _save(Qwen3VLForConditionalGeneration, config, tokenizer, folder)
    Qwen2VLImageProcessorPil(
        size={"shortest_edge": 32 * 32, "longest_edge": 64 * 64}, patch_size=8, merge_size=2
    ).save_pretrained(folder)
    (folder / "chat_template.jinja").write_text(CHAT_TEMPLATE)


def save_smolvlm(folder: Path) -> None:
    """SmolVLM2: it chats, cuts pictures into tiles, and spells numbers out with a library of its own."""
    named = {
        "image_token": "<image>",
        "fake_image_token": "<fake_token_around_image>",
        "global_image_token": "<global-img>",
        "end_of_utterance_token": "<end_of_utterance>",
    }
    tokenizer = _tokenizer(("<|im_start|>",), extra_special_tokens=named)
    ids: Any = tokenizer.convert_tokens_to_ids
    text = {
        "model_type": "llama",
        "vocab_size": len(tokenizer),
        "hidden_size": 32,
        "intermediate_size": 64,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "num_key_value_heads": 2,
        "max_position_embeddings": 1024,
        "initializer_range": 0.3,
        "bos_token_id": tokenizer.bos_token_id,
        "eos_token_id": tokenizer.eos_token_id,
        "pad_token_id": tokenizer.pad_token_id,
    }
    vision = {
        "hidden_size": 32,
        "intermediate_size": 64,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "image_size": 32,
        "patch_size": 8,
        "initializer_range": 0.3,
    }
    config = SmolVLMConfig(text_config=text, vision_config=vision, image_token_id=ids("<image>"), scale_factor=2)
    _save(SmolVLMForConditionalGeneration, config, tokenizer, folder)
    # A tile of 32 pixels is 4 x 4 patches, of which 2 x 2 are one token.
    SmolVLMImageProcessorPil(size={"longest_edge": 64}, max_image_size={"longest_edge": 32}).save_pretrained(folder)
    (folder / "processor_config.json").write_text(
        json.dumps({"image_seq_len": 4, "processor_class": "SmolVLMProcessor"}), encoding="utf-8"
    )
    (folder / "chat_template.jinja").write_text(SMOL_TEMPLATE, encoding="utf-8")


def save_florence(folder: Path) -> None:
    """Florence-2: an encoder and a decoder, asked by a task token."""
    tokenizer = _tokenizer((), extra_special_tokens={"image_token": "<image>"})
    text = {
        "model_type": "bart",
        "vocab_size": len(tokenizer),
        "d_model": 32,
        "encoder_layers": 1,
        "decoder_layers": 1,
        "encoder_attention_heads": 2,
        "decoder_attention_heads": 2,
        "encoder_ffn_dim": 64,
        "decoder_ffn_dim": 64,
        "max_position_embeddings": 256,
        "init_std": 0.3,
        "bos_token_id": tokenizer.bos_token_id,
        "eos_token_id": tokenizer.eos_token_id,
        "pad_token_id": tokenizer.pad_token_id,
        "decoder_start_token_id": tokenizer.eos_token_id,
        "forced_eos_token_id": None,
    }
    vision = {
        "depths": [1, 1],
        "patch_size": [7, 3],
        "patch_stride": [4, 2],
        "patch_padding": [3, 1],
        "patch_prenorm": [False, True],
        "embed_dim": [16, 32],
        "num_heads": [2, 2],
        "num_groups": [2, 2],
        "window_size": 4,
        "projection_dim": 32,
        "initializer_range": 0.3,
    }
    image: Any = tokenizer.convert_tokens_to_ids("<image>")
    _save(
        Florence2ForConditionalGeneration,
        Florence2Config(text_config=text, vision_config=vision, image_token_id=image),
        tokenizer,
        folder,
    )
    # 32 pixels are 8 x 8 patches, then 4 x 4 of them, and one for the whole picture.
    side = {"height": 32, "width": 32}
    CLIPImageProcessorPil(size=side, do_center_crop=False, image_seq_length=17).save_pretrained(folder)


def _save(kind: Any, config: Any, tokenizer: Any, folder: Path) -> None:
    with torch.random.fork_rng(devices=()):
        torch.manual_seed(0)
        kind(config).eval().save_pretrained(folder)
    tokenizer.save_pretrained(folder)
