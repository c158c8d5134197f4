"""The guided edit against `StableDiffusionPix2PixZeroPipeline` of diffusers, an implementation by other hands."""

from __future__ import annotations

import functools
from dataclasses import dataclass, field
from typing import Any

import pytest
import torch
from torch import Tensor

from pix2pix_onthefly.backbones.schedule import Schedule
from pix2pix_onthefly.backbones.stable_diffusion import LatentDiffusion
from pix2pix_onthefly.evaluation.rivals.diffusers_pix2pix_zero import DiffusersPix2PixZero, TheirShifts
from pix2pix_onthefly.inversions.ddim import invert
from pix2pix_onthefly.methods import reference
from pix2pix_onthefly.methods.direction import edit_direction
from pix2pix_onthefly.options import AttentionOptions, EditOptions
from tests.helpers import (
    AFTER,
    BEFORE,
    CAPTION,
    difference,
    edited,
    guided,
    guided_edits,
    inversion_of,
    random_latents,
    record_returns,
    report,
    tiny_diffusion,
    worst,
)

STEPS = 6
TOLERANCE = 1e-4
SETTINGS = [(5.0, 0.15), (7.5, 0.1)]
pytest.importorskip(
    "diffusers.pipelines.deprecated.stable_diffusion_variants.pipeline_stable_diffusion_pix2pix_zero",
    reason="this diffusers has no pix2pix-zero pipeline any more",
)


@dataclass
class Passes:
    """The latents after every step of the two passes."""

    reference: list[Tensor] = field(default_factory=list[Tensor])
    edit: list[Tensor] = field(default_factory=list[Tensor])
    final: Tensor = field(default_factory=lambda: torch.empty(0))


def options_of(scale: float, amount: float, **changes: Any) -> EditOptions:
    return EditOptions.of(
        AttentionOptions(), steps=STEPS, guidance_scale=scale, cross_attention_guidance=amount, **changes
    )


def their_passes(diffusion: LatentDiffusion, noise: Tensor, scale: float, amount: float) -> Passes:
    """Their callback sees the reference pass only, so the edit's latents are taken from their scheduler's steps."""
    pipeline, passes, stepped = DiffusersPix2PixZero(diffusion).pipeline, Passes(), list[Tensor]()
    scheduler_step = pipeline.scheduler.step

    @functools.wraps(scheduler_step)
    def step(*arguments: Any, **named: Any) -> Any:
        output = scheduler_step(*arguments, **named)
        stepped.append(output.prev_sample)
        return output

    pipeline.scheduler.step = step
    passes.final = pipeline(
        prompt=CAPTION,
        negative_prompt=CAPTION,
        source_embeds=diffusion.embed(BEFORE),
        target_embeds=diffusion.embed(AFTER),
        latents=noise,
        num_inference_steps=STEPS,
        guidance_scale=scale,
        cross_attention_guidance_amount=amount,
        output_type="latent",
        callback=lambda step, timestep, latents: passes.reference.append(latents),
    ).images
    passes.edit = stepped[STEPS:]
    return passes


def our_passes(
    monkeypatch: pytest.MonkeyPatch, diffusion: LatentDiffusion, noise: Tensor, options: EditOptions
) -> Passes:
    steps = record_returns(monkeypatch, Schedule, "denoise")
    final = edited(diffusion, noise, edit_direction(diffusion, BEFORE, AFTER).hidden, options)
    monkeypatch.undo()
    # The reference goes one step ahead: its first step alone, then by turns its next one and the edit's, last the
    # edit's alone.
    return Passes([steps[0], *steps[1 : 2 * STEPS - 2 : 2]], [*steps[2 : 2 * STEPS - 1 : 2], steps[-1]], final)


@pytest.mark.parametrize(("scale", "amount"), SETTINGS)
@pytest.mark.parametrize("shape", [(16, 16), (7, 12)], ids=["square", "oblong"])
def test_every_step_equals_theirs(
    monkeypatch: pytest.MonkeyPatch, diffusion: LatentDiffusion, scale: float, amount: float, shape: tuple[int, int]
) -> None:
    """Latents after each step of the reference pass (theirs has two equal rows) and of the edit: within 1e-4 of the
    largest value."""
    noise = random_latents(*shape)
    theirs = their_passes(diffusion, noise, scale, amount)
    ours = our_passes(monkeypatch, diffusion, noise, options_of(scale, amount))
    assert len(theirs.reference) == len(theirs.edit) == STEPS
    unedited, edit = worst(ours.reference, theirs.reference), worst(ours.edit, theirs.edit)
    report(f"reference pass, {scale}/{amount}", unedited)
    report(f"edit, {scale}/{amount}", edit)
    assert unedited < TOLERANCE
    assert edit < TOLERANCE
    assert difference(ours.final, theirs.final) < TOLERANCE


