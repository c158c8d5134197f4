"""Tiny random models of today's classes, each as its backbone, and saved as the hub lays them out."""

from __future__ import annotations

import json
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from diffusers import (
    AutoencoderKL,
    AutoencoderKLFlux2,
    FlowMatchEulerDiscreteScheduler,
    Flux2Transformer2DModel,
    FluxTransformer2DModel,
    SD3Transformer2DModel,
    UNet2DConditionModel,
)
from transformers import (
    CLIPTextModel,
    CLIPTextModelWithProjection,
    Qwen2Tokenizer,
    Qwen3Config,
    Qwen3ForCausalLM,
    T5Config,
    T5EncoderModel,
    T5Tokenizer,
)

from pix2pix_onthefly.backbones.flux import Flux
from pix2pix_onthefly.backbones.flux2 import TEXT_LAYERS, Flux2
from pix2pix_onthefly.backbones.sd3 import StableDiffusion3
from pix2pix_onthefly.backbones.sdxl import StableDiffusionXL
from tests.helpers import WIDTH, WORDS, sd_scheduler, text_config, tiny_diffusion, tiny_tokenizer, tiny_vae
from tests.saved_models import END
from training.vocabulary import byte_symbols

CHANNELS_OF_FLOWS = 16
QWEN_TEMPLATE = (
    "{% for message in messages %}<|im_start|>{{ message.role }}: {{ message.content }}<|im_end|>{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant: {% if enable_thinking is false %}no thoughts. {% endif %}"
    "{% endif %}"
)
PARTS = (
    "vae",
    "unet",
    "transformer",
    "text_encoder",
    "text_encoder_2",
    "text_encoder_3",
    "tokenizer",
    "tokenizer_2",
    "tokenizer_3",
    "scheduler",
)


@contextmanager
def _seeded() -> Generator[None]:
    """The same weights at every call."""
    with torch.random.fork_rng(devices=()):
        torch.default_generator.manual_seed(0)
        yield


def tiny_t5_tokenizer() -> T5Tokenizer:
    """Knows a dozen words and spells out the rest."""
    letters = [chr(value) for value in range(33, 127)]
    pieces = [("<pad>", 0.0), ("</s>", 0.0), ("<unk>", 0.0), ("▁", -2.0)]
    pieces += [(f"▁{word}", -1.0) for word in WORDS] + [(letter, -3.0) for letter in letters if letter not in WORDS]
    return T5Tokenizer(vocab=pieces, extra_ids=0)


def tiny_t5(tokenizer: T5Tokenizer) -> T5EncoderModel:
    """Two layers."""
    config = T5Config(
        vocab_size=len(tokenizer), d_model=WIDTH, d_kv=8, d_ff=37, num_layers=2, num_heads=4, initializer_factor=1.0
    )
    return T5EncoderModel(config)


def flow_vae() -> AutoencoderKL:
    """Eight pixels a latent cell, 16 channels around a mean, as the autoencoders of SD3 and FLUX."""
    changes = {"latent_channels": CHANNELS_OF_FLOWS, "scaling_factor": 1.5, "shift_factor": 0.1}
    return altered(tiny_vae(), **changes, use_quant_conv=False, use_post_quant_conv=False)


def altered(network: Any, **changes: Any) -> Any:
    """A network with other settings; diffusers' `from_config` would forget those that are not its defaults."""
    with _seeded():
        return type(network)(**{**{k: v for k, v in network.config.items() if not k.startswith("_")}, **changes})


def tiny_sdxl() -> StableDiffusionXL:
    """SDXL's layout: no cross-attention at the top level, several transformer layers below."""
    with _seeded():
        tokenizers = tiny_tokenizer(), tiny_tokenizer()
        tokenizers[1].pad_token = "!"
        unet = UNet2DConditionModel(
            sample_size=16,
            layers_per_block=1,
            block_out_channels=(16, 32),
            down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"),
            up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"),
            attention_head_dim=(2, 4),  # pyright: ignore[reportArgumentType]
            use_linear_projection=True,
            addition_embed_type="text_time",
            addition_time_embed_dim=8,
            transformer_layers_per_block=(1, 2),  # pyright: ignore[reportArgumentType]
            projection_class_embeddings_input_dim=6 * 8 + WIDTH,
            cross_attention_dim=2 * WIDTH,
            norm_num_groups=8,
        )
        config = text_config(tokenizers[0])
        encoders = CLIPTextModel(config), CLIPTextModelWithProjection(config)
        return StableDiffusionXL(tiny_vae(), unet, *encoders, *tokenizers, sd_scheduler())


