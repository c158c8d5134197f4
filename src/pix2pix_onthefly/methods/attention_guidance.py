"""The guided edit: generation along the edit direction, held to the picture it starts from (paper 3.3; Parmar et al.
2023, section 3.3 and their `edit_pipeline.py`)."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field

import torch
from jaxtyping import Float
from torch import Tensor

from ..backbones.attention import ALL_ROWS, CrossAttentionMaps, LastMapSeen
from ..backbones.backbone import Backbone, Timestep, path_for
from ..backbones.gradients import scaled_gradient
from ..options import AttentionOptions, EditOptions
from ..records import (
    Case,
    Conditioning,
    Edited,
    Inverted,
    Progress,
    Reconstruction,
    joined,
    no_progress,
)
from .method import Need
from .reference import KeptReference, Reference, RunningReference

ROWS_PER_EDIT = 2
"""The caption (the negative prompt of classifier-free guidance) and the caption moved along the direction."""


class AttentionGuidance:
    """The paper's way of editing; a `method.Method`."""

    needs = frozenset([Need.CAPTIONS, Need.DIRECTION, Need.INVERSION])
    batch: int | None = None

    def __init__(self, options: AttentionOptions, models: object = None) -> None:
        self.models: dict[str, str] = {}

    def edit(
        self, backbone: Backbone, cases: Sequence[Case], options: EditOptions, progress: Progress = no_progress
    ) -> list[Edited]:
        """Regenerates pictures of one size along their directions."""
        return edit(backbone, [guided_edit(case) for case in cases], options, progress)


@dataclass(frozen=True)
class GuidedEdit:
    """One edit that the diffusion model is to make.

    Attributes:
        inverted: where it starts.
        direction: edit direction, one row.
        reference: the unedited regeneration, if it was kept; it is run beside the edit if not.
    """

    inverted: Inverted
    direction: Conditioning = field(repr=False)
    reference: Reconstruction | None = field(default=None, repr=False)


def guided_edit(case: Case) -> GuidedEdit:
    """A case as the guided edit takes it."""
    assert case.direction is not None, "the executor computes directions for methods that need them"
    return GuidedEdit(case.inverted, case.direction, case.picture.reference)


@torch.no_grad()
def edit(
    backbone: Backbone, edits: Sequence[GuidedEdit], options: EditOptions, progress: Progress = no_progress
) -> list[Edited]:
    """Regenerates pictures from their noise with their captions' embeddings moved along edit directions.

    Two rows run for each edit, the caption and the caption plus direction; first all captions, then all others. At each
    step every row takes one gradient step that brings its cross-attention maps closer to the reference's. Noise is then
    predicted anew at the moved latents, combined by classifier-free guidance, and one DDIM step is taken from the
    latents of the row that `carried_row` names. No row touches another, so with `source` (the published code) the
    latents are moved only by the caption row's gradient, and the edit row's gradient acts through its noise prediction
    alone; and edits in one batch are what they would be alone.

    Args:
        edits: pictures of one size, inverted with `options.steps` steps; the same inversion may serve many edits.
        options: with `AttentionOptions` as those of the method.
    """
    own = options.method
    assert isinstance(own, AttentionOptions)
    conditioning = _conditioning(backbone, edits, own)
    guided_steps = own.guided_steps(options.steps)
    latents = torch.cat([item.inverted.noise for item in edits])
    path = path_for(backbone, latents, options.steps)
    # Split once: layers remember what they made of a text by the tensor it came in.
    parts = conditioning.split(backbone.gradient_rows or len(conditioning))
    carried = 0 if own.carried_row == "source" else 1
    with backbone.recording() as recorded:
        reference, owners = _reference(backbone, recorded, edits, options)
        for done, timestep in enumerate(path.timesteps, 1):
            rows = latents.repeat(ROWS_PER_EDIT, 1, 1, 1)
            if done <= guided_steps:
                maps = [layer[owners] for layer in reference.maps]
                rows = guide(backbone, recorded, rows, timestep, parts, maps, own.cross_attention_guidance)
            unedited, edited = reference.predict_beside(rows, timestep, conditioning).chunk(ROWS_PER_EDIT)
            # Away from the source caption instead of the empty text (pix2pix-zero's negative prompt).
            noise = unedited + own.guidance_scale * (edited - unedited)
            latents = path.denoise(rows.chunk(ROWS_PER_EDIT)[carried], noise, timestep)
            progress("edit", done, options.steps)
    unedited = reference.latents[owners].expand_as(latents)
    return [Edited(*pair) for pair in zip(latents.split(1), unedited.split(1), strict=True)]


