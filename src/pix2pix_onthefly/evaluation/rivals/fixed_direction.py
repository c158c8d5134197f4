"""pix2pix-zero's own way to a direction: from many sentences about the old and the new thing, computed beforehand."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from ...editor import Editor
from ...inversions.ddim import invert
from ...methods import attention_guidance
from ...methods.direction import edit_direction
from ...options import EditOptions
from ...pictures import fitting
from ...records import EditCaptions, GuidedEdit
from ..runs.method import Case, Made
from .base import FamilyMethod
from .phrases import changed_phrases
from .sentences import POOLS
from .settings import Settings


class FixedDirection(FamilyMethod):
    """Our inversion and guided edit along a direction that knows nothing of the captions but the changed phrases."""

    def __init__(self, name: str, editor: Editor, options: EditOptions, settings: Settings) -> None:
        super().__init__(name, editor, options)
        self.own, self.pool = settings, POOLS[editor.row.pool]
        self._directions: dict[tuple[str, str], Tensor] = {}

    def settings(self) -> dict[str, object]:
        """All that ours has, but for what makes captions."""
        names = "guidance_scale", "cross_attention_guidance", "carried_row", "direction_scale", "inversion"
        names += "regularisation_rounds", "auto_correlation_rolls", "auto_correlation_weight", "kl_weight"
        return self.described(self.own, **{name: getattr(self.options, name) for name in names})

    def edit_batch(self, cases: Sequence[Case]) -> list[Made]:
        """Edits pictures of one size."""
        edits = [
            GuidedEdit(
                invert(self.diffusion, latents, case.source_caption, self.options.with_changes(seed=case.seed)),
                self.direction(case.captions),
            )
            for case, latents in zip(cases, self.encoded(cases).split(1), strict=True)
        ]
        made = attention_guidance.edit(self.diffusion, edits, self.options)
        edited = self.decoded(torch.cat([latents.edited for latents in made]))
        unedited = self.decoded(torch.cat([latents.unedited for latents in made]))
        return [
            Made(fitting.restore(picture, case.picture.size), reconstruction)
            for case, picture, reconstruction in zip(cases, edited, unedited, strict=True)
        ]

    def direction(self, captions: EditCaptions) -> Tensor:
        """The direction [1, tokens, width] between what changes, kept for the next time; zero if nothing does."""
        pair = changed_phrases(captions.before[0], captions.after[0])
        if pair is None:
            return torch.zeros_like(self.diffusion.embed([""]))
        if pair not in self._directions:
            self._directions[pair] = edit_direction(self.diffusion, *self.pool.sentences(pair))
        return self._directions[pair]
