"""InstructPix2Pix (Brooks et al. 2023) and what was trained further from it: MagicBrush's and HIVE."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from dataclasses import dataclass

from diffusers import EulerAncestralDiscreteScheduler
from PIL import Image, ImageOps

from ...editor import Editor
from ...options import EditOptions
from ...pictures import fitting
from ..runs.method import Case, Made
from .base import BatchedMethod, finished, generators, pipeline_of
from .settings import Settings
from .weights import Trained, load_trained, row_of

LONG_SIDE = 512
_MULTIPLE = 64


@dataclass(frozen=True, kw_only=True)
class InstructSettings(Settings):
    """Its settings, those of the authors' `edit_cli.py`.

    Attributes:
        trained: whose weights.
        weights: a folder or a hub id in their place.
        guidance_scale: towards the instruction.
        image_guidance_scale: towards the picture.
        suffix: what follows the instruction.
    """

    trained: Trained
    weights: str = ""
    guidance_scale: float = 7.5
    image_guidance_scale: float = 1.5
    suffix: str = ""

    def plain(self) -> dict[str, object]:
        """Without the weights, which the models tell."""
        plain = dataclasses.asdict(self)
        return {name: value for name, value in plain.items() if name not in ("trained", "weights")}


class InstructPix2Pix(BatchedMethod):
    """Follows the instruction; captions do not matter. Only device, precision and batch are the editor's."""

    def __init__(self, name: str, editor: Editor, options: EditOptions, settings: InstructSettings) -> None:
        from diffusers import StableDiffusionInstructPix2PixPipeline

        super().__init__(name, editor.settings.batch)
        self.options, self.own = options, settings
        self.row = row_of(name, settings.trained, settings.weights)
        diffusion = load_trained(name, settings.trained, self.row, editor.device, editor.dtype)
        # The authors' sampler runs through evenly spaced noise levels from the highest on.
        scheduler = EulerAncestralDiscreteScheduler.from_config(diffusion.scheduler.config, timestep_spacing="linspace")
        self.pipeline = pipeline_of(StableDiffusionInstructPix2PixPipeline, diffusion, scheduler, image_encoder=None)

    def models(self) -> dict[str, str]:
        """Its own weights' row."""
        return {"diffusion": str(self.row)}

    def settings(self) -> dict[str, object]:
        """Steps, size and its own."""
        return {"steps": self.options.steps, "size": self.options.size or LONG_SIDE, **self.own.plain()}

    def edit_batch(self, cases: Sequence[Case]) -> list[Made]:
        """Edits pictures of one size."""
        side = self.options.size or LONG_SIDE
        pictures = self.pipeline(
            prompt=[case.instruction + self.own.suffix for case in cases],
            image=[fitted_to_64(case.picture, side) for case in cases],
            num_inference_steps=self.options.steps,
            guidance_scale=self.own.guidance_scale,
            image_guidance_scale=self.own.image_guidance_scale,
            generator=generators(cases),
        ).images
        return finished(cases, pictures)


def fitted_to_64(picture: Image.Image, side: int) -> Image.Image:
    """The picture as InstructPix2Pix takes it: both sides multiples of 64, the longer one about `side` pixels.

    Scaled so that the shorter side is the next multiple of 64, then cropped to the last one of the longer side.
    """
    shorter, longer = min(picture.size), max(picture.size)
    short_side = math.ceil(shorter * side / longer / _MULTIPLE) * _MULTIPLE
    width, height = (length * short_side // shorter // _MULTIPLE * _MULTIPLE for length in picture.size)
    return ImageOps.fit(fitting.as_rgb(picture), (width, height), method=Image.Resampling.LANCZOS)
