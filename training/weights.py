"""The bundled diffusion model with other weights: of a snapshot, of an older commit, of a run under way."""

from __future__ import annotations

import argparse
from pathlib import Path

import torch
from diffusers import AutoencoderKL, DDIMScheduler, UNet2DConditionModel
from transformers import CLIPTextModel, CLIPTokenizer

from pix2pix_onthefly.backbones.stable_diffusion import LatentDiffusion

from . import diffusion

TRAINED_PARTS = ("unet", "text_encoder")
"""What a folder of weights holds; the rest of the pipeline is the package's."""


def weights_folder(text: str) -> Path:
    """A folder that holds `TRAINED_PARTS`, for `argparse`."""
    folder = Path(text)
    missing = [part for part in TRAINED_PARTS if not (folder / part / "config.json").is_file()]
    if missing:
        raise argparse.ArgumentTypeError(
            f"{text} holds no {' and no '.join(missing)}; give a folder of diffusion weights"
        )
    return folder


def load_weights(folder: Path, device: torch.device) -> LatentDiffusion:
    """Float32 networks, ready to draw."""
    unet = UNet2DConditionModel.from_pretrained(
        folder / "unet", torch_dtype=torch.float32, sample_size=diffusion.LATENT_SIDE
    )
    text_encoder = CLIPTextModel.from_pretrained(folder / "text_encoder", dtype=torch.float32)
    vae = AutoencoderKL.from_pretrained(diffusion.FOLDER / "vae", torch_dtype=torch.float32)
    for network in (unet, text_encoder, vae):
        network.to(device)
    tokenizer = CLIPTokenizer.from_pretrained(diffusion.FOLDER / "tokenizer")
    scheduler = DDIMScheduler.from_pretrained(diffusion.FOLDER / "scheduler")
    return LatentDiffusion(vae, unet, text_encoder, tokenizer, scheduler)
