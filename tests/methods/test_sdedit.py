"""SDEdit against diffusers' image-to-image pipeline."""

from __future__ import annotations

from functools import cache
from typing import Any

import pytest
import torch
from diffusers import StableDiffusionImg2ImgPipeline
from diffusers.models.autoencoders.vae import DiagonalGaussianDistribution

from pix2pix_onthefly.editor import Editor
from pix2pix_onthefly.evaluation.rivals.base import pipeline_of
from pix2pix_onthefly.options import EditOptions
from pix2pix_onthefly.pictures import fitting
from pix2pix_onthefly.pictures.fitting import psnr
from pix2pix_onthefly.records import EditCaptions
from pix2pix_onthefly.world.renderer import render
from pix2pix_onthefly.world.scenes import Scene, SceneObject
from tests.helpers import AFTER, difference, networks_of, report
from tests.methods.cases import PICTURE, case_of, difference_in_levels, edited, quick

FOX = Scene("field", (SceneObject("fox", None, 0.5, 0.53, 0.62),))


@cache
def mini() -> Editor:
    """The bundled models; no test may change them."""
    return Editor.load("mini", device="cpu")


def theirs(editor: Editor, options: EditOptions, output_type: str) -> Any:
    diffusion, own = networks_of(editor), options.flat()
    pipeline: Any = pipeline_of(StableDiffusionImg2ImgPipeline, diffusion, diffusion.scheduler, image_encoder=None)
    return pipeline(
        prompt=AFTER[0],
        image=PICTURE,
        strength=own["strength"],
        num_inference_steps=options.steps,
        guidance_scale=own["guidance_scale"],
        generator=torch.Generator().manual_seed(options.seed),
        output_type=output_type,
    ).images


@pytest.fixture
def sampling_gives_the_mode(monkeypatch: pytest.MonkeyPatch) -> None:
    """Their pipeline samples the encoder's posterior: here it still draws, and takes the mode."""

    def sample(self: Any, generator: torch.Generator | None = None) -> torch.Tensor:
        torch.randn(self.mean.shape, generator=generator)
        return self.mode()

    monkeypatch.setattr(DiagonalGaussianDistribution, "sample", sample)


@pytest.mark.usefixtures("sampling_gives_the_mode")
@pytest.mark.parametrize("steps", [4, 9, 20])
@pytest.mark.parametrize("strength", [0.3, 0.5, 0.85, 1.0])
def test_it_is_diffusers_pipeline_from_the_same_seed(editor: Editor, steps: int, strength: float) -> None:
    """The same latents within 5e-4 of the largest value, and the same picture within 2 levels of 255."""
    options = quick(editor, f"sdedit-{strength}", steps=steps)
    diffusion = networks_of(editor)
    (ours,) = editor.executor.method(options.method).edit(diffusion, [case_of(diffusion, options)], options)
    assert isinstance(ours.made, torch.Tensor)
    expected = theirs(editor, options, "latent")
    report(f"sdedit against diffusers at {strength}", difference(ours.made, expected))
    assert difference(ours.made, expected) < 5e-4
    (picture,) = theirs(editor, options, "pil")
    assert difference_in_levels(edited(editor, options).image, picture) <= 2


def test_the_encoders_sample_hardly_matters() -> None:
    """Their pipeline as it is, with the posterior of the bundled encoder sampled: nearly the same picture."""
    options = mini().options(method="sdedit-0.5", steps=8, size=64, seed=5)
    (picture,) = theirs(mini(), options, "pil")
    agreement = psnr(edited(mini(), options).image, picture)
    report("sdedit against diffusers with a sampled posterior, dB", agreement)
    assert agreement > 35


def test_each_picture_of_a_batch_has_the_seeds_own_noise(editor: Editor) -> None:
    """Not the next draws of one generator: what a picture becomes does not depend on its place in the batch."""
    options, diffusion = quick(editor, "sdedit-0.5"), networks_of(editor)
    case = case_of(diffusion, options)
    one, two = editor.executor.method(options.method).edit(diffusion, [case, case], options)
    assert isinstance(one.made, torch.Tensor)
    assert isinstance(two.made, torch.Tensor)
    assert difference(one.made, two.made) < 1e-5
    assert fitting.to_image(diffusion.decode(one.made)).size == PICTURE.size


def test_with_hardly_any_noise_it_returns_the_picture() -> None:
    """On the bundled models; with more noise less of the picture is left."""
    captions, picture = EditCaptions(("",), ("a cat in a grassy field",), "given"), render(FOX)
    little, more = (
        psnr(
            edited(
                mini(), mini().options(method=f"sdedit-{strength}", steps=50), picture=picture, captions=captions
            ).image,
            picture,
        )
        for strength in (0.02, 0.3)
    )
    report("sdedit at strength 0.02, dB", little)
    assert little > 27
    assert more < little - 3
