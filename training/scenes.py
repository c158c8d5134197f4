"""Batches of rendered scenes for training: drawn on the fly, never stored."""

from __future__ import annotations

import random

import numpy as np
import torch
from torch import Tensor

from pix2pix_onthefly.world.captions import STYLES, describe
from pix2pix_onthefly.world.renderer import render_pixels
from pix2pix_onthefly.world.scenes import HELD_OUT_SEED, PAIR_SHARE, Scene, sample_scene

from .common import PICTURE_SIDE


def draw_scenes(rng: random.Random, count: int, pair_share: float = PAIR_SHARE) -> list[Scene]:
    """Scenes of the world's own mix, or with another share of pairs."""
    return [sample_scene(rng, pair_share) for _ in range(count)]


def held_out_scenes(count: int, offset: int = 0) -> list[Scene]:
    """Scenes for measuring; the same ones every time."""
    return [sample_scene(random.Random(HELD_OUT_SEED + offset + index)) for index in range(count)]


def pixels_of(scenes: list[Scene], side: int = PICTURE_SIDE) -> Tensor:
    """Pictures as [count, 3, side, side] float32 in -1..1."""
    batch = np.stack([render_pixels(scene, side) for scene in scenes])
    return torch.from_numpy(batch).permute(0, 3, 1, 2).float().div_(127.5).sub_(1.0)


def caption_of(rng: random.Random, scene: Scene, canonical_share: float = 0.75) -> str:
    """The canonical caption most of the time, another wording otherwise."""
    return describe(scene, 0 if rng.random() < canonical_share else rng.randrange(len(STYLES)))
