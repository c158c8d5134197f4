"""SDEdit (Meng et al. 2022): noise on the picture, and from there the after-caption; diffusers' image-to-image."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ...editor import Editor
from ...errors import OptionError
from ...options import EditOptions
from ..runs.method import Case, Made
from .base import FamilyMethod, ddim_scheduler, finished, generators, pipeline_of
from .settings import Settings, scaled_guidance


@dataclass(frozen=True, kw_only=True)
class SdeditSettings(Settings):
    """Its settings.

    Attributes:
        strength: share of the schedule that is run, above 0 and up to 1.
        guidance_scale: classifier-free guidance for Stable Diffusion; 7.5 in InstructPix2Pix' comparison.
    """

    strength: float
    guidance_scale: float = 7.5

    def __post_init__(self) -> None:
        if not 0 < self.strength <= 1:
            raise OptionError(f"strength must be above 0 and at most 1, not {self.strength}")


class Sdedit(FamilyMethod):
    """Image-to-image by DDIM."""

    def __init__(self, name: str, editor: Editor, options: EditOptions, settings: SdeditSettings) -> None:
        from diffusers import StableDiffusionImg2ImgPipeline

        if int(options.steps * settings.strength) < 1:
            least = next(steps for steps in range(1, 1000) if int(steps * settings.strength) >= 1)
            raise OptionError(f"{name} needs at least {least} steps at strength {settings.strength:g}")
        super().__init__(name, editor, options)
        self.guidance_scale, self.own = scaled_guidance(settings.guidance_scale, options), settings
        scheduler = ddim_scheduler(self.diffusion)
        self.pipeline = pipeline_of(StableDiffusionImg2ImgPipeline, self.diffusion, scheduler, image_encoder=None)

    def settings(self) -> dict[str, object]:
        """The guidance scale is the one that is used."""
        return {**self.described(self.own), "guidance_scale": self.guidance_scale}

    def edit_batch(self, cases: Sequence[Case]) -> list[Made]:
        """Edits pictures of one size."""
        pictures = self.pipeline(
            prompt=[case.captions.after[0] for case in cases],
            image=self.fitted(cases),
            strength=self.own.strength,
            num_inference_steps=self.options.steps,
            guidance_scale=self.guidance_scale,
            generator=generators(cases),
        ).images
        return finished(cases, pictures)