def _conditioning(backbone: Backbone, edits: Sequence[GuidedEdit], own: AttentionOptions) -> Conditioning:
    """Two rows an edit, all captions first, in the working precision."""
    captions = backbone.condition([item.inverted.caption for item in edits])
    directions = joined([item.direction for item in edits])
    return joined([captions, captions + directions * own.direction_scale]).to(backbone.dtype)


def _reference(
    backbone: Backbone, recorded: CrossAttentionMaps, edits: Sequence[GuidedEdit], options: EditOptions
) -> tuple[Reference, list[int] | slice]:
    """The reference of all pictures, ready for the first step, and for each edit the number of its picture; of just one
    picture a slice, so that its maps serve all edits without a copy."""
    pictures = list({id(item.inverted): item.inverted for item in edits}.values())
    places = {id(inverted): place for place, inverted in enumerate(pictures)}
    owners = [places[id(item.inverted)] for item in edits] if len(pictures) > 1 else slice(None)
    kept = {id(item.inverted): item.reference for item in edits if item.reference is not None}
    if len(kept) == len(pictures):
        for reconstruction in kept.values():
            if len(reconstruction.maps) != options.steps:
                raise ValueError(f"maps of {len(reconstruction.maps)} steps cannot guide an edit of {options.steps}")
        return KeptReference(backbone, recorded, [kept[id(inverted)] for inverted in pictures]), owners
    assert isinstance(options.method, AttentionOptions)
    guided_steps = options.method.guided_steps(options.steps)
    running = RunningReference(backbone, recorded, pictures, options.steps, steps_with_maps=guided_steps)
    running.advance()
    return running, owners


def guide(
    backbone: Backbone,
    recorded: CrossAttentionMaps,
    rows: Float[Tensor, "rows channels h w"],
    timestep: Timestep,
    parts: Sequence[Conditioning],
    reference: Sequence[Tensor],
    amount: float,
) -> Float[Tensor, "rows channels h w"]:
    """One gradient step of size `amount` on latents [rows, channels, h, w] towards the reference maps.

    Nothing is computed behind the last map, and no gradient for any weight. Rows that share one of `parts` share a
    pass.
    """
    recorded.rows, recorded.nothing_else = ALL_ROWS, True
    moved: list[Tensor] = []
    numbers = torch.arange(len(rows)).split([len(part) for part in parts])
    for conditioning, part in zip(parts, numbers, strict=True):
        with torch.enable_grad():
            variable = rows[part].requires_grad_()
            with suppress(LastMapSeen):
                backbone.predict(variable, timestep, conditioning)
            theirs = reference if len(parts) == 1 else [layer[part % len(layer)] for layer in reference]
            distance = attention_distance(recorded.take(), theirs)
            gradient = scaled_gradient(distance, variable, backbone.dtype)
        moved.append(variable.detach() - amount * gradient)
    recorded.nothing_else = False
    return torch.cat(moved)


def attention_distance(maps: Sequence[Tensor], reference: Sequence[Tensor]) -> Tensor:
    """Squared difference of maps [rows, heads, positions, tokens]: summed over positions and tokens, averaged over
    heads and the two rows of an edit, summed over layers and edits.

    A reference of fewer rows serves them in turn: row r is compared with reference row r modulo their number.
    """
    distances = [
        (now.float().unflatten(0, (-1, len(then))) - then.float()).square().sum((-2, -1)).mean(-1).sum()
        for now, then in zip(maps, reference, strict=True)
    ]
    return torch.stack(distances).sum() / ROWS_PER_EDIT
