"""pix2pix-zero as diffusers ships it, on our models: something to compare with, by other hands."""

from __future__ import annotations

import copy
import random
from typing import Any

import torch
from diffusers import DDIMInverseScheduler
from diffusers.image_processor import VaeImageProcessor
from torch import Tensor

from ...backbones.stable_diffusion import LatentDiffusion
from ...inversions.regularisation import pyramid_sides


def _pipeline_class() -> Any:
    """Imported late: the module is marked as deprecated and says so."""
    from diffusers.pipelines.deprecated.stable_diffusion_variants import (
        pipeline_stable_diffusion_pix2pix_zero as module,
    )

    class LatentPix2PixZero(module.StableDiffusionPix2PixZeroPipeline):
        """Takes latents of any number of channels in place of a picture; the original knows those of four."""

        def prepare_image_latents(self, image: Tensor, *_: Any, **__: Any) -> Tensor:
            return image

    return LatentPix2PixZero


class DiffusersPix2PixZero:
    """`StableDiffusionPix2PixZeroPipeline` around a diffusion model's networks.

    The UNet is a copy: the pipeline replaces its attention and collects gradients of its weights.
    """

    def __init__(self, diffusion: LatentDiffusion) -> None:
        unet = copy.deepcopy(diffusion.unet)
        unet.requires_grad_(True)  # as `from_pretrained` hands it over
        self.pipeline: Any = _pipeline_class()(
            vae=diffusion.vae,
            text_encoder=diffusion.text_encoder,
            tokenizer=diffusion.tokenizer,
            unet=unet,
            scheduler=copy.deepcopy(diffusion.scheduler),
            inverse_scheduler=DDIMInverseScheduler.from_config(diffusion.scheduler.config),
            feature_extractor=None,
            safety_checker=None,
            caption_generator=None,
            caption_processor=None,
            requires_safety_checker=False,
        )
        channels = diffusion.unet.config["in_channels"]
        self.pipeline.image_processor = VaeImageProcessor(
            vae_scale_factor=diffusion.pixels_per_latent, vae_latent_channels=channels
        )
        self.pipeline.set_progress_bar_config(disable=True)

    def invert(
        self, latents: Tensor, caption: str, *, steps: int, rounds: int = 5, rolls: int = 5, seed: int = 0
    ) -> Tensor:
        """The noise of latents [1, channels, h, w]; `rounds` and `rolls` are those of its noise regularisation."""
        return self.pipeline.invert(
            prompt=caption,
            image=latents,
            num_inference_steps=steps,
            num_reg_steps=rounds,
            num_auto_corr_rolls=rolls,
            generator=torch.Generator().manual_seed(seed),
            output_type="pt",
        ).latents

    def edit(
        self,
        noise: Tensor,
        caption: str,
        before: Tensor,
        after: Tensor,
        *,
        steps: int,
        guidance_scale: float,
        cross_attention_guidance: float,
        output_type: str = "pt",
    ) -> Tensor:
        """The edited picture [1, 3, H, W] in 0..1, or latents with `output_type="latent"`.

        Args:
            before, after: embeddings [captions, tokens, width].
        """
        return self.pipeline(
            prompt=caption,
            negative_prompt=caption,
            source_embeds=before,
            target_embeds=after,
            latents=noise,
            num_inference_steps=steps,
            guidance_scale=guidance_scale,
            cross_attention_guidance_amount=cross_attention_guidance,
            output_type=output_type,
        ).images


class TheirShifts:
    """Draws the regularisation's shifts as the pipeline does, from an equal generator: zero included, channel by
    channel through all scales. Given to `inversion.walk_to_noise`, it makes both inversions regularise alike."""

    def __init__(self, seed: int = 0) -> None:
        self.generator = torch.Generator().manual_seed(seed)

    def __call__(self, noise: Tensor, rng: random.Random) -> list[list[int]]:
        """Shifts for each scale and channel."""
        sides = pyramid_sides(noise)
        channels = [
            [int(torch.randint(side // 2, (1,), generator=self.generator)) for side in sides]
            for _ in range(noise.shape[1])
        ]
        return [list(scale) for scale in zip(*channels, strict=True)]