@pytest.mark.parametrize(("scale", "amount"), SETTINGS)
def test_the_comparison_is_not_vacuous(
    diffusion: LatentDiffusion, direction: Tensor, scale: float, amount: float
) -> None:
    """On these models the guidance gradient, the direction and the carried row each move the result by over 1 %, a
    hundred times the tolerance above."""
    noise = random_latents()
    guided = edited(diffusion, noise, direction, options_of(scale, amount))
    unguided = edited(diffusion, noise, direction, options_of(scale, 0.0))
    undirected = edited(diffusion, noise, torch.zeros_like(direction), options_of(scale, amount))
    other_row = edited(diffusion, noise, direction, options_of(scale, amount, carried_row="edit"))
    for name, other in (("guidance", unguided), ("direction", undirected), ("carried row", other_row)):
        report(f"effect of {name}, {scale}/{amount}", difference(other, guided))
        assert difference(other, guided) > 100 * TOLERANCE


def test_the_whole_edit_equals_theirs(diffusion: LatentDiffusion) -> None:
    """From a picture's latents: inversion with 5 rounds of noise regularisation and the same random shifts, then the
    edit; noise and result within 1e-4 of the largest value."""
    latents, theirs = random_latents() * 0.5, DiffusersPix2PixZero(diffusion)
    options = options_of(5.0, 0.15, regularisation_rounds=5)
    before, after = diffusion.embed(BEFORE), diffusion.embed(AFTER)
    their_noise = theirs.invert(latents, CAPTION, steps=STEPS)
    guidance_settings = {"guidance_scale": 5.0, "cross_attention_guidance": 0.15}
    their_edit = theirs.edit(
        their_noise, CAPTION, before, after, steps=STEPS, **guidance_settings, output_type="latent"
    )
    inversion = invert(diffusion, latents, CAPTION, options, draw=TheirShifts())
    (made,) = guided_edits(diffusion, [guided(inversion, edit_direction(diffusion, BEFORE, AFTER).hidden)], options)
    report("regularised inversion", difference(inversion.noise, their_noise))
    report("whole edit", difference(made.edited, their_edit))
    assert difference(inversion.noise, their_noise) < TOLERANCE
    assert difference(made.edited, their_edit) < TOLERANCE
    unregularised = invert(diffusion, latents, CAPTION, options_of(5.0, 0.15))
    assert difference(unregularised.noise, their_noise) > 100 * TOLERANCE


def test_maps_are_not_flat(diffusion: LatentDiffusion) -> None:
    """The largest attention of the tiny UNet is over ten times that of a flat map of 77 tokens."""
    kept = reference.keep_reference(diffusion, inversion_of(random_latents(), STEPS))
    assert kept is not None
    assert max(float(layer.max()) for layer in kept.maps[0]) > 10 / 77


def test_velocity_model_without_gradient_equals_theirs(monkeypatch: pytest.MonkeyPatch) -> None:
    """A v-prediction UNet with gradient amount 0: every step within 1e-4.

    With a gradient the two differ by design: theirs mixes the velocities of both rows and turns them into noise at the
    carried row's latents, ours turns each row's velocity into noise at that row's own latents.
    """
    diffusion, noise = tiny_diffusion(prediction_type="v_prediction"), random_latents()
    theirs = their_passes(diffusion, noise, 5.0, 0.0)
    ours = our_passes(monkeypatch, diffusion, noise, options_of(5.0, 0.0))
    report("v-prediction, no gradient", worst(ours.edit, theirs.edit))
    assert worst(ours.reference, theirs.reference) < TOLERANCE
    assert worst(ours.edit, theirs.edit) < TOLERANCE


def test_reference_pass_is_independent_of_guidance(monkeypatch: pytest.MonkeyPatch, diffusion: LatentDiffusion) -> None:
    """Their reference pass with scale 7.5 equals our single row within 1e-4: equal rows make guidance void."""
    noise = random_latents(seed=7)
    alone = reference.reconstruct(diffusion, [inversion_of(noise, STEPS)])
    theirs = their_passes(diffusion, noise, 7.5, 0.1)
    assert difference(alone, theirs.reference[-1]) < TOLERANCE
