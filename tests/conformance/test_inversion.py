"""DDIM inversion and its noise regularisation against closed forms, plain loops and diffusers."""

from __future__ import annotations

import random
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from itertools import pairwise
from typing import Any, cast

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from pix2pix_onthefly.backbones.attention import CrossAttentionMaps
from pix2pix_onthefly.backbones.backbone import Backbone
from pix2pix_onthefly.backbones.schedule import Schedule, ddim_step
from pix2pix_onthefly.backbones.stable_diffusion import LatentDiffusion
from pix2pix_onthefly.inversions.ddim import invert
from pix2pix_onthefly.inversions.regularisation import (
    auto_correlation,
    auto_correlation_gradient,
    divergence,
    divergence_gradient,
    draw_shifts,
    regularise,
)
from pix2pix_onthefly.options import AttentionOptions, EditOptions, InversionOptions
from pix2pix_onthefly.records import Conditioning
from tests.helpers import CAPTION, difference, random_latents, report, sd_scheduler, worst

STRIDE = 10
STEPS = 1000 // STRIDE


class StubDiffusion:
    """A noise model given as a formula, in place of the networks."""

    weights = ""
    dtype = torch.float32

    def __init__(self, noise: Callable[[Tensor, int], Tensor]) -> None:
        self.noise = noise
        self.asked: list[int] = []

    def path(self, steps: int, cells: tuple[int, int] | None = None) -> Schedule:
        return Schedule.of(sd_scheduler(), steps)

    def condition(self, texts: Sequence[str]) -> Conditioning:
        assert list(texts) == [CAPTION]
        return Conditioning(torch.zeros(1, 1, 1))

    @contextmanager
    def recording(self) -> Generator[CrossAttentionMaps]:
        yield CrossAttentionMaps(0)

    def predict(self, latents: Tensor, timestep: int, conditioning: Conditioning) -> Tensor:
        self.asked.append(timestep)
        return self.noise(latents, timestep)

    def as_diffusion(self) -> Backbone:
        return cast(Backbone, self)


def signal_levels() -> NDArray[np.float64]:
    """Alpha-bar of Stable Diffusion's scaled-linear schedule, from its formula."""
    betas = np.linspace(0.00085**0.5, 0.012**0.5, 1000) ** 2
    return np.cumprod(1 - betas)


def level_pairs(kind: str) -> list[tuple[int, int]]:
    """Timesteps whose levels each inversion step goes between, for 100 steps (method reference, section 1).

    The aligned regime undoes the sampler's steps, the first of which starts at the final level, that of timestep 0.
    """
    ascending = range(1, 1000, STRIDE)
    if kind == "aligned":
        return list(pairwise([0, *ascending]))
    return [(t - 1, t + STRIDE - 1) for t in ascending[1:-1]]


def closed_form(constants: Tensor, kind: str) -> Tensor:
    """What latents of one are multiplied by where the noise is `constants` times the latents."""
    levels = signal_levels()
    total = torch.ones_like(constants, dtype=torch.float64)
    for start, end in level_pairs(kind):
        now, then = float(levels[start]), float(levels[end])
        clean = (1 - (1 - now) ** 0.5 * constants.double()) / now**0.5
        total *= then**0.5 * clean + (1 - then) ** 0.5 * constants.double()
    return total


@pytest.mark.parametrize(("kind", "calls"), [("aligned", STEPS), ("reference", STEPS - 2)])
def test_linear_noise_model_has_a_closed_form(kind: str, calls: int) -> None:
    """Inverted latents against the product of the steps' factors in float64, within 1e-5 of the largest value; N calls
    of the network in the aligned regime, N - 2 in pix2pix-zero's, each asked at the timesteps of sampling."""
    latents = random_latents(8, 8)
    constants = torch.linspace(0.1, 0.9, latents.numel()).view_as(latents)
    model = StubDiffusion(lambda z, timestep: constants * z)
    inversion = invert(
        model.as_diffusion(), latents, CAPTION, EditOptions.of(AttentionOptions(), steps=STEPS, inversion=kind)
    )
    expected = closed_form(constants, kind) * latents
    report(f"{kind} inversion against the closed form", difference(inversion.noise, expected))
    assert difference(inversion.noise, expected) < 1e-5
    ascending = list(range(1, 1000, STRIDE))
    assert model.asked == (ascending if kind == "aligned" else ascending[1:-1])
    assert len(inversion.trajectory) == calls + 1
    assert inversion.trajectory[0] is latents


