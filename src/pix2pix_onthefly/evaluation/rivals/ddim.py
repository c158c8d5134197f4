"""Plain DDIM inversion, then another caption (Song et al. 2021; the baseline of Hertz et al. 2022 and after)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch

from ...backbones.drawing import sample
from ...editor import Editor
from ...errors import OptionError
from ...inversions.ddim import walk_to_noise
from ...options import EditOptions
from ..runs.method import Case, Made
from .base import FamilyMethod, finished
from .settings import Settings, scaled_guidance

_NEGATIVES = "empty", "source"


@dataclass(frozen=True, kw_only=True)
class DdimSettings(Settings):
    """Its settings.

    Attributes:
        guidance_scale: classifier-free guidance for Stable Diffusion; 7.5 in null-text inversion's comparison.
        negative: what it guides away from: `empty`, the empty text, or `source`, the caption of the inversion
            (negative-prompt inversion, Miyake et al. 2023).
    """

    guidance_scale: float = 7.5
    negative: str = "empty"

    def __post_init__(self) -> None:
        if self.negative not in _NEGATIVES:
            raise OptionError(f"negative must be one of {', '.join(_NEGATIVES)}, not {self.negative!r}")


class Ddim(FamilyMethod):
    """Inverts with the source caption at guidance 1 and samples with the after-caption at a higher one."""

    def __init__(self, name: str, editor: Editor, options: EditOptions, settings: DdimSettings) -> None:
        super().__init__(name, editor, options.with_changes(regularisation_rounds=0))
        self.guidance_scale, self.own = scaled_guidance(settings.guidance_scale, options), settings

    def settings(self) -> dict[str, object]:
        """The guidance scale is the one that is used."""
        return {**self.described(self.own, inversion=self.options.inversion), "guidance_scale": self.guidance_scale}

    @torch.no_grad()
    def edit_batch(self, cases: Sequence[Case]) -> list[Made]:
        """Edits pictures of one size."""
        source = self.diffusion.embed([case.source_caption for case in cases])
        target = self.diffusion.embed([case.captions.after[0] for case in cases])
        negative = source if self.own.negative == "source" else self.diffusion.embed([""] * len(cases))
        noise = walk_to_noise(self.diffusion, self.encoded(cases), source, self.options)[-1]
        latents = sample(self.diffusion, noise, negative, target, self.guidance_scale, self.options.steps)
        return finished(cases, self.decoded(latents))
