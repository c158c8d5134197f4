"""Prompt-to-prompt (Hertz et al. 2022): the after-caption drawn beside the picture, with the picture's attention maps.

A picture's own sampling and that of its edit start from the same noise and go side by side. In a first share of the
steps the edit's cross-attention maps are put together from the picture's, by the alignment of their captions, and in a
smaller share its self-attention maps are the picture's own. For pictures that no model has drawn, null-text inversion
keeps the first of the two on its way.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor

from ..backbones.backbone import Backbone, path_for
from ..options import EditOptions, PromptToPromptOptions
from ..records import Case, Conditioning, Edited, Progress, joined, no_progress
from .empty_text import empty_texts
from .local_blend import LocalBlend
from .map_replacement import MapReplacement
from .method import Need
from .regions import merged
from .token_alignment import TokenAlignment, align_tokens

BLEND_FROM = 0.2
"""Share of the steps after which nothing outside the region is taken from the edit (the authors' code)."""


class PromptToPrompt:
    """A `method.Method` for backbones with cross-attention."""

    needs = frozenset([Need.CAPTIONS, Need.INVERSION])
    batch: int | None = None

    def __init__(self, options: PromptToPromptOptions, models: object = None) -> None:
        self.models: dict[str, str] = {}

    @torch.no_grad()
    def edit(
        self, backbone: Backbone, cases: Sequence[Case], options: EditOptions, progress: Progress = no_progress
    ) -> list[Edited]:
        """Edits pictures of one size; the unedited regeneration is the pictures' own sampling."""
        own = options.method
        assert isinstance(own, PromptToPromptOptions)
        alignments = [_alignment(backbone, case, own) for case in cases]
        control = MapReplacement(alignments, own.reweight, backbone.device)
        blend = LocalBlend(alignments, own.blend_threshold, backbone.device) if own.blend else None
        control.recording = own.blend
        texts = _conditionings(backbone, cases)
        picture = torch.cat([case.inverted.noise for case in cases])
        edited, region = picture, None
        path = path_for(backbone, picture, options.steps)
        with backbone.controlled(control):
            for place, timestep in enumerate(path.timesteps):
                control.of_words = place < round(own.cross_replace_share * options.steps)
                control.of_positions = place < round(own.self_replace_share * options.steps)
                rows = torch.cat([picture, edited])
                away, towards = backbone.predict(rows.repeat(2, 1, 1, 1), timestep, texts[place % len(texts)]).chunk(2)
                rows = path.denoise(rows, away + own.guidance_scale * (towards - away), timestep)
                picture, edited = rows.chunk(2)
                if blend is not None:
                    blend.watch(control.take())
                    region = _region(blend, place / options.steps, picture)
                    edited = merged(picture, edited, region)
                progress("edit", place + 1, options.steps)
        regions = [None] * len(cases) if region is None else region.split(1)
        return [Edited(*row) for row in zip(edited.split(1), picture.split(1), regions, strict=True)]


def _alignment(backbone: Backbone, case: Case, own: PromptToPromptOptions) -> TokenAlignment:
    texts = case.inverted.caption, case.captions.after[0]
    spans = backbone.spans(texts[0]), backbone.spans(texts[1])
    return align_tokens(texts, spans, refine=own.swapped_words == "refine")


def _conditionings(backbone: Backbone, cases: Sequence[Case]) -> list[Conditioning]:
    """The texts of a whole batch, in the order of `map_replacement.QUARTERS`: for every step, or one for all."""
    captions = backbone.condition([case.inverted.caption for case in cases])
    afters = backbone.condition([case.captions.after[0] for case in cases])
    empty = empty_texts(backbone, [case.inverted for case in cases])
    return [joined([text, text, captions, afters]).to(backbone.dtype) for text in empty]


def _region(
    blend: LocalBlend, share: float, latents: Float[Tensor, "rows channels h w"]
) -> Float[Tensor, "rows 1 h w"] | None:
    """What the edits may change by now; None for everything."""
    height, width = latents.shape[-2:]
    return blend.regions(height, width) if share >= BLEND_FROM else None
