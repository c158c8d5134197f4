"""Draws pictures from captions with a diffusion model of the mini family, and judges them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from pix2pix_onthefly.backbones.drawing import sample
from pix2pix_onthefly.backbones.stable_diffusion import LatentDiffusion
from pix2pix_onthefly.world.judge import Reading, disagreements, read_scene
from pix2pix_onthefly.world.scenes import Scene

ROWS = 16
STEPS = 30
GUIDANCE_SCALE = 3.0


@dataclass(frozen=True)
class Drawn:
    """What a drawn picture was to show and what it was read as."""

    scene: Scene
    reading: Reading

    @property
    def background(self) -> bool:
        """Whether the background is right."""
        return "background" not in disagreements(self.reading, self.scene)

    @property
    def objects(self) -> bool:
        """Whether the objects and their colours are right."""
        return set(disagreements(self.reading, self.scene)) <= {"background"}

    @property
    def all(self) -> bool:
        """Whether everything is right."""
        return self.background and self.objects


def _first_noise(diffusion: LatentDiffusion, count: int, seed: int) -> Tensor:
    """One draw a picture, so that a picture does not depend on which others are drawn with it."""
    config = diffusion.unet.config
    shape = (config["in_channels"], config["sample_size"], config["sample_size"])
    generator = torch.Generator().manual_seed(seed)
    return torch.stack([torch.randn(shape, generator=generator) for _ in range(count)])


@torch.no_grad()
def _draw_rows(
    diffusion: LatentDiffusion, captions: Sequence[str], latents: Tensor, steps: int, guidance_scale: float
) -> Tensor:
    """One batch: DDIM with classifier-free guidance from the empty caption."""
    unwanted = diffusion.embed([""]).expand(len(captions), -1, -1)
    wanted = diffusion.embed(captions)
    latents = sample(diffusion, latents.to(diffusion.device), unwanted, wanted, guidance_scale, steps)
    return diffusion.decode(latents)


def draw_batch(
    diffusion: LatentDiffusion,
    captions: Sequence[str],
    *,
    steps: int = STEPS,
    guidance_scale: float = GUIDANCE_SCALE,
    seed: int = 0,
) -> NDArray[np.uint8]:
    """One picture a caption, [captions, side, side, 3]; the first ones are the same however many follow."""
    noise = _first_noise(diffusion, len(captions), seed)
    drawn: list[Tensor] = []
    for start in range(0, len(captions), ROWS):
        rows = slice(start, start + ROWS)
        drawn.append(_draw_rows(diffusion, captions[rows], noise[rows], steps, guidance_scale))
    pixels = torch.cat(drawn).add(1).mul(127.5).round().clamp(0, 255)
    return pixels.to(torch.uint8).permute(0, 2, 3, 1).numpy()


def judge_drawings(scenes: Sequence[Scene], pictures: NDArray[np.uint8]) -> list[Drawn]:
    """Reads each picture, without being told how many objects there should be."""
    return [Drawn(scene, read_scene(picture)) for scene, picture in zip(scenes, pictures, strict=True)]
