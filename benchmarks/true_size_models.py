"""The networks of the family sd14 as published, with random weights, written as the hub's cache holds them.

Configurations, names of files and names of weights are those of the published repositories, which date from 2022 to
2024, so that loading has to convert what it has to convert there. What is left out of a configuration equals the
class's default.
"""

from __future__ import annotations

import re
import shutil
import zlib
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from diffusers import AutoencoderKL, UNet2DConditionModel
from huggingface_hub import split_torch_state_dict_into_shards
from huggingface_hub.file_download import repo_folder_name
from safetensors.torch import save_file
from torch import Tensor, nn
from transformers import BlipForConditionalGeneration, CLIPTextModel, PhiForCausalLM

from pix2pix_onthefly.models.families import FAMILIES, ModelRow
from training.common import write_json

from .true_size_vocabularies import write_blip_tokenizer, write_clip_tokenizer, write_phi_tokenizer

FAMILY = "sd14"
REVISION = "0" * 40
"""Stands for the hub's current revision where a row names none."""
SPREAD = 0.02
SHARD = "5GB"

UNET = {
    "_class_name": "UNet2DConditionModel",
    "_diffusers_version": "0.2.2",
    "attention_head_dim": 8,
    "block_out_channels": [320, 640, 1280, 1280],
    "cross_attention_dim": 768,
    "down_block_types": [*["CrossAttnDownBlock2D"] * 3, "DownBlock2D"],
    "layers_per_block": 2,
    "sample_size": 64,
    "up_block_types": ["UpBlock2D", *["CrossAttnUpBlock2D"] * 3],
}
VAE = {
    "_class_name": "AutoencoderKL",
    "_diffusers_version": "0.2.2",
    "block_out_channels": [128, 256, 512, 512],
    "down_block_types": ["DownEncoderBlock2D"] * 4,
    "latent_channels": 4,
    "layers_per_block": 2,
    "sample_size": 512,
    "up_block_types": ["UpDecoderBlock2D"] * 4,
}
SCHEDULER = {
    "_class_name": "PNDMScheduler",
    "_diffusers_version": "0.2.2",
    "beta_end": 0.012,
    "beta_schedule": "scaled_linear",
    "beta_start": 0.00085,
    "num_train_timesteps": 1000,
    "set_alpha_to_one": False,
    "skip_prk_steps": True,
    "steps_offset": 1,
}
MODEL_INDEX = {
    "_class_name": "StableDiffusionPipeline",
    "_diffusers_version": "0.2.2",
    "scheduler": ["diffusers", "PNDMScheduler"],
    "text_encoder": ["transformers", "CLIPTextModel"],
    "tokenizer": ["transformers", "CLIPTokenizer"],
    "unet": ["diffusers", "UNet2DConditionModel"],
    "vae": ["diffusers", "AutoencoderKL"],
}
_TRANSFORMER = {"hidden_size": 768, "intermediate_size": 3072, "num_attention_heads": 12, "num_hidden_layers": 12}
TEXT_ENCODER = {
    **_TRANSFORMER,
    "architectures": ["CLIPTextModel"],
    "bos_token_id": 0,
    "eos_token_id": 2,
    "hidden_act": "quick_gelu",
    "max_position_embeddings": 77,
    "model_type": "clip_text_model",
    "pad_token_id": 1,
    "torch_dtype": "float32",
    "vocab_size": 49408,
}
BLIP_TOKENS = {"bos_token_id": 30522, "eos_token_id": 2, "pad_token_id": 0, "sep_token_id": 102}
BLIP = {
    "architectures": ["BlipForConditionalGeneration"],
    "image_text_hidden_size": 256,
    "model_type": "blip",
    "projection_dim": 512,
    "text_config": {**_TRANSFORMER, **BLIP_TOKENS, "max_position_embeddings": 512, "vocab_size": 30524},
    "torch_dtype": "float32",
    "vision_config": {**_TRANSFORMER, "image_size": 384, "patch_size": 16},
}
BLIP_PICTURES = {
    "image_mean": [0.48145466, 0.4578275, 0.40821073],
    "image_processor_type": "BlipImageProcessor",
    "image_std": [0.26862954, 0.26130258, 0.27577711],
    "processor_class": "BlipProcessor",
    "size": {"height": 384, "width": 384},
}
PHI = {
    "architectures": ["PhiForCausalLM"],
    "bos_token_id": 50256,
    "eos_token_id": 50256,
    "hidden_size": 2560,
    "intermediate_size": 10240,
    "max_position_embeddings": 2048,
    "model_type": "phi",
    "num_attention_heads": 32,
    "num_hidden_layers": 32,
    "partial_rotary_factor": 0.4,
    "qk_layernorm": False,
    "rope_scaling": None,
    "rope_theta": 10000.0,
    "torch_dtype": "float16",
    "vocab_size": 51200,
}


