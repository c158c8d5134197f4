"""Drawing from a text through a backbone equals diffusers' own pipeline from the same noise, for each class.

Conditioning, packing, shifts and schedules are right together or the pictures differ.
"""

from __future__ import annotations

from typing import Any

import pytest
import torch
from diffusers import (
    Flux2KleinPipeline,
    FluxPipeline,
    StableDiffusion3Pipeline,
    StableDiffusionPipeline,
    StableDiffusionXLPipeline,
)
from torch import Tensor
from torch.nn.functional import pixel_unshuffle

from pix2pix_onthefly.backbones.drawing import sample
from pix2pix_onthefly.backbones.flux import packed
from pix2pix_onthefly.backbones.stable_diffusion import LatentDiffusion
from tests.helpers import CAPTION, difference, report, tiny_diffusion
from tests.tiny_backbones import altered, parts_of, tiny_flux, tiny_flux2, tiny_sd3, tiny_sdxl

STEPS = 4
HEIGHT, WIDTH = 96, 64
"""Of the pictures in pixels: not square, so that no two sides can be taken for each other."""


def noise_for(backbone: Any) -> Tensor:
    shape = (1, backbone.latent_channels, HEIGHT // 8, WIDTH // 8)
    return torch.randn(shape, generator=torch.Generator().manual_seed(7))


def drawn(backbone: Any, noise: Tensor, scale: float) -> Tensor:
    """Pixels 0..1 through our own verbs."""
    unwanted, wanted = backbone.condition(["", CAPTION]).split(1)
    latents = sample(backbone, noise, unwanted, wanted, scale, STEPS)
    return (backbone.decode(latents) / 2 + 0.5).clamp(0, 1)


def drawn_by(kind: Any, backbone: Any, noise: Tensor, missing: tuple[str, ...] = (), **arguments: Any) -> Tensor:
    """Pixels 0..1 from diffusers' pipeline of the very same parts."""
    pipeline = kind(**parts_of(backbone), **dict.fromkeys(missing))
    pipeline.set_progress_bar_config(disable=True)
    size = {"height": HEIGHT, "width": WIDTH}
    made = pipeline(prompt=CAPTION, **size, num_inference_steps=STEPS, latents=noise, output_type="pt", **arguments)
    return made.images


def check(name: str, found: Tensor, expected: Tensor) -> None:
    report(f"text to image, {name}", difference(found, expected))
    assert float(expected.std()) > 0.01, "a picture of something"
    assert difference(found, expected) < 1e-4


def test_sdxl() -> None:
    backbone, missing = tiny_sdxl(), ("image_encoder", "feature_extractor")
    noise = noise_for(backbone)
    expected = drawn_by(StableDiffusionXLPipeline, backbone, noise, missing, guidance_scale=4.0)
    check("sdxl", drawn(backbone, noise, 4.0), expected)


def test_sdxl_whose_empty_text_is_a_text() -> None:
    backbone = tiny_sdxl()
    backbone.zero_empty = False
    noise = noise_for(backbone)
    expected = drawn_by(StableDiffusionXLPipeline, backbone, noise, guidance_scale=4.0, negative_prompt="")
    check("sdxl, empty text", drawn(backbone, noise, 4.0), expected)


@pytest.mark.parametrize("with_t5", [True, False], ids=["with T5", "without T5"])
def test_sd3(with_t5: bool) -> None:
    backbone = tiny_sd3(with_t5=with_t5)
    noise, missing = noise_for(backbone), () if with_t5 else ("text_encoder_3", "tokenizer_3")
    expected = drawn_by(StableDiffusion3Pipeline, backbone, noise, missing, guidance_scale=4.0)
    check(f"sd3, T5 {with_t5}", drawn(backbone, noise, 4.0), expected)


def test_sd3_whose_noise_levels_depend_on_the_size() -> None:
    backbone = tiny_sd3(use_dynamic_shifting=True, shift=1.0)
    noise = noise_for(backbone)
    expected = drawn_by(StableDiffusion3Pipeline, backbone, noise, guidance_scale=4.0)
    check("sd3, dynamic", drawn(backbone, noise, 4.0), expected)


@pytest.mark.parametrize("dev", [True, False], ids=["dev", "schnell"])
def test_flux(dev: bool) -> None:
    """Without classifier-free guidance; dev is told a scale and has levels that depend on the size."""
    backbone = tiny_flux(told_guidance=dev, dynamic=dev)
    noise = noise_for(backbone)
    length = 512 if dev else 256
    expected = drawn_by(FluxPipeline, backbone, packed(noise), max_sequence_length=length)
    check(f"flux, dev {dev}", drawn(backbone, noise, 1.0), expected)


def test_flux_with_true_guidance() -> None:
    backbone = tiny_flux()
    noise = noise_for(backbone)
    expected = drawn_by(FluxPipeline, backbone, packed(noise), true_cfg_scale=3.0, negative_prompt="")
    check("flux, true guidance", drawn(backbone, noise, 3.0), expected)


@pytest.mark.parametrize("scale", [1.0, 4.0], ids=["distilled", "base"])
def test_flux2_klein(scale: float) -> None:
    """The distilled one is not guided; the library takes noise in patches."""
    backbone = tiny_flux2()
    noise = noise_for(backbone)
    expected = drawn_by(Flux2KleinPipeline, backbone, pixel_unshuffle(noise, 2), guidance_scale=scale)
    check(f"flux2, scale {scale}", drawn(backbone, noise, scale), expected)


def test_flux2_encodes_as_its_pipeline_does() -> None:
    """The batch norm of the autoencoder is undone by decoding."""
    backbone = tiny_flux2()
    pixels = torch.rand(1, 3, HEIGHT, WIDTH, generator=torch.Generator().manual_seed(1)) * 2 - 1
    pipeline: Any = Flux2KleinPipeline(**parts_of(backbone))
    latents = backbone.encode(pixels)
    assert difference(pixel_unshuffle(latents, 2), pipeline._encode_vae_image(pixels, None)) < 1e-5
    vae: Any = backbone.vae
    assert difference(backbone.decode(latents), vae.decode(vae.encode(pixels).latent_dist.mode()).sample) < 1e-4


def test_a_unet_that_was_distilled_with_a_guidance_scale_as_an_input() -> None:
    """Latent consistency models: the scale is told to the network, and there is no second row."""
    usual = tiny_diffusion()
    unet = altered(usual.unet, time_cond_proj_dim=8)
    backbone = LatentDiffusion(usual.vae, unet, usual.text_encoder, usual.tokenizer, usual.scheduler)
    noise, missing = noise_for(backbone), ("safety_checker", "feature_extractor")
    expected = drawn_by(StableDiffusionPipeline, backbone, noise, missing, guidance_scale=8.5)
    check("latent consistency", drawn(backbone, noise, 1.0), expected)