def test_reference_levels() -> None:
    """For 100 steps the reference takes the picture to be at level 10 and ends at level 990."""
    pairs = level_pairs("reference")
    assert (pairs[0][0], pairs[-1][1]) == (10, 990)
    assert all(earlier[1] == later[0] for earlier, later in pairwise(pairs))


def fixed_noise(latents: Tensor, timestep: int) -> Tensor:
    """Depends on the timestep alone."""
    return torch.randn(latents.shape, generator=torch.Generator().manual_seed(timestep))


def sampled(noise: Tensor, steps: int) -> Tensor:
    """Back to the picture with the noise predictions of `fixed_noise` and diffusers' own sampler."""
    scheduler = sd_scheduler()
    scheduler.set_timesteps(steps)
    for timestep in scheduler.timesteps.tolist():
        noise = cast(Any, scheduler.step(fixed_noise(noise, timestep), timestep, noise)).prev_sample
    return noise


@pytest.mark.parametrize("steps", [100, 50, 7])
def test_round_trip(steps: int) -> None:
    """Aligned inversion, then diffusers' sampler: the latents come back within 1e-4 where the noise prediction does
    not depend on them. pix2pix-zero's own inversion leaves more than 1 %."""
    latents, model = random_latents(8, 8), StubDiffusion(fixed_noise).as_diffusion()
    aligned = invert(model, latents, CAPTION, EditOptions.of(AttentionOptions(), steps=steps))
    reference = invert(model, latents, CAPTION, EditOptions.of(AttentionOptions(), steps=steps, inversion="reference"))
    report(f"round trip of {steps} steps", difference(sampled(aligned.noise, steps), latents))
    assert difference(sampled(aligned.noise, steps), latents) < 1e-4
    assert difference(sampled(reference.noise, steps), latents) > 1e-2


def test_network_round_trip(diffusion: LatentDiffusion) -> None:
    """With the tiny UNet, the aligned inversion's trajectory consists of exact DDIM moves: each latent is had from the
    one before by `ddim_step` with the UNet's noise, within 1e-5."""
    options = EditOptions.of(AttentionOptions(), steps=5)
    path = invert(diffusion, random_latents(), CAPTION, options).trajectory
    schedule, context, expected = diffusion.schedule(5), diffusion.embed([CAPTION]), list[Tensor]()
    levels = [schedule.final_signal, *(schedule.signal[t] for t in schedule.timesteps[::-1])]
    with torch.no_grad():
        for index, timestep in enumerate(schedule.timesteps[::-1]):
            noise = diffusion.predict_noise(path[index], timestep, context)
            expected.append(ddim_step(path[index], noise, levels[index], levels[index + 1]))
    assert worst(path[1:], expected) < 1e-5


def test_timesteps_of_a_hundred_steps() -> None:
    """991, 981, ..., 1; the levels equal the schedule's formula within 1e-5."""
    schedule = Schedule.of(sd_scheduler(), STEPS)
    assert schedule.timesteps == tuple(range(991, 0, -STRIDE))
    assert schedule.stride == STRIDE
    assert schedule.final_signal == schedule.signal[0]
    assert np.abs(np.array(schedule.signal) / signal_levels() - 1).max() < 1e-5


@pytest.mark.parametrize("steps", [100, 50, 7])
def test_ddim_step_equals_diffusers(steps: int) -> None:
    """`ddim_step` against `DDIMScheduler.step` at every step, the last included, from the same latents and noise:
    within 1e-5."""
    schedule, scheduler = Schedule.of(sd_scheduler(), steps), sd_scheduler()
    scheduler.set_timesteps(steps)
    latents, ours, theirs = random_latents(8, 8), list[Tensor](), list[Tensor]()
    for timestep in schedule.timesteps:
        noise = fixed_noise(latents, timestep)
        next_level = schedule.level(timestep - schedule.stride)
        ours.append(ddim_step(latents, noise, schedule.level(timestep), next_level))
        theirs.append(cast(Any, scheduler.step(noise, timestep, latents)).prev_sample)
    report(f"{steps} DDIM steps", worst(ours, theirs))
    assert worst(ours, theirs) < 1e-5


# Regularisation


