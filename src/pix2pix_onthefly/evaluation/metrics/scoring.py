"""Figures of an edit: MagicBrush's metrics, and for MiniBrush the judge's verdict."""

from __future__ import annotations

from functools import cached_property

import torch
from PIL import Image

from ...models import hub, loading
from ...models.families import DEFAULT_FAMILY, DINO, FAMILIES, PHOTOGRAPH_FAMILY, ModelRow
from ..data.minibrush import edit_of
from ..data.turns import Dataset, Turn
from ..runs.result_files import Plain, as_dict
from .embeddings import ClipScorer, DinoScorer, dino_or_note
from .scores import Metrics, check_descriptions
from .verdicts import judge


class Scorer:
    """Scores edits of one set.

    CLIP is that of the bundled models for MiniBrush, and OpenAI's, which the published figures are by, for
    photographs. DINO scores photographs where it can be had, and MiniBrush where it is on this machine already. Both
    compute in full precision.

    Args:
        dataset: the set.
        device: where CLIP and DINO run.
        truncate: cut descriptions that are too long for CLIP, as the official script does not.
    """

    def __init__(self, dataset: Dataset, device: torch.device, *, truncate: bool = False) -> None:
        self.dataset, self.device, self.truncate = dataset, device, truncate

    @property
    def clip_row(self) -> ModelRow:
        """The CLIP that scores."""
        return FAMILIES[DEFAULT_FAMILY if self.dataset.is_rendered else PHOTOGRAPH_FAMILY].clip

    @cached_property
    def dino(self) -> tuple[DinoScorer | None, str]:
        """DINO, and a note where it is left out and photographs are scored; looked for once."""
        if self.dataset.is_rendered and hub.presence(DINO, "dino").state != "yes":
            return None, ""
        return dino_or_note(lambda: loading.load_dino(DINO, self.device, torch.float32))

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
        return Metrics(clip, self.dino[0])

    def score(self, turn: Turn, picture: Image.Image) -> tuple[Plain, Plain | None]:
        """The metrics, and the verdict where the set is MiniBrush, both as plain data.

        Raises:
            InputError: the true picture cannot be read, or the edited one cannot be judged.
        """
        verdict = as_dict(judge(picture, edit_of(turn))) if self.dataset.is_rendered else None
        return as_dict(self.metrics.score(turn, picture)), verdict
