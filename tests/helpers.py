"""Tiny random models of the real classes, and what several tests measure with."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import pytest
import torch
from diffusers import AutoencoderKL, DDIMScheduler, UNet2DConditionModel
from torch import Tensor
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTokenizer

from pix2pix_onthefly import Editor
from pix2pix_onthefly.backbones.stable_diffusion import LatentDiffusion
from pix2pix_onthefly.methods import attention_guidance
from pix2pix_onthefly.methods.attention_guidance import GuidedEdit
from pix2pix_onthefly.options import AttentionOptions, EditOptions
from pix2pix_onthefly.records import Conditioning, InversionKey, Inverted, Progress, Reconstruction, no_progress
from training.vocabulary import clip_tokenizer

TOKENS = 77
WIDTH = 32
CHANNELS = 4
LEVELS = 3
CROSS_LAYERS = LEVELS + 1 + 2 * LEVELS
"""One on every level down, one in the middle, two on every level up."""
CAPTION = "a red cat on the table"
BEFORE = ("a red cat on the table", "a cat sits on a table")
AFTER = ("a blue dog on the table", "a dog sits on a table", "the dog is blue")
WORDS = sorted({word for text in (*BEFORE, *AFTER) for word in text.split()})


def tiny_tokenizer() -> CLIPTokenizer:
    """Knows a dozen words and spells out the rest."""
    return clip_tokenizer(WORDS, TOKENS)


def text_config(tokenizer: Any) -> CLIPTextConfig:
    """Two causal layers."""
    return CLIPTextConfig(
        vocab_size=len(tokenizer),
        hidden_size=WIDTH,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=4,
        max_position_embeddings=TOKENS,
        hidden_act="quick_gelu",
        projection_dim=WIDTH,
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
        initializer_factor=5.0,  # so that words differ
    )


def tiny_unet(contrast: float) -> UNet2DConditionModel:
    """Three levels with cross-attention; `contrast` multiplies its queries and keys, so that maps are not flat."""
    unet = UNet2DConditionModel(
        sample_size=16,
        in_channels=CHANNELS,
        out_channels=CHANNELS,
        layers_per_block=1,
        block_out_channels=(16, 32, 32),
        down_block_types=("CrossAttnDownBlock2D",) * LEVELS,
        up_block_types=("CrossAttnUpBlock2D",) * LEVELS,
        cross_attention_dim=WIDTH,
        attention_head_dim=(2, 4, 4),  # pyright: ignore[reportArgumentType]
        norm_num_groups=8,
    )
    with torch.no_grad():
        for name, parameter in unet.named_parameters():
            if "attn2.to_q" in name or "attn2.to_k" in name:
                parameter *= contrast
    return unet


def tiny_vae() -> AutoencoderKL:
    """Eight pixels a latent cell, as Stable Diffusion's."""
    return AutoencoderKL(
        block_out_channels=(8, 8, 16, 16),  # pyright: ignore[reportArgumentType]
        down_block_types=("DownEncoderBlock2D",) * 4,  # pyright: ignore[reportArgumentType]
        up_block_types=("UpDecoderBlock2D",) * 4,  # pyright: ignore[reportArgumentType]
        layers_per_block=1,
        latent_channels=CHANNELS,
        norm_num_groups=4,
        scaling_factor=0.18215,
    )


def sd_scheduler(prediction_type: Any = "epsilon") -> DDIMScheduler:
    """Stable Diffusion's noise schedule."""
    return DDIMScheduler(
        beta_start=0.00085,
        beta_end=0.012,
        beta_schedule="scaled_linear",
        clip_sample=False,
        set_alpha_to_one=False,
        steps_offset=1,
        prediction_type=prediction_type,
    )


def tiny_diffusion(
    *, prediction_type: str = "epsilon", dtype: torch.dtype = torch.float32, contrast: float = 4.0
) -> LatentDiffusion:
    """All five parts; the same weights at every call."""
    with torch.random.fork_rng(devices=()):
        torch.default_generator.manual_seed(0)
        tokenizer = tiny_tokenizer()
        vae, unet, text_encoder = tiny_vae(), tiny_unet(contrast), CLIPTextModel(text_config(tokenizer))
    if dtype != torch.float32:
        for network in (vae, unet, text_encoder):
            network.to(dtype=dtype)  # pyright: ignore[reportCallIssue]
    return LatentDiffusion(vae, unet, text_encoder, tokenizer, sd_scheduler(prediction_type))


def random_latents(height: int = 16, width: int = 16, *, rows: int = 1, seed: int = 1) -> Tensor:
    return torch.randn(rows, CHANNELS, height, width, generator=torch.Generator().manual_seed(seed))


def inversion_of(noise: Tensor, steps: int) -> Inverted:
    """An inversion that has ended at some noise."""
    return Inverted(
        CAPTION, noise, InversionKey.of("", "torch.float32", EditOptions.of(AttentionOptions(), steps=steps))
    )


@dataclass(frozen=True)
class MadeLatents:
    """What a guided edit made."""

    edited: Tensor
    unedited: Tensor


def guided(inverted: Inverted, direction: Tensor, reference: Reconstruction | None = None) -> GuidedEdit:
    """An edit along a direction [1, tokens, width]."""
    return GuidedEdit(inverted, Conditioning(direction), reference)


def guided_edits(
    diffusion: LatentDiffusion, edits: Sequence[GuidedEdit], options: EditOptions, progress: Progress = no_progress
) -> list[MadeLatents]:
    """Guided edits in one batch."""
    found: list[MadeLatents] = []
    for made in attention_guidance.edit(diffusion, edits, options, progress):
        assert isinstance(made.made, Tensor)
        assert made.unedited is not None
        found.append(MadeLatents(made.made, made.unedited))
    return found


def edited(diffusion: LatentDiffusion, noise: Tensor, direction: Tensor, options: EditOptions) -> Tensor:
    """Guided edit from some noise, the reference pass beside it."""
    (made,) = guided_edits(diffusion, [guided(inversion_of(noise, options.steps), direction)], options)
    return made.edited


def networks_of(editor: Editor) -> LatentDiffusion:
    """An editor's diffusion model with its networks at hand."""
    backbone = editor.models.diffusion
    assert isinstance(backbone, LatentDiffusion)
    return backbone


def difference(found: Tensor, expected: Tensor) -> float:
    """Largest difference relative to the largest expected value."""
    assert found.shape == expected.shape
    return float((found - expected).abs().max() / expected.abs().max())


def worst(found: Sequence[Tensor], expected: Sequence[Tensor]) -> float:
    """Largest `difference` of two equally long lists."""
    return max(difference(one, other) for one, other in zip(found, expected, strict=True))


def report(name: str, value: float) -> None:
    """Prints a measured difference; seen with `pytest -s`."""
    print(f"measured {name}: {value:.2e}")


def record_returns(monkeypatch: pytest.MonkeyPatch, owner: Any, name: str) -> list[Any]:
    """Collects what a function returns, in the order of its calls."""
    original: Callable[..., Any] = getattr(owner, name)
    returned: list[Any] = []

    def recording(*arguments: Any, **named: Any) -> Any:
        returned.append(original(*arguments, **named))
        return returned[-1]

    monkeypatch.setattr(owner, name, recording)
    return returned
