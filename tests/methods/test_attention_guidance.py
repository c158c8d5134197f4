"""The guided edit: one gradient step, its settings, and what it leaves behind."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
import torch
from torch import Tensor

from pix2pix_onthefly.backbones.attention import record_cross_attention
from pix2pix_onthefly.backbones.schedule import ddim_step
from pix2pix_onthefly.backbones.stable_diffusion import LatentDiffusion
from pix2pix_onthefly.methods import attention_guidance
from pix2pix_onthefly.options import AttentionOptions, EditOptions
from pix2pix_onthefly.records import Conditioning
from tests.helpers import (
    CAPTION,
    difference,
    edited,
    guided,
    guided_edits,
    inversion_of,
    random_latents,
    record_returns,
    report,
)

STEPS = 3
OPTIONS = EditOptions.of(AttentionOptions(), steps=STEPS)


@torch.no_grad()
def maps_of(diffusion: LatentDiffusion, rows: Tensor, timestep: int, context: Tensor) -> tuple[Tensor, ...]:
    with record_cross_attention(diffusion.unet) as recorded:
        diffusion.predict_noise(rows, timestep, context)
    return recorded.take()


def guided_rows(
    diffusion: LatentDiffusion,
    rows: Tensor,
    timestep: int,
    context: Tensor,
    reference: Sequence[Tensor],
    amount: float,
    at_once: int = 2,
) -> Tensor:
    with record_cross_attention(diffusion.unet) as recorded:
        parts = Conditioning(context).split(at_once)
        return attention_guidance.guide(diffusion, recorded, rows, timestep, parts, reference, amount)


def test_a_small_step_brings_the_maps_closer(diffusion: LatentDiffusion, direction: Tensor) -> None:
    """The distance to the reference maps falls, for a small amount by the squared gradient times the amount (the first
    term of its Taylor series) within 5 %."""
    amount, timestep, rows = 1e-3, 501, random_latents().repeat(2, 1, 1, 1)
    caption = diffusion.embed([CAPTION])
    context = torch.cat([caption, caption + direction])
    reference = maps_of(diffusion, random_latents(seed=2), timestep, caption)
    moved = guided_rows(diffusion, rows, timestep, context, reference, amount)
    before = attention_guidance.attention_distance(maps_of(diffusion, rows, timestep, context), reference)
    after = attention_guidance.attention_distance(maps_of(diffusion, moved, timestep, context), reference)
    gradient = (rows - moved) / amount
    predicted = float(amount * gradient.square().sum())
    report("fall of the attention distance against Taylor's", abs(float(before - after) / predicted - 1))
    assert after < before
    assert float(before - after) == pytest.approx(predicted, rel=0.05)


def test_attention_distance_by_hand() -> None:
    """Two layers of two rows and two heads against loops: summed over positions, tokens and layers, averaged over rows
    and heads; a reference of one row serves both rows. Within 1e-6. Two equal edits count twice."""
    generator = torch.Generator().manual_seed(0)
    maps = [torch.rand(2, 2, positions, 5, generator=generator) for positions in (4, 9)]
    reference = [torch.rand(1, 2, positions, 5, generator=generator) for positions in (4, 9)]
    expected = 0.0
    for now, then in zip(maps, reference, strict=True):
        for row in range(2):
            for head in range(2):
                expected += float(((now[row, head] - then[0, head]) ** 2).sum()) / 4
    assert float(attention_guidance.attention_distance(maps, reference)) == pytest.approx(expected, rel=1e-6)
    assert attention_guidance.attention_distance(maps, maps) == 0
    twice = [layer.repeat(2, 1, 1, 1) for layer in maps]
    assert float(attention_guidance.attention_distance(twice, reference)) == pytest.approx(2 * expected, rel=1e-6)
    with pytest.raises(ValueError, match="zip"):
        attention_guidance.attention_distance(maps, reference[:1])


def test_equal_maps_leave_the_latents(diffusion: LatentDiffusion) -> None:
    """A row whose maps are the reference's own has no gradient: it stays within 1e-6 of where it was."""
    rows = random_latents().repeat(2, 1, 1, 1)
    caption = diffusion.embed([CAPTION])
    reference = maps_of(diffusion, rows[:1], 501, caption)
    moved = guided_rows(diffusion, rows, 501, caption.repeat(2, 1, 1), reference, 0.15)
    assert difference(moved, rows) < 1e-6


def test_first_step_moves_the_edit_row_only(diffusion: LatentDiffusion, direction: Tensor) -> None:
    """At the first step the caption's row equals the reference pass and is not moved, within 1e-6; the edit row is."""
    noise = random_latents()
    caption = diffusion.embed([CAPTION])
    rows, context = torch.cat([noise, noise]), torch.cat([caption, caption + direction])
    timestep = diffusion.schedule(STEPS).timesteps[0]
    moved = guided_rows(diffusion, rows, timestep, context, maps_of(diffusion, noise, timestep, caption), 0.15)
    assert difference(moved[:1], noise) < 1e-6
    assert difference(moved[1:], noise) > 1e-4


def test_carried_row(diffusion: LatentDiffusion, direction: Tensor) -> None:
    """`source` and `edit` differ with guidance, and are one and the same without it."""
    noise, edit_row = random_latents(), OPTIONS.with_changes(carried_row="edit")
    assert (
        difference(edited(diffusion, noise, direction, edit_row), edited(diffusion, noise, direction, OPTIONS)) > 1e-3
    )
    off = {"cross_attention_guidance": 0.0}
    plain = edited(diffusion, noise, direction, OPTIONS.with_changes(**off))
    assert torch.equal(edited(diffusion, noise, direction, edit_row.with_changes(**off)), plain)