@dataclass(frozen=True)
class Network:
    """One network of a repository.

    Attributes:
        kind: class of diffusers or transformers.
        config: its published configuration.
        parameters: their published number; tied ones count once.
        old_name: from the name of a weight to that in the published file.
        buffers: what the published file holds beside parameters.
    """

    kind: Any
    config: dict[str, Any]
    parameters: int
    dtype: torch.dtype = torch.float32
    old_name: Callable[[str], str] = str
    buffers: dict[str, Tensor] = field(default_factory=dict[str, Tensor])

    @property
    def stem(self) -> str:
        """Name of the weights' file without its ending."""
        return "diffusion_pytorch_model" if "_class_name" in self.config else "model"

    def shapes(self) -> dict[str, nn.Parameter]:
        """The parameters without storage, by their published names; tied ones are the same object.

        Raises:
            ValueError: they are not as many as published.
        """
        with torch.device("meta"):
            if "_class_name" in self.config:
                model = self.kind.from_config(self.config)
            else:
                model = self.kind(self.kind.config_class.from_dict(self.config))
        count = sum(parameter.numel() for parameter in model.parameters())
        if count != self.parameters:
            raise ValueError(f"{self.kind.__name__} has {count} parameters, not {self.parameters} as published")
        return {self.old_name(name): p for name, p in model.named_parameters(remove_duplicate=False)}


def _old_vae_name(name: str) -> str:
    old = {"to_q": "query", "to_k": "key", "to_v": "value", "to_out.0": "proj_attn"}
    return re.sub(r"(?<=attentions\.0\.)(to_q|to_k|to_v|to_out\.0)", lambda match: old[match[1]], name)


def _positions(name: str, count: int) -> dict[str, Tensor]:
    return {f"{name}.embeddings.position_ids": torch.arange(count)[None]}


DIFFUSION = {
    "unet": Network(UNet2DConditionModel, UNET, 859_520_964),
    "vae": Network(AutoencoderKL, VAE, 83_653_863, old_name=_old_vae_name),
    "text_encoder": Network(
        CLIPTextModel, TEXT_ENCODER, 123_060_480, old_name="text_model.{}".format, buffers=_positions("text_model", 77)
    ),
}
CAPTIONER = Network(BlipForConditionalGeneration, BLIP, 223_971_644, buffers=_positions("text_decoder.bert", 512))
LANGUAGE_MODEL = Network(PhiForCausalLM, PHI, 2_779_683_840, torch.float16)


def random_weights(shapes: dict[str, nn.Parameter], dtype: torch.dtype) -> dict[str, Tensor]:
    """Norms of one, biases of zero and normal numbers else; the same at every call. Tied weights share memory."""
    made: dict[int, Tensor] = {}
    for name, shape in shapes.items():
        if id(shape) in made:
            continue
        weight = torch.empty(shape.shape, dtype=dtype, device="cpu")
        if name.endswith("bias"):
            weight.zero_()
        elif weight.ndim == 1:
            weight.fill_(1)
        else:
            weight.normal_(0, SPREAD, generator=torch.Generator().manual_seed(zlib.crc32(name.encode())))
        made[id(shape)] = weight
    return {name: made[id(shape)] for name, shape in shapes.items()}


def write_network(network: Network, folder: Path, *, pickled: bool = False) -> None:
    """Configuration and weights; one shard at a time is in memory."""
    write_json(folder / "config.json", network.config)
    shapes = network.shapes()
    if pickled:
        torch.save({**random_weights(shapes, network.dtype), **network.buffers}, folder / "pytorch_model.bin")
        return
    split = split_torch_state_dict_into_shards(
        {name: shape.to(network.dtype) for name, shape in shapes.items()},
        filename_pattern=f"{network.stem}{{suffix}}.safetensors",
        max_shard_size=SHARD,
    )
    for file, names in split.filename_to_tensors.items():
        weights = random_weights({name: shapes[name] for name in names}, network.dtype)
        save_file({**weights, **network.buffers}, folder / file, metadata={"format": "pt"})
    if split.is_sharded:
        index = {"metadata": split.metadata, "weight_map": split.tensor_to_filename}
        write_json(folder / f"{network.stem}.safetensors.index.json", index)


def write_diffusion(folder: Path, row: ModelRow) -> None:
    """Stable Diffusion 1.4 but for the safety checker, which nothing here loads; the files in full precision only."""
    write_json(folder / "model_index.json", MODEL_INDEX)
    write_json(folder / "scheduler/scheduler_config.json", SCHEDULER)
    write_clip_tokenizer(folder / "tokenizer")
    for name, network in DIFFUSION.items():
        write_network(network, folder / name, pickled=not row.safetensors)


def write_captioner(folder: Path, row: ModelRow) -> None:
    """BLIP, base size."""
    write_json(folder / "preprocessor_config.json", BLIP_PICTURES)
    write_blip_tokenizer(folder)
    write_network(CAPTIONER, folder, pickled=not row.safetensors)


def write_rewriter(folder: Path, row: ModelRow) -> None:
    """Phi-2."""
    write_phi_tokenizer(folder)
    write_network(LANGUAGE_MODEL, folder, pickled=not row.safetensors)


WRITERS: dict[str, Callable[[Path, ModelRow], None]] = {
    "diffusion": write_diffusion,
    "captioner": write_captioner,
    "rewriter": write_rewriter,
}


def write_family(cache: Path) -> None:
    """All repositories into a folder for `HF_HUB_CACHE`; those that are there already stay as they are."""
    for role, write in WRITERS.items():
        row: ModelRow = getattr(FAMILIES[FAMILY], role)
        repository = cache / repo_folder_name(repo_id=row.source, repo_type="model")
        revision = row.revision or REVISION
        snapshot = repository / "snapshots" / revision
        if snapshot.exists():
            continue
        partial = snapshot.with_suffix(".partial")
        shutil.rmtree(partial, ignore_errors=True)
        partial.mkdir(parents=True)
        write(partial, row)
        if row.revision is None:
            (repository / "refs").mkdir(exist_ok=True)
            (repository / "refs/main").write_text(revision)
        partial.rename(snapshot)
