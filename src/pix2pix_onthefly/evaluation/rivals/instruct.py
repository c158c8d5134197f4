"""InstructPix2Pix (Brooks et al. 2023) and what was trained further from it: MagicBrush's and HIVE."""

from __future__ import annotations

import math
from collections.abc import Sequence

from diffusers import EulerAncestralDiscreteScheduler
from PIL import Image, ImageOps

from ...backbones.backbone import Backbone
from ...methods.method import Need
from ...models.identity import weights_name
from ...models.residency import Models
from ...options import EditOptions
from ...pictures import fitting
from ...records import Case, Edited, Progress, no_progress
from .base import generators, pipeline_of
from .options import InstructOptions
from .weights import TRAINED, load_trained, row_of

LONG_SIDE = 512
_MULTIPLE = 64


class InstructPix2Pix:
    """Follows the instruction; captions do not matter. It has weights of its own: device and precision are those of the
    models in use."""

    needs: frozenset[Need] = frozenset()
    batch: int | None = None

    def __init__(self, options: InstructOptions, models: Models) -> None:
        name, trained = options.name, TRAINED[options.name]
        row = row_of(name, trained, options.weights)
        self.models = {"diffusion": str(row)}
        self.diffusion = load_trained(name, trained, row, models.device, models.dtype)
        self.diffusion.weights = self.weights = weights_name(row)

    def edit(
        self, backbone: Backbone, cases: Sequence[Case], options: EditOptions, progress: Progress = no_progress
    ) -> list[Edited]:
        """Edits pictures of one size."""
        from diffusers import StableDiffusionInstructPix2PixPipeline

        own = options.method
        assert isinstance(own, InstructOptions)
        # The authors' sampler runs through evenly spaced noise levels from the highest on.
        scheduler = EulerAncestralDiscreteScheduler.from_config(
            self.diffusion.scheduler.config, timestep_spacing="linspace"
        )
        pipeline = pipeline_of(StableDiffusionInstructPix2PixPipeline, self.diffusion, scheduler, image_encoder=None)
        side = options.size or LONG_SIDE
        pictures = pipeline(
            prompt=[case.instruction + own.suffix for case in cases],
            image=[fitted_to_64(case.picture.original, side) for case in cases],
            num_inference_steps=options.steps,
            guidance_scale=own.guidance_scale,
            image_guidance_scale=own.image_guidance_scale,
            generator=generators(cases, options.seed),
        ).images
        return [Edited(picture) for picture in pictures]


def fitted_to_64(picture: Image.Image, side: int) -> Image.Image:
    """The picture as InstructPix2Pix takes it: both sides multiples of 64, the longer one about `side` pixels.

    Scaled so that the shorter side is the next multiple of 64, then cropped to the last one of the longer side.
    """
    shorter, longer = min(picture.size), max(picture.size)
    short_side = math.ceil(shorter * side / longer / _MULTIPLE) * _MULTIPLE
    width, height = (length * short_side // shorter // _MULTIPLE * _MULTIPLE for length in picture.size)
    return ImageOps.fit(fitting.as_rgb(picture), (width, height), method=Image.Resampling.LANCZOS)
