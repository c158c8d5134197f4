"""Figures of an edit: MagicBrush's metrics, and for MiniBrush the judge's verdict."""

from __future__ import annotations

from functools import cached_property

import torch
from PIL import Image

from .. import loading
from ..families import DEFAULT_FAMILY, FAMILIES, PHOTOGRAPH_FAMILY, ModelRow
from .embeddings import ClipScorer
from .judge import judge
from .metrics import Metrics, check_descriptions
from .minibrush import edit_of
from .records import Dataset, Turn
from .store import Plain, as_dict


class Scorer:
    """Scores edits of one set.

    CLIP is that of the bundled models for MiniBrush, and OpenAI's, which the published figures are by, for
    photographs. It computes in full precision.

    Args:
        dataset: the set.
        device: where CLIP runs.
        truncate: cut descriptions that are too long for CLIP, as the official script does not.
    """

    def __init__(self, dataset: Dataset, device: torch.device, *, truncate: bool = False) -> None:
        self.dataset, self.device, self.truncate = dataset, device, truncate

    @property
    def clip_row(self) -> ModelRow:
        """The CLIP that scores."""
        return FAMILIES[DEFAULT_FAMILY if self.dataset.is_rendered else PHOTOGRAPH_FAMILY].clip

    @cached_property
    def metrics(self) -> Metrics:
        """The metrics with their models loaded, once every description is known to fit.

        Raises:
            InputError: a description is too long.
            ModelUnavailableError: CLIP is not on this machine.
        """
        parts = loading.load_clip(self.clip_row, self.device, torch.float32)
        clip = ClipScorer(*parts, truncate=self.truncate)
        check_descriptions(self.dataset, clip)
        return Metrics(clip)

    def score(self, turn: Turn, picture: Image.Image) -> tuple[Plain, Plain | None]:
        """The metrics, and the verdict where the set is MiniBrush, both as plain data.

        Raises:
            InputError: the true picture cannot be read, or the edited one cannot be judged.
        """
        verdict = as_dict(judge(picture, edit_of(turn))) if self.dataset.is_rendered else None
        return as_dict(self.metrics.score(turn, picture)), verdict
