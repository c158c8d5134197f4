"""Plain DDIM editing against diffusers' own sampler."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from diffusers import StableDiffusionPipeline

from pix2pix_onthefly.editor import Editor
from pix2pix_onthefly.evaluation.rivals.base import pipeline_of
from pix2pix_onthefly.pictures.fitting import psnr
from tests.helpers import AFTER, BEFORE, difference, networks_of, report
from tests.methods.cases import case_of, edited, job, quick

NEGATIVES = {"empty": "", "source": BEFORE[0]}


@pytest.mark.parametrize("negative", NEGATIVES)
@pytest.mark.parametrize("steps", [3, 10])
def test_it_is_diffusers_sampler_from_the_inverted_noise(editor: Editor, steps: int, negative: str) -> None:
    """The same latents within 1e-4 of the largest value."""
    options = quick(editor, "ddim", steps=steps, negative=negative)
    method, executor = editor.executor.method(options.method), editor.executor
    (draft,) = executor.prepared([executor.begun(job(options))], [method], lambda *_: None)
    assert draft.inverted is not None
    diffusion = networks_of(editor)
    pipeline: Any = pipeline_of(StableDiffusionPipeline, diffusion, diffusion.scheduler, image_encoder=None)
    theirs = pipeline(
        prompt=AFTER[0],
        negative_prompt=NEGATIVES[negative],
        latents=draft.inverted.noise,
        num_inference_steps=steps,
        guidance_scale=options.flat()["guidance_scale"],
        output_type="latent",
    ).images
    (ours,) = method.edit(diffusion, [case_of(diffusion, options, picture=draft.prepared())], options)
    assert isinstance(ours.made, torch.Tensor)
    report("ddim against diffusers", difference(ours.made, theirs))
    assert difference(ours.made, theirs) < 1e-4


def test_it_can_guide_away_from_the_source_caption(editor: Editor) -> None:
    """Which makes another picture; at guidance 0 it regenerates the picture."""
    pictures = {edited(editor, quick(editor, "ddim", negative=name)).image.tobytes() for name in NEGATIVES}
    assert len(pictures) == 2
    unguided = edited(editor, quick(editor, "ddim", negative="source", guidance_scale=0.0))
    reconstruction = edited(editor, quick(editor, "attention")).reconstruction
    assert reconstruction is not None
    assert psnr(unguided.image, reconstruction) > 50