def tiny_sd3(*, with_t5: bool = True, **scheduler: Any) -> StableDiffusion3:
    """SD3's layout; its levels are shifted by 3."""
    with _seeded():
        tokenizers = tiny_tokenizer(), tiny_tokenizer()
        config = text_config(tokenizers[0])
        transformer = SD3Transformer2DModel(
            sample_size=16,
            patch_size=2,
            in_channels=CHANNELS_OF_FLOWS,
            out_channels=CHANNELS_OF_FLOWS,
            num_layers=2,
            attention_head_dim=8,
            num_attention_heads=4,
            joint_attention_dim=WIDTH * 2,
            caption_projection_dim=32,
            pooled_projection_dim=2 * WIDTH,
            pos_embed_max_size=32,
            dual_attention_layers=(0,),  # pyright: ignore[reportArgumentType]
            qk_norm="rms_norm",
        )
        t5 = tiny_t5_tokenizer()
        encoders = CLIPTextModelWithProjection(config), CLIPTextModelWithProjection(config)
        config_of_t5 = T5Config(vocab_size=len(t5), d_model=2 * WIDTH, d_kv=8, d_ff=37, num_layers=2, num_heads=4)
        third: tuple[Any, ...] = (T5EncoderModel(config_of_t5), t5) if with_t5 else ()
        shifted = FlowMatchEulerDiscreteScheduler(**{"shift": 3.0, **scheduler})
        return StableDiffusion3(flow_vae(), transformer, *encoders, *tokenizers, shifted, *third)


def tiny_flux(*, told_guidance: bool = True, dynamic: bool = True) -> Flux:
    """FLUX.1's layout; dev by default, schnell with neither."""
    with _seeded():
        tokenizer, t5 = tiny_tokenizer(), tiny_t5_tokenizer()
        transformer = FluxTransformer2DModel(
            patch_size=1,
            in_channels=4 * CHANNELS_OF_FLOWS,
            num_layers=1,
            num_single_layers=1,
            attention_head_dim=16,
            num_attention_heads=2,
            joint_attention_dim=WIDTH,
            pooled_projection_dim=WIDTH,
            guidance_embeds=told_guidance,
            axes_dims_rope=(4, 4, 8),
        )
        encoders = CLIPTextModel(text_config(tokenizer)), tiny_t5(t5)
        scheduler = FlowMatchEulerDiscreteScheduler(shift=3.0 if dynamic else 1.0, use_dynamic_shifting=dynamic)
        return Flux(flow_vae(), transformer, *encoders, tokenizer, t5, scheduler)


def tiny_qwen_tokenizer() -> Qwen2Tokenizer:
    """Every byte is a token; a template that can keep the model from thinking."""
    vocabulary = {token: index for index, token in enumerate([*byte_symbols(), END])}
    tokenizer = Qwen2Tokenizer(vocab=vocabulary, merges=[], additional_special_tokens=["<|im_start|>", "<|im_end|>"])
    tokenizer.chat_template = QWEN_TEMPLATE
    return tokenizer


def tiny_flux2() -> Flux2:
    """FLUX.2 [klein]'s layout: a mean and a deviation for each cell of a patch, and a language model of many layers."""
    with _seeded():
        tokenizer = tiny_qwen_tokenizer()
        vae = AutoencoderKLFlux2(
            block_out_channels=(8, 8, 16, 16),
            down_block_types=("DownEncoderBlock2D",) * 4,
            up_block_types=("UpDecoderBlock2D",) * 4,
            layers_per_block=1,
            latent_channels=CHANNELS_OF_FLOWS,
            norm_num_groups=4,
        )
        vae.bn.running_mean.normal_()  # pyright: ignore[reportOptionalMemberAccess]
        vae.bn.running_var.uniform_(0.5, 2.0)  # pyright: ignore[reportOptionalMemberAccess]
        transformer = Flux2Transformer2DModel(
            in_channels=4 * CHANNELS_OF_FLOWS,
            num_layers=1,
            num_single_layers=1,
            attention_head_dim=16,
            num_attention_heads=2,
            joint_attention_dim=len(TEXT_LAYERS) * 16,
            axes_dims_rope=(4, 4, 4, 4),
            guidance_embeds=False,
        )
        config = Qwen3Config(
            vocab_size=len(tokenizer),
            hidden_size=16,
            intermediate_size=16,
            num_hidden_layers=TEXT_LAYERS[-1] + 1,
            num_attention_heads=2,
            num_key_value_heads=1,
            head_dim=8,
            max_position_embeddings=1024,
            initializer_range=0.3,
        )
        scheduler = FlowMatchEulerDiscreteScheduler(shift=3.0, use_dynamic_shifting=True)
        return Flux2(vae, transformer, Qwen3ForCausalLM(config), tokenizer, scheduler)


BUILDERS: dict[str, Callable[[], Any]] = {
    "stable-diffusion": tiny_diffusion,
    "sdxl": tiny_sdxl,
    "sd3": tiny_sd3,
    "flux": tiny_flux,
    "flux2": tiny_flux2,
}
"""Layout to a tiny backbone of it."""


def parts_of(backbone: Any) -> dict[str, Any]:
    """Networks, tokenizers and scheduler by the names that diffusers gives them."""
    named = {name: getattr(backbone, name, None) for name in PARTS}
    return {name: part for name, part in named.items() if part is not None}


def save_backbone(backbone: Any, folder: Path, pipeline: str = "") -> Path:
    """One folder a part; with the name of a pipeline its `model_index.json` beside them, as the hub has it."""
    parts = parts_of(backbone)
    for name, part in parts.items():
        part.save_pretrained(folder / name)
    if pipeline:
        index = {name: [type(part).__module__.partition(".")[0], type(part).__name__] for name, part in parts.items()}
        content = {"_class_name": pipeline, "_diffusers_version": "0.42.1", **index}
        (folder / "model_index.json").write_text(json.dumps(content), encoding="utf-8")
    return folder
