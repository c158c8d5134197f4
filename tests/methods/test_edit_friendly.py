"""Edit-friendly DDPM inversion, and the random step it goes by."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import torch
from diffusers import DDIMScheduler

from pix2pix_onthefly.backbones.schedule import Schedule
from pix2pix_onthefly.editor import Editor
from pix2pix_onthefly.records import EditCaptions
from tests.helpers import BEFORE, networks_of
from tests.methods.cases import case_of, quick


def test_the_same_caption_gives_the_picture_back(editor: Editor) -> None:
    backbone = networks_of(editor)
    options = quick(editor, "edit-friendly", steps=6, guidance_scale=1.0)
    case = case_of(backbone, options, captions=EditCaptions((BEFORE[0],), (BEFORE[0],), "given"))
    (result,) = editor.executor.method(options.method).edit(backbone, [case], options)
    assert isinstance(result.made, torch.Tensor)
    assert torch.allclose(result.made, case.latents, atol=1e-4)
    other = replace(case, captions=EditCaptions((BEFORE[0],), ("a blue dog",), "given"))
    (changed,) = editor.executor.method(options.method).edit(backbone, [other], options)
    assert isinstance(changed.made, torch.Tensor)
    assert not torch.allclose(changed.made, case.latents, atol=1e-2)


@pytest.mark.parametrize("place", [0, 4, 8])
def test_random_steps_are_those_of_diffusers(place: int) -> None:
    scheduler = DDIMScheduler(
        beta_start=0.00085, beta_end=0.012, beta_schedule="scaled_linear", clip_sample=False, set_alpha_to_one=False
    )
    scheduler.set_timesteps(10)
    path = Schedule.of(scheduler, 10)
    latents, prediction, noise = torch.randn(3, 1, 4, 8, 8, generator=torch.Generator().manual_seed(0)).unbind(0)
    timestep = path.timesteps[place]
    mean, deviation = path.posterior(latents, prediction, timestep)
    step: Any = scheduler.step(prediction, timestep, latents, eta=1.0, variance_noise=noise)
    assert torch.allclose(mean + deviation * noise, step.prev_sample, atol=1e-5)
