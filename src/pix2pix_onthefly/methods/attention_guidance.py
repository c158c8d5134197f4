"""The guided edit: generation along the edit direction, held to the picture it starts from (paper 3.3; Parmar et al.
2023, section 3.3 and their `edit_pipeline.py`)."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress

import torch
from torch import Tensor

from ..backbones.attention import ALL_ROWS, CrossAttentionMaps, LastMapSeen, record_cross_attention
from ..backbones.schedule import ddim_step
from ..backbones.stable_diffusion import LatentDiffusion
from ..options import EditOptions
from ..records import EditedLatents, GuidedEdit, Progress, no_progress
from .reference import KeptReference, Reference, RunningReference

ROWS_PER_EDIT = 2
"""The caption (the negative prompt of classifier-free guidance) and the caption moved along the direction."""


@torch.no_grad()
def edit(
    diffusion: LatentDiffusion, edits: Sequence[GuidedEdit], options: EditOptions, progress: Progress = no_progress
) -> list[EditedLatents]:
    """Regenerates pictures from their noise with their captions' embeddings moved along edit directions.

    Two rows run for each edit, the caption and the caption plus direction; first all captions, then all others. At each
    step every row takes one gradient step that brings its cross-attention maps closer to the reference's. Noise is then
    predicted anew at the moved latents, combined by classifier-free guidance, and one DDIM step is taken from the
    latents of the row that `options.carried_row` names. No row touches another, so with `source` (the published code)
    the latents are moved only by the caption row's gradient, and the edit row's gradient acts through its noise
    prediction alone; and edits in one batch are what they would be alone.

    Args:
        edits: pictures of one size, inverted with `options.steps` steps; the same inversion may serve many edits.
    """
    schedule, context = diffusion.schedule(options.steps), _contexts(diffusion, edits, options)
    latents = torch.cat([item.inversion.noise for item in edits])
    parts = context.split(diffusion.gradient_rows or len(context))
    carried = 0 if options.carried_row == "source" else 1
    with record_cross_attention(diffusion.unet) as recorded:
        reference, owners = _reference(diffusion, recorded, edits, options)
        for done, timestep in enumerate(schedule.timesteps, 1):
            rows = latents.repeat(ROWS_PER_EDIT, 1, 1, 1)
            if done <= options.guided_steps:
                maps = [layer[owners] for layer in reference.maps]
                rows = guide(diffusion, recorded, rows, timestep, parts, maps, options.cross_attention_guidance)
            unedited, edited = reference.predict_beside(rows, timestep, context).chunk(ROWS_PER_EDIT)
            noise = unedited + options.guidance_scale * (edited - unedited)
            levels = schedule.level(timestep), schedule.level(timestep - schedule.stride)
            latents = ddim_step(rows.chunk(ROWS_PER_EDIT)[carried], noise, *levels)
            progress("edit", done, options.steps)
    unedited = reference.latents[owners].expand_as(latents)
    return [EditedLatents(*pair) for pair in zip(latents.split(1), unedited.split(1), strict=True)]


def _contexts(diffusion: LatentDiffusion, edits: Sequence[GuidedEdit], options: EditOptions) -> Tensor:
    """Embeddings [2 edits, tokens, width] in the UNet's precision."""
    captions = diffusion.embed([item.inversion.caption for item in edits])
    directions = torch.cat([item.direction for item in edits]).to(captions)
    return torch.cat([captions, captions + options.direction_scale * directions]).to(diffusion.dtype)


def _reference(
    diffusion: LatentDiffusion, recorded: CrossAttentionMaps, edits: Sequence[GuidedEdit], options: EditOptions
) -> tuple[Reference, list[int] | slice]:
    """The reference of all pictures, ready for the first step, and for each edit the number of its picture; of just one
    picture a slice, so that its maps serve all edits without a copy."""
    inversions = list({id(item.inversion): item.inversion for item in edits}.values())
    places = {id(inversion): place for place, inversion in enumerate(inversions)}
    owners = [places[id(item.inversion)] for item in edits] if len(inversions) > 1 else slice(None)
    kept = {id(item.inversion): item.reference for item in edits if item.reference is not None}
    if len(kept) == len(inversions):
        for reconstruction in kept.values():
            if len(reconstruction.maps) != options.steps:
                raise ValueError(f"maps of {len(reconstruction.maps)} steps cannot guide an edit of {options.steps}")
        return KeptReference(diffusion, recorded, [kept[id(inversion)] for inversion in inversions]), owners
    running = RunningReference(diffusion, recorded, inversions, options.steps, steps_with_maps=options.guided_steps)
    running.advance()
    return running, owners


def guide(
    diffusion: LatentDiffusion,
    recorded: CrossAttentionMaps,
    rows: Tensor,
    timestep: int,
    contexts: Sequence[Tensor],
    reference: Sequence[Tensor],
    amount: float,
) -> Tensor:
    """One gradient step of size `amount` on latents [rows, channels, h, w] towards the reference maps.

    Nothing is computed behind the last map, and no gradient for any weight. Rows that share one tensor of `contexts`
    share a pass.
    """
    recorded.rows, recorded.nothing_else = ALL_ROWS, True
    moved: list[Tensor] = []
    numbers = torch.arange(len(rows)).split([len(context) for context in contexts])
    for context, part in zip(contexts, numbers, strict=True):
        with torch.enable_grad():
            variable = rows[part].requires_grad_()
            with suppress(LastMapSeen):
                diffusion.predict_noise(variable, timestep, context)
            theirs = reference if len(contexts) == 1 else [layer[part % len(layer)] for layer in reference]
            (gradient,) = torch.autograd.grad(attention_distance(recorded.take(), theirs), variable)
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
