"""Tiny random networks of the trained methods' classes."""

from __future__ import annotations

import shutil
from pathlib import Path

import torch
from diffusers import UNet2DConditionModel

from tests.helpers import CHANNELS, WIDTH


def write_trained(tiny_folder: Path, folder: Path) -> Path:
    """The tiny family's networks with a UNet that takes a picture's latents beside the noisy ones."""
    shutil.copytree(tiny_folder / "diffusion", folder, ignore=shutil.ignore_patterns("unet"))
    with torch.random.fork_rng(devices=()):
        torch.manual_seed(0)
        unet = UNet2DConditionModel(
            sample_size=8,
            in_channels=2 * CHANNELS,
            out_channels=CHANNELS,
            layers_per_block=1,
            block_out_channels=(16, 32),
            down_block_types=("CrossAttnDownBlock2D",) * 2,
            up_block_types=("CrossAttnUpBlock2D",) * 2,
            cross_attention_dim=WIDTH,
            attention_head_dim=4,
            norm_num_groups=8,
        )
    unet.save_pretrained(folder / "unet")
    return folder
