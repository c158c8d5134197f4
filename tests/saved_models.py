"""Tiny random models, saved in folders as the hub lays them out."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from safetensors.torch import load_file
from transformers import (
    BlipConfig,
    BlipForConditionalGeneration,
    BlipImageProcessorPil,
    CLIPConfig,
    CLIPImageProcessorPil,
    CLIPModel,
    GPT2Tokenizer,
    PhiConfig,
    PhiForCausalLM,
    ViTConfig,
    ViTModel,
)

from pix2pix_onthefly.backbones.stable_diffusion import LatentDiffusion
from pix2pix_onthefly.models.families import ModelRow
from tests.helpers import WORDS, text_config, tiny_tokenizer
from training.vocabulary import bert_tokenizer, byte_symbols

SIDE = 32
"""Of the pictures that captioner and CLIP take."""
END = "<|endoftext|>"


def row_of(folder: Path, **settings: Any) -> ModelRow:
    return ModelRow(str(folder), "none", 0, **settings)


def save_diffusion(model: LatentDiffusion, folder: Path, **settings: Any) -> Path:
    """One folder for each part, as the hub's Stable Diffusion repositories have it."""
    for name in ("vae", "unet", "text_encoder"):
        getattr(model, name).save_pretrained(folder / name, **settings)
    model.tokenizer.save_pretrained(folder / "tokenizer")
    model.scheduler.save_pretrained(folder / "scheduler")
    return folder


def save_captioner(folder: Path, *, pickled: bool) -> BlipForConditionalGeneration:
    """A random BLIP with its processor's files beside it; `pickled` as Salesforce's repository has it."""
    torch.manual_seed(0)
    tokenizer = bert_tokenizer(WORDS, 64)
    size = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 2}
    special = {
        "bos_token_id": tokenizer.convert_tokens_to_ids("[DEC]"),
        "eos_token_id": tokenizer.sep_token_id,
        "sep_token_id": tokenizer.sep_token_id,
        "pad_token_id": tokenizer.pad_token_id,
    }
    text = {**size, **special, "vocab_size": len(tokenizer), "max_position_embeddings": 64, "initializer_range": 0.5}
    vision = {**size, "image_size": SIDE, "patch_size": 8, "initializer_range": 0.2}
    model = BlipForConditionalGeneration(BlipConfig(text_config=text, vision_config=vision)).eval()
    model.save_pretrained(folder)
    if pickled:
        (folder / "model.safetensors").unlink()
        positions = {"text_decoder.bert.embeddings.position_ids": torch.arange(64)[None]}
        torch.save({**model.state_dict(), **positions}, folder / "pytorch_model.bin")
    tokenizer.save_pretrained(folder)
    BlipImageProcessorPil(size={"height": SIDE, "width": SIDE}).save_pretrained(folder)
    return model


def picture(seed: int = 0) -> Image.Image:
    return Image.fromarray(np.random.default_rng(seed).integers(0, 256, (48, 40, 3), dtype=np.uint8))


def byte_tokenizer() -> GPT2Tokenizer:
    """Every byte is a token."""
    vocabulary = {token: index for index, token in enumerate([*byte_symbols(), END])}
    return GPT2Tokenizer(vocab=vocabulary, merges=[], unk_token=END, bos_token=END, eos_token=END)


def save_rewriter(folder: Path) -> PhiForCausalLM:
    """A random Phi with a byte-level tokenizer."""
    torch.manual_seed(0)
    tokenizer = byte_tokenizer()
    config = PhiConfig(
        vocab_size=len(tokenizer),
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=4,
        max_position_embeddings=128,
        initializer_range=0.2,
        bos_token_id=len(tokenizer) - 1,
        eos_token_id=len(tokenizer) - 1,
    )
    model = PhiForCausalLM(config).eval()
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return model


def save_clip(folder: Path) -> CLIPModel:
    """A random CLIP with its processor's files beside it."""
    torch.manual_seed(0)
    tokenizer = tiny_tokenizer()
    vision = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 1, "num_attention_heads": 2}
    config = CLIPConfig(
        text_config=text_config(tokenizer).to_dict(),
        vision_config={**vision, "image_size": SIDE, "patch_size": 8, "projection_dim": 32},
        projection_dim=32,
    )
    model = CLIPModel(config).eval()
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    CLIPImageProcessorPil(size={"shortest_edge": SIDE}, crop_size={"height": SIDE, "width": SIDE}).save_pretrained(
        folder
    )
    return model


def save_dino(folder: Path) -> ViTModel:
    """A random ViT for pictures of 224 pixels, pickled and without a pooler, as the hub has DINO."""
    with torch.random.fork_rng(devices=()):
        torch.default_generator.manual_seed(3)
        config = ViTConfig(
            hidden_size=16, num_hidden_layers=2, num_attention_heads=2, intermediate_size=32, initializer_range=0.5
        )
        model = ViTModel(config, add_pooling_layer=False).eval()
    model.save_pretrained(folder)
    torch.save(load_file(folder / "model.safetensors"), folder / "pytorch_model.bin")
    (folder / "model.safetensors").unlink()
    return model
