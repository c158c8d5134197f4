"""pix2pix-zero's own way to a direction: from many sentences about the old and the new thing, computed beforehand."""

from __future__ import annotations

from collections.abc import Sequence

from ..backbones.backbone import Backbone
from ..options import EditOptions, FixedDirectionOptions
from ..records import Case, Conditioning, EditCaptions, Edited, Progress, no_progress
from . import attention_guidance
from .attention_guidance import GuidedEdit
from .direction import edit_direction
from .method import Need
from .phrases import changed_phrases
from .sentences import POOLS


class FixedDirection:
    """The guided edit along a direction that knows nothing of the captions but the changed phrases."""

    needs = frozenset([Need.CAPTIONS, Need.INVERSION])
    batch: int | None = None

    def __init__(self, options: FixedDirectionOptions, models: object = None) -> None:
        self.models: dict[str, str] = {}
        self.pool = POOLS[options.sentences]

    def edit(
        self, backbone: Backbone, cases: Sequence[Case], options: EditOptions, progress: Progress = no_progress
    ) -> list[Edited]:
        """Edits pictures of one size."""
        directions: dict[tuple[str, str] | None, Conditioning] = {}
        edits: list[GuidedEdit] = []
        for case in cases:
            pair = changed_phrases(case.captions.before[0], case.captions.after[0])
            if pair not in directions:
                directions[pair] = self.direction(backbone, case.captions)
            edits.append(GuidedEdit(case.inverted, directions[pair], case.picture.reference))
        return attention_guidance.edit(backbone, edits, options, progress)

    def direction(self, backbone: Backbone, captions: EditCaptions) -> Conditioning:
        """The direction between what changes, one row; zero if nothing does."""
        pair = changed_phrases(captions.before[0], captions.after[0])
        if pair is None:
            return backbone.condition([""]) * 0.0
        return edit_direction(backbone, *self.pool.sentences(pair))
