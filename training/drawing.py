"""Draws pictures from captions with a diffusion model of the mini family, and judges them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from pix2pix_onthefly.backbones.backbone import Backbone
from pix2pix_onthefly.backbones.drawing import sample
from pix2pix_onthefly.world.captions import describe
from pix2pix_onthefly.world.judge import Reading, disagreements, read_scene
from pix2pix_onthefly.world.renderer import render_pixels
from pix2pix_onthefly.world.scenes import Scene

from .common import PICTURE_SIDE
from .scenes import held_out_scenes, pixels_of

ROWS = 16
STEPS = 30
GUIDANCE_SCALE = 3.0
OFFSET = 1_000
"""Of the held-out scenes that are drawn: the judge was adjusted on drawings of some of the first ones."""
_ROUNDING_ERROR = 1 / 12
"""Mean squared error of rounding to whole levels: a picture cannot be told to be nearer to a rendering than that."""


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

    @property
    def crispness(self) -> float:
        """PSNR in dB of the picture to the nearest rendering: of what it was read as, whether that is right or not."""
        return 10 * math.log10(255**2 / max(self.reading.error, _ROUNDING_ERROR))


@dataclass(frozen=True)
class Crispness:
    """PSNR in dB of some pictures to their nearest renderings: what half of them and nine tenths of them reach.

    Attributes:
        median, tenth: the median and the 10th percentile.
        count: pictures.
        kinds: median and number of pictures by kind of object, worst first; a picture of two counts for both.
    """

    median: float
    tenth: float
    count: int
    kinds: dict[str, tuple[float, int]]

    @classmethod
    def of(cls, drawn: Sequence[Drawn]) -> Crispness:
        """That of at least one picture."""
        values = np.array([item.crispness for item in drawn])
        by_kind: dict[str, list[float]] = {}
        for item in drawn:
            for kind in {thing.kind for thing in item.scene.objects}:
                by_kind.setdefault(kind, []).append(item.crispness)
        kinds = {kind: (float(np.median(found)), len(found)) for kind, found in by_kind.items()}
        ordered = dict(sorted(kinds.items(), key=lambda row: (row[1][0], row[0])))
        return cls(float(np.median(values)), float(np.percentile(values, 10)), len(drawn), ordered)


def _first_noise(diffusion: Backbone, count: int, seed: int) -> Tensor:
    """One draw a picture, so that a picture does not depend on which others are drawn with it."""
    side = diffusion.native_size // diffusion.pixels_per_latent
    shape = (diffusion.latent_channels, side, side)
    generator = torch.Generator().manual_seed(seed)
    return torch.stack([torch.randn(shape, generator=generator) for _ in range(count)])


@torch.no_grad()
def _draw_rows(
    diffusion: Backbone, captions: Sequence[str], latents: Tensor, steps: int, guidance_scale: float
) -> Tensor:
    """One batch with classifier-free guidance from the empty caption."""
    unwanted = diffusion.condition([""]).repeated(len(captions))
    wanted = diffusion.condition(captions)
    latents = sample(diffusion, latents.to(diffusion.device), unwanted, wanted, guidance_scale, steps)
    return diffusion.decode(latents)


def draw_batch(
    diffusion: Backbone,
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
    return _as_pixels(torch.cat(drawn))


def _as_pixels(pictures: Tensor) -> NDArray[np.uint8]:
    """[count, 3, side, side] in -1..1 as [count, side, side, 3]."""
    return pictures.add(1).mul(127.5).round().clamp(0, 255).to(torch.uint8).permute(0, 2, 3, 1).numpy()


def judge_drawings(scenes: Sequence[Scene], pictures: NDArray[np.uint8]) -> list[Drawn]:
    """Reads each picture, without being told how many objects there should be."""
    return [Drawn(scene, read_scene(picture)) for scene, picture in zip(scenes, pictures, strict=True)]


def draw_held_out(diffusion: Backbone, count: int, *, guidance_scale: float, steps: int = STEPS) -> list[Drawn]:
    """Drawings of so many held-out scenes from their captions, read by the judge."""
    scenes = held_out_scenes(count, OFFSET)
    captions = [describe(scene) for scene in scenes]
    return judge_drawings(scenes, draw_batch(diffusion, captions, steps=steps, guidance_scale=guidance_scale))


def read_true_pictures(count: int) -> list[Drawn]:
    """The same scenes as the renderer draws them, read by the judge: what no drawing can be expected to reach."""
    scenes = held_out_scenes(count, OFFSET)
    return judge_drawings(scenes, np.stack([render_pixels(scene, PICTURE_SIDE) for scene in scenes]))


@torch.no_grad()
def read_decoded_pictures(diffusion: Backbone, count: int) -> list[Drawn]:
    """The same scenes' true pictures after encoding and decoding: the autoencoder's own ceiling."""
    scenes = held_out_scenes(count, OFFSET)
    decoded: list[Tensor] = []
    for rows in pixels_of(scenes).split(ROWS):
        decoded.append(diffusion.decode(diffusion.encode(rows.to(diffusion.device))))
    return judge_drawings(scenes, _as_pixels(torch.cat(decoded)))