@pytest.mark.parametrize("amount", [0.15, 0.0])
def test_unet_rows(
    monkeypatch: pytest.MonkeyPatch, diffusion: LatentDiffusion, direction: Tensor, amount: float
) -> None:
    """The reference pass goes a step ahead and shares the second prediction: one row first, then at each step three
    rows, at the last two. Predictions made for their gradient end at the last map and return nothing."""
    predicted = record_returns(monkeypatch, diffusion, "predict_noise")
    options = OPTIONS.with_changes(cross_attention_guidance=amount)
    edited(diffusion, random_latents(), direction, options)
    assert [len(noise) for noise in predicted] == [1, *([3] * (STEPS - 1)), 2]


def test_guided_share(monkeypatch: pytest.MonkeyPatch, diffusion: LatentDiffusion, direction: Tensor) -> None:
    """The share counts from the noisiest step: two of three here, none with 0, which equals guidance of amount 0."""
    moved = record_returns(monkeypatch, attention_guidance, "guide")
    noise = random_latents()
    whole = edited(diffusion, noise, direction, OPTIONS)
    part = edited(diffusion, noise, direction, OPTIONS.with_changes(guided_share=0.6))
    assert len(moved) == STEPS + 2
    none = edited(diffusion, noise, direction, OPTIONS.with_changes(guided_share=0.0))
    assert len(moved) == STEPS + 2
    assert torch.equal(none, edited(diffusion, noise, direction, OPTIONS.with_changes(cross_attention_guidance=0.0)))
    assert difference(part, whole) > 1e-4
    assert difference(part, none) > 1e-4


def test_guidance_scale_one_uses_the_edit_alone(diffusion: LatentDiffusion, direction: Tensor) -> None:
    """Scale 1 without gradient equals generation from the moved caption in one row, within 1e-4: the edit is not
    silently lost, as it is in the published code."""
    noise, options = random_latents(), OPTIONS.with_changes(guidance_scale=1.0, cross_attention_guidance=0.0)
    schedule, latents = diffusion.schedule(STEPS), noise
    context = diffusion.embed([CAPTION]) + direction
    with torch.no_grad():
        for timestep in schedule.timesteps:
            predicted = diffusion.predict_noise(latents, timestep, context)
            levels = schedule.level(timestep), schedule.level(timestep - schedule.stride)
            latents = ddim_step(latents, predicted, *levels)
    assert difference(edited(diffusion, noise, direction, options), latents) < 1e-4


def test_same_inputs_give_identical_latents(diffusion: LatentDiffusion, direction: Tensor) -> None:
    """Twice the same edit: bit-equal, whatever was drawn from torch's random numbers in between."""
    first = edited(diffusion, random_latents(), direction, OPTIONS)
    torch.rand(3)
    assert torch.equal(edited(diffusion, random_latents(), direction, OPTIONS), first)


def test_nothing_is_left_behind(diffusion: LatentDiffusion, direction: Tensor) -> None:
    """No weight changes or collects a gradient, the inputs stay as they were, and the result is free of graphs."""
    noise, networks = random_latents(), (diffusion.unet, diffusion.text_encoder, diffusion.vae)
    held = {name: value.clone() for name, value in diffusion.unet.state_dict().items()}
    given = noise.clone(), direction.clone()
    result = edited(diffusion, noise, direction, OPTIONS)
    assert not result.requires_grad
    assert torch.equal(noise, given[0])
    assert torch.equal(direction, given[1])
    assert all(torch.equal(value, held[name]) for name, value in diffusion.unet.state_dict().items())
    for network in networks:
        assert all(weight.grad is None and not weight.requires_grad for weight in network.parameters())


def test_fewer_rows_at_once_change_nothing(diffusion: LatentDiffusion, direction: Tensor) -> None:
    """Differentiating one row at a time saves memory; the result is the same within 1e-5."""
    rows, caption = torch.cat([random_latents(), random_latents(seed=3)]), diffusion.embed([CAPTION])
    context, reference = (
        torch.cat([caption, caption + direction]),
        maps_of(diffusion, random_latents(seed=2), 501, caption),
    )
    together = guided_rows(diffusion, rows, 501, context, reference, 10.0)
    assert difference(together, rows) > 1e-2
    assert difference(guided_rows(diffusion, rows, 501, context, reference, 10.0, at_once=1), together) < 1e-5


def test_a_batch_makes_what_each_edit_makes_alone(diffusion: LatentDiffusion, direction: Tensor) -> None:
    """Two edits of one picture and one of another, in one batch, on three rows of gradient at once: each within 1e-4 of
    itself alone, edit and unedited regeneration."""
    one, other = inversion_of(random_latents(), STEPS), inversion_of(random_latents(seed=5), STEPS)
    edits = [guided(one, direction), guided(other, direction), guided(one, -direction)]
    together = guided_edits(diffusion, edits, OPTIONS)
    diffusion.gradient_rows = 3
    split = guided_edits(diffusion, edits, OPTIONS)
    diffusion.gradient_rows = None
    for item, made, same in zip(edits, together, split, strict=True):
        (alone,) = guided_edits(diffusion, [item], OPTIONS)
        assert difference(made.edited, alone.edited) < 1e-4
        assert difference(same.edited, alone.edited) < 1e-4
        assert difference(made.unedited, alone.unedited) < 1e-4
    assert difference(together[0].edited, together[2].edited) > 1e-2


def test_progress_is_told(diffusion: LatentDiffusion, direction: Tensor) -> None:
    """Each step once."""
    told: list[tuple[str, int, int]] = []

    def tell(stage: str, done: int, total: int) -> None:
        told.append((stage, done, total))

    guided_edits(diffusion, [guided(inversion_of(random_latents(), STEPS), direction)], OPTIONS, tell)
    assert told == [("edit", done, STEPS) for done in range(1, STEPS + 1)]
