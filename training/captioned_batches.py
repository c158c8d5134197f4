"""Batches for the models that draw, prepared beside training: what is to be drawn, and what it is called."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset
from transformers import CLIPTokenizer, PreTrainedTokenizerBase

from pix2pix_onthefly.backbones.texts import tokens_of

from .compositing import Layout
from .plan import Plan
from .scenes import caption_of, draw_scenes

PAIRS_TO_TRAIN_ON = 0.4
"""More than the world at large holds: which object stands where is what drawings get wrong most."""
_PREPARED = 4
"""Batches that each worker holds ready."""


@dataclass(frozen=True)
class CaptionedBatch:
    """What a step learns from.

    Attributes:
        layout: of the pictures.
        tokens: [pictures, tokens], the captions' ids.
        seed: of the step's noise.
        other_tokens: the same captions' ids of further tokenizers.
    """

    layout: Layout
    tokens: Tensor
    seed: int
    other_tokens: tuple[Tensor, ...] = ()


class CaptionedScenes(Dataset[CaptionedBatch]):
    """Step number to batch; the same one whichever process asks.

    Args:
        plan: seed and number of pictures.
        tokenizer: for the captions.
        length: tokens a caption is padded to.
        empty_share: how many captions are left empty.
        others: further tokenizers, for models of several text encoders.
    """

    def __init__(
        self,
        plan: Plan,
        tokenizer: CLIPTokenizer,
        length: int,
        empty_share: float,
        *others: PreTrainedTokenizerBase,
    ) -> None:
        self.plan, self.tokenizers, self.length, self.empty_share = plan, (tokenizer, *others), length, empty_share

    def __getitem__(self, step: int) -> CaptionedBatch:
        rng = self.plan.rng(step)
        scenes = draw_scenes(rng, self.plan.batch, PAIRS_TO_TRAIN_ON)
        captions = ["" if rng.random() < self.empty_share else caption_of(rng, scene) for scene in scenes]
        tokens, *others = (tokens_of(tokenizer, captions, self.length) for tokenizer in self.tokenizers)
        return CaptionedBatch(Layout.of(scenes), tokens, rng.getrandbits(40), tuple(others))


def batches_from(scenes: CaptionedScenes, first: int) -> Iterator[CaptionedBatch]:
    """Batches of steps `first`, `first + 1` and so on without end, in order, by as many workers as are planned."""
    workers = scenes.plan.workers
    ahead = _PREPARED if workers else None
    sampler = itertools.count(first)
    loader = DataLoader(scenes, None, sampler=sampler, num_workers=workers, prefetch_factor=ahead)  # type: ignore[arg-type]
    return iter(loader)


def stratified_timesteps(count: int, generator: torch.Generator) -> Tensor:
    """One timestep from each of `count` equal parts of 0..999: less variance than independent draws."""
    device = generator.device
    places = torch.arange(count, device=device) + torch.rand(count, generator=generator, device=device)
    return (places * (1000 / count)).long().clamp_(max=999)