def plain_auto_correlation(noise: Tensor, shifts: list[list[int]]) -> Tensor:
    """The method reference's formula, one channel at a time."""
    total = torch.zeros((), dtype=noise.dtype)
    for channel in range(noise.shape[1]):
        plane = noise[:, channel : channel + 1]
        for scale, by_channel in enumerate(shifts):
            if scale:
                plane = functional.avg_pool2d(plane, 2)
            for axis in (2, 3):
                total = total + (plane * torch.roll(plane, by_channel[channel], axis)).mean() ** 2
    return total


def plain_divergence(noise: Tensor) -> Tensor:
    """The method reference's formula with the mean and the unbiased variance written out."""
    mean = noise.sum() / noise.numel()
    variance = (noise - mean).pow(2).sum() / (noise.numel() - 1)
    return variance + mean**2 - 1 - torch.log(variance + 1e-7)


def gradient(loss: Callable[[Tensor], Tensor], noise: Tensor) -> Tensor:
    variable = noise.clone().requires_grad_()
    return torch.autograd.grad(loss(variable), variable)[0]


def finite_differences(loss: Callable[[Tensor], Tensor], noise: Tensor, gradient: Tensor, step: float = 1e-5) -> float:
    """Worst difference between central differences in 24 coordinates and a gradient, relative to its largest value."""
    places = random.Random(0).sample(range(noise.numel()), 24)
    found = torch.empty(len(places), dtype=noise.dtype)
    for index, place in enumerate(places):
        moved = torch.zeros_like(noise)
        moved.view(-1)[place] = step
        found[index] = (loss(noise + moved) - loss(noise - moved)) / (2 * step)
    return float((found - gradient.flatten()[places]).abs().max() / gradient.abs().max())


def correlated(height: int, width: int) -> Tensor:
    """Smooth float64 noise of mean 0.3, so that both losses have something to do."""
    noise = functional.avg_pool2d(random_latents(height, width).double(), 3, stride=1, padding=1)
    return noise * 2 + 0.3


SHAPES = [(16, 16), (12, 12), (9, 20), (16, 8)]


@pytest.mark.parametrize(("height", "width"), SHAPES)
def test_auto_correlation_gradient(height: int, width: int) -> None:
    """Value and gradient against a loop with torch.roll within 1e-10, and the gradient against finite differences
    within 1e-6, all in float64."""
    noise = correlated(height, width)
    shifts = draw_shifts(noise, random.Random(3))
    ours = gradient(lambda x: auto_correlation(x, shifts), noise)
    plain = gradient(lambda x: plain_auto_correlation(x, shifts), noise)
    numeric = finite_differences(lambda x: auto_correlation(x, shifts), noise, ours)
    report(f"auto-correlation gradient {height}x{width}, loop", difference(ours, plain))
    report(f"auto-correlation gradient {height}x{width}, finite differences", numeric)
    assert torch.isclose(auto_correlation(noise, shifts), plain_auto_correlation(noise, shifts), rtol=1e-10)
    assert difference(auto_correlation_gradient(noise, shifts), plain) < 1e-10
    assert difference(ours, plain) < 1e-10
    assert numeric < 1e-6


def test_divergence_gradient() -> None:
    """Value and gradient against the written-out formula within 1e-10 and against finite differences within 1e-6."""
    noise = correlated(8, 8)
    ours = gradient(divergence, noise)
    numeric = finite_differences(divergence, noise, ours)
    report("divergence gradient, finite differences", numeric)
    assert torch.isclose(divergence(noise), plain_divergence(noise), rtol=1e-10)
    assert difference(ours, gradient(plain_divergence, noise)) < 1e-10
    assert difference(divergence_gradient(noise), ours) < 1e-10
    assert numeric < 1e-6


def plain_regularise(noise: Tensor, options: InversionOptions, rng: random.Random) -> Tensor:
    """Section 1 of the method reference, loop by loop."""
    rolls = options.auto_correlation_rolls
    for _ in range(options.regularisation_rounds):
        for _ in range(rolls):
            shifts = draw_shifts(noise, rng)
            step = gradient(lambda x, s=shifts: plain_auto_correlation(x, s), noise)
            noise = noise - options.auto_correlation_weight / rolls * step
        noise = noise - options.kl_weight * gradient(plain_divergence, noise)
    return noise


def test_regularise_equals_plain_loops() -> None:
    """Five rounds at pix2pix-zero's weights against loops, from the same shifts, in float64: within 1e-9."""
    noise, options = correlated(16, 16), InversionOptions(regularisation_rounds=5)
    found = regularise(noise, options, random.Random(5))
    expected = plain_regularise(noise, options, random.Random(5))
    report("regularisation of five rounds", difference(found, expected))
    assert difference(found, expected) < 1e-9
    assert difference(found, noise) > 1e-2


