"""The path of flow matching, and what a backbone that predicts flows refuses."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest
import torch
from diffusers import FlowMatchEulerDiscreteScheduler
from diffusers.pipelines.flux2.pipeline_flux2_klein import compute_empirical_mu

from pix2pix_onthefly.backbones.flow_path import FlowPath
from pix2pix_onthefly.backbones.flux import packed, places, unpacked
from pix2pix_onthefly.errors import OptionError
from pix2pix_onthefly.methods.flow_steps import noise_of
from tests.helpers import CAPTION, difference
from tests.tiny_backbones import BUILDERS, tiny_flux

SHIFTED = FlowMatchEulerDiscreteScheduler(shift=3.0)


@pytest.fixture(scope="module")
def path() -> FlowPath:
    return FlowPath.of(SHIFTED, 7, tokens=16)


def some(seed: int) -> torch.Tensor:
    return torch.randn(2, 16, 4, 6, generator=torch.Generator().manual_seed(seed))


def test_timesteps_fall_from_pure_noise_and_the_last_step_ends_at_the_picture(path: FlowPath) -> None:
    assert path.timesteps[0] == 1000
    assert all(later < earlier for earlier, later in pairwise(path.timesteps))
    assert path.levels[-1] == 0
    assert len(path.levels) == len(path.timesteps) + 1


def test_the_true_velocity_leads_from_every_level_to_the_next(path: FlowPath) -> None:
    """Within 1e-6."""
    clean, noise = some(0), some(1)
    for now, following in pairwise(path.timesteps):
        moved = path.denoise(path.noised(clean, noise, now), noise - clean, now)
        assert difference(moved, path.noised(clean, noise, following)) < 1e-6
    last = path.timesteps[-1]
    assert difference(path.denoise(path.noised(clean, noise, last), noise - clean, last), clean) < 1e-5


def test_the_true_velocity_implies_the_clean_picture(path: FlowPath) -> None:
    clean, noise = some(0), some(1)
    for timestep in path.timesteps:
        assert difference(path.clean(path.noised(clean, noise, timestep), noise - clean, timestep), clean) < 1e-5


def test_steps_equal_those_of_the_scheduler(path: FlowPath) -> None:
    own: Any = FlowMatchEulerDiscreteScheduler(shift=3.0)
    own.set_timesteps(7)
    latents, velocity = some(0), some(1)
    for timestep, theirs in zip(path.timesteps, own.timesteps, strict=True):
        (expected,) = own.step(velocity, theirs, latents, return_dict=False)
        assert difference(path.denoise(latents, velocity, timestep), expected) < 1e-6


def test_a_shift_is_what_two_steps_differ_by(path: FlowPath) -> None:
    latents, one, other = some(0), some(1), some(2)
    timestep = path.timesteps[3]
    apart = path.denoise(latents, one, timestep) - path.denoise(latents, other, timestep)
    assert difference(path.shift(one - other, timestep), apart) < 1e-5


def test_larger_pictures_have_more_noise_where_the_settings_say_so() -> None:
    dynamic = FlowMatchEulerDiscreteScheduler(use_dynamic_shifting=True)
    small, large = (FlowPath.of(dynamic, 4, tokens=tokens).levels for tokens in (256, 4096))
    assert all(more > less for less, more in zip(small[1:-1], large[1:-1], strict=True))
    assert FlowPath.of(SHIFTED, 4, tokens=256) == FlowPath.of(SHIFTED, 4, tokens=4096)


def test_levels_of_flux2_are_shifted_as_its_pipeline_does() -> None:
    dynamic: Any = FlowMatchEulerDiscreteScheduler(use_dynamic_shifting=True)
    for tokens, steps in ((64, 4), (4096, 4), (4096, 50), (5000, 20)):
        shift = compute_empirical_mu(tokens, steps)
        dynamic.set_timesteps(steps, mu=shift)
        found = FlowPath.of(dynamic, steps, tokens=tokens, shift=shift)
        assert found.levels == pytest.approx(dynamic.sigmas.tolist())


def test_there_are_no_random_steps(path: FlowPath) -> None:
    with pytest.raises(OptionError, match="without random steps; choose --method flow"):
        path.posterior(some(0), some(1), path.timesteps[0])


@pytest.mark.parametrize("layout", ["sd3", "flux", "flux2"])
def test_maps_and_odd_sides_are_refused_in_a_sentence(layout: str) -> None:
    backbone = BUILDERS[layout]()
    with pytest.raises(OptionError, match=r"no cross-attention maps.*--method sdedit"):
        backbone.recording()
    with pytest.raises(OptionError, match="multiples of 16 pixels"):
        backbone.predict(torch.zeros(1, 16, 8, 7), 500.0, backbone.condition([CAPTION]))


@pytest.mark.parametrize("layout", ["sd3", "flux", "flux2"])
def test_predictions_are_differentiable_and_rows_do_not_touch_each_other(layout: str) -> None:
    backbone = BUILDERS[layout]()
    latents = torch.cat([some(0)[:1], some(1)[:1]]).requires_grad_()
    texts = backbone.condition([CAPTION, "a dog"])
    together = backbone.predict(latents, torch.tensor([900.0, 300.0]), texts)
    alone = backbone.predict(latents[1:], 300.0, texts.split(1)[1])
    assert difference(together[1:].detach(), alone.detach()) < 1e-5
    (gradient,) = torch.autograd.grad(together[0].square().sum(), latents)
    assert float(gradient[0].abs().max()) > 0
    assert float(gradient[1].abs().max()) == 0


def test_packing_is_undone_and_names_the_place_of_each_patch() -> None:
    latents = torch.arange(4 * 6.0).view(1, 1, 4, 6)
    tokens = packed(latents)
    assert torch.equal(unpacked(tokens, 2, 3), latents)
    assert tokens[0, 4].tolist() == [14, 15, 20, 21]
    assert places(2, 3)[4].tolist() == [0, 1, 1]


def test_a_model_that_takes_more_than_a_picture_is_refused() -> None:
    """As FLUX.1 Fill and Canny, which take another picture beside the noise."""
    flux = tiny_flux()
    flux.transformer.register_to_config(in_channels=96)
    parts = flux.vae, flux.transformer, flux.text_encoder, flux.text_encoder_2, flux.tokenizer, flux.tokenizer_2
    with pytest.raises(OptionError, match="takes 24 channels and not the 16"):
        type(flux)(*parts, flux.scheduler)


def test_noise_of_timesteps_that_are_no_whole_numbers() -> None:
    """Each has its own; whole ones have what they always had."""
    latents = some(0)
    levels = FlowPath.of(SHIFTED, 999, tokens=16).timesteps
    drawn = {noise_of(latents, 0, timestep).flatten()[0].item() for timestep in levels}
    assert len(drawn) == len(levels)
    assert torch.equal(noise_of(latents, 3, 500), noise_of(latents, 3, 500))
    assert not torch.equal(noise_of(latents, 3, 500.25), noise_of(latents, 3, 500.5))
