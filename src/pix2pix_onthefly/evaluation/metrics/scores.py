"""MagicBrush's metrics, computed as its official script `evaluation/image_eval.py` does.

Pictures are read without regard to orientation or transparency. L1 and L2 compare pixels in 0..1 after the generated
picture was scaled to the true one's size. CLIP-I, CLIP-T and DINO are plain cosines, neither clamped nor multiplied by
100. A table's figure is the plain mean over turns.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from ...errors import InputError
from ...pictures.opening import opened
from ..data.turns import Dataset, Turn
from .embeddings import ClipScorer, DinoScorer, cosine


def read_rgb(path: Path | str) -> Image.Image:
    """The picture of a file as the official script reads it: any transparency is dropped.

    Raises:
        InputError: no such file, or not a sound picture.
    """
    with opened(Path(path)) as image:
        return image.convert("RGB")


def l1(generated: Image.Image, target: Image.Image) -> float:
    """Mean absolute difference of the pixels, 0..1."""
    return float(np.abs(_difference(generated, target)).mean())


def l2(generated: Image.Image, target: Image.Image) -> float:
    """Mean squared difference of the pixels, 0..1."""
    return float(np.square(_difference(generated, target)).mean())


def _difference(generated: Image.Image, target: Image.Image) -> NDArray[np.float64]:
    scaled = generated.convert("RGB").resize(target.size)  # Pillow's default: bicubic
    return (np.asarray(scaled, dtype=np.float64) - np.asarray(target.convert("RGB"), dtype=np.float64)) / 255


@dataclass(frozen=True)
class Scores:
    """The metrics of one generated picture; None where there is no such description or model.

    Attributes:
        l1, l2: difference from the true picture, better when low; the others are better when high.
        clip_i: likeness to the true picture.
        clip_t_local: agreement with the local description, which MagicBrush's own table uses; also with a blank one.
        clip_t_global: agreement with the global description.
        dino: likeness to the true picture.
    """

    l1: float
    l2: float
    clip_i: float
    clip_t_local: float | None
    clip_t_global: float | None
    dino: float | None = None


@dataclass(frozen=True)
class Metrics:
    """The models that take part."""

    clip: ClipScorer
    dino: DinoScorer | None = None

    def score(self, turn: Turn, generated: Image.Image) -> Scores:
        """Compares a generated picture with the true one of a turn and with its descriptions.

        Raises:
            InputError: the true picture cannot be read, or a description is too long.
        """
        target = read_rgb(turn.target)
        embedding = self.clip.image_embedding(generated)
        local, whole = (
            None if text is None else cosine(embedding, self.clip.text_embedding(text))
            for text in (turn.local_caption, turn.global_caption)
        )
        dino = self.dino and cosine(self.dino.image_embedding(generated), self.dino.image_embedding(target))
        clip_i = cosine(embedding, self.clip.image_embedding(target))
        return Scores(l1(generated, target), l2(generated, target), clip_i, local, whole, dino)


def check_descriptions(dataset: Dataset, clip: ClipScorer) -> None:
    """Finds descriptions that could not be scored before hours are spent on pictures.

    Raises:
        InputError: some are too long.
    """
    found = [
        turn
        for turn in dataset.turns
        if any(text is not None and clip.is_too_long(text) for text in (turn.local_caption, turn.global_caption))
    ]
    if found:
        raise InputError(
            f"{len(found)} turns have descriptions of more than {clip.limit} tokens, more than CLIP reads, the first "
            f"turn {found[0].number} of session {found[0].session}; shorten them or allow truncation"
        )


@dataclass(frozen=True)
class Averages:
    """Means over turns; each over those that have the figure, None where none has it.

    Attributes:
        turns: how many were scored.
        blank: how many of them have a blank local description.
        clip_t_local_without_blank: `clip_t_local` over the turns with words in theirs.
    """

    turns: int
    blank: int
    l1: float
    l2: float
    clip_i: float
    clip_t_local: float | None
    clip_t_local_without_blank: float | None
    clip_t_global: float | None
    dino: float | None


def average(turns: Sequence[Turn], scores: Sequence[Scores]) -> Averages:
    """The figures of a table's row.

    Raises:
        ValueError: no turns, or not one score for each.
    """
    pairs = list(zip(turns, scores, strict=True))
    return Averages(
        turns=len(pairs),
        blank=sum(turn.is_blank for turn in turns),
        l1=fmean(score.l1 for score in scores),
        l2=fmean(score.l2 for score in scores),
        clip_i=fmean(score.clip_i for score in scores),
        clip_t_local=_mean([score.clip_t_local for score in scores]),
        clip_t_local_without_blank=_mean([score.clip_t_local for turn, score in pairs if not turn.is_blank]),
        clip_t_global=_mean([score.clip_t_global for score in scores]),
        dino=_mean([score.dino for score in scores]),
    )


def _mean(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return fmean(known) if known else None