def test_regularise_lowers_both_losses() -> None:
    """Fifty rounds bring mean and variance closer to 0 and 1, and lower the auto-correlation at shift 1."""
    noise = correlated(16, 16)
    found = regularise(noise, InversionOptions(regularisation_rounds=50), random.Random(0))
    ones = [[1] * noise.shape[1]] * 2
    assert divergence(found) < divergence(noise)
    assert auto_correlation(found, ones) < auto_correlation(noise, ones)


def test_regularise_without_rounds_changes_nothing() -> None:
    """No round, or rounds with both weights 0: the very same values."""
    noise = random_latents()
    silent = InversionOptions(regularisation_rounds=2, kl_weight=0.0, auto_correlation_weight=0.0)
    assert regularise(noise, InversionOptions(), random.Random(0)) is noise
    assert torch.equal(regularise(noise, silent, random.Random(0)), noise)


@pytest.mark.parametrize(("side", "sides"), [(64, [64, 32, 16, 8]), (12, [12, 6]), (16, [16, 8]), (8, [8]), (4, [4])])
def test_shifts_fit_the_pyramid(side: int, sides: list[int]) -> None:
    """One shift a channel and scale, from 1 to half the side less one; over 300 draws each of them occurs and 0 never
    does."""
    rng, noise = random.Random(0), torch.zeros(1, 4, side, side)
    draws = [draw_shifts(noise, rng) for _ in range(300)]
    assert all([len(by_channel) for by_channel in draw] == [4] * len(sides) for draw in draws)
    for scale, scale_side in enumerate(sides):
        seen = {shift for draw in draws for shift in draw[scale]}
        assert seen == set(range(1, max(2, scale_side // 2)))


@pytest.mark.parametrize(("height", "width"), [(8, 64), (64, 8), (4, 64), (12, 24), (24, 12)])
def test_shifts_of_oblong_latents(height: int, width: int) -> None:
    """No shift rolls a plane onto itself along either axis, and the pyramid ends before a side is used up."""
    noise, rng = random_latents(height, width), random.Random(0)
    for _ in range(50):
        shifts = draw_shifts(noise, rng)
        assert torch.isfinite(auto_correlation(noise, shifts))
        for scale, by_channel in enumerate(shifts):
            assert all(shift % (side >> scale) for shift in by_channel for side in (height, width))


# Against diffusers' own losses


def their_pipeline_class() -> Any:
    module = pytest.importorskip(
        "diffusers.pipelines.deprecated.stable_diffusion_variants.pipeline_stable_diffusion_pix2pix_zero"
    )
    return module.StableDiffusionPix2PixZeroPipeline


@pytest.mark.parametrize("side", [64, 16, 12])
def test_auto_correlation_equals_diffusers(monkeypatch: pytest.MonkeyPatch, side: int) -> None:
    """`auto_corr_loss` with its random shifts replaced by ours: value and gradient within 1e-10 in float64.

    It draws channel by channel where ours goes scale by scale, may draw 0 where ours may not, and sums over rows where
    ours averages; one row is compared, so only the shifts matter.
    """
    noise = correlated(side, side)
    shifts = draw_shifts(noise, random.Random(1))
    theirs = their_pipeline_class()

    def loss(x: Tensor) -> Tensor:
        queue = iter([by_channel[channel] for channel in range(x.shape[1]) for by_channel in shifts])
        monkeypatch.setattr(torch, "randint", lambda *_, **__: torch.tensor([next(queue)]))
        total = theirs.auto_corr_loss(None, x)
        assert next(queue, None) is None
        return total

    found = gradient(lambda x: auto_correlation(x, shifts), noise)
    expected = gradient(loss, noise)
    report(f"auto-correlation, diffusers, side {side}", difference(found, expected))
    assert torch.isclose(auto_correlation(noise, shifts), loss(noise), rtol=1e-10)
    assert difference(found, expected) < 1e-10


def test_divergence_equals_diffusers() -> None:
    """`kl_divergence`: value and gradient within 1e-10 in float64."""
    noise, theirs = correlated(16, 16), their_pipeline_class()
    assert torch.isclose(divergence(noise), theirs.kl_divergence(None, noise), rtol=1e-10)
    assert difference(gradient(divergence, noise), gradient(lambda x: theirs.kl_divergence(None, x), noise)) < 1e-10
