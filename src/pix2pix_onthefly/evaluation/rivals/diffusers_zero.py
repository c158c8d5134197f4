"""pix2pix-zero (Parmar et al. 2023) as diffusers ships it, with the edit direction between our captions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from torch import Tensor

from ...editor import Editor
from ...options import EditOptions
from ...pictures import fitting
from ..runs.method import Case, Made
from .base import FamilyMethod, finished
from .diffusers_pix2pix_zero import DiffusersPix2PixZero
from .settings import Settings, check_range


@dataclass(frozen=True, kw_only=True)
class DiffusersZeroSettings(Settings):
    """Its settings, the pipeline's defaults.

    Attributes:
        regularisation_rounds: rounds of noise regularisation at each inversion step.
        auto_correlation_rolls: auto-correlation gradient steps in each round.
    """

    regularisation_rounds: int = 5
    auto_correlation_rolls: int = 5

    def __post_init__(self) -> None:
        check_range("regularisation_rounds", self.regularisation_rounds, 0, 50)
        check_range("auto_correlation_rolls", self.auto_correlation_rolls, 0, 50)


class DiffusersZero(FamilyMethod):
    """One picture at a time: with more the pipeline edits the wrong rows. Guidance is that of our own edits."""

    def __init__(self, name: str, editor: Editor, options: EditOptions, settings: DiffusersZeroSettings) -> None:
        super().__init__(name, editor, options, batch=1)
        self.own, self.pipeline = settings, DiffusersPix2PixZero(self.diffusion)

    def settings(self) -> dict[str, object]:
        """Guidance is from the options."""
        guidance = self.options.guidance_scale, self.options.cross_attention_guidance
        return self.described(self.own, guidance_scale=guidance[0], cross_attention_guidance=guidance[1])

    def edit_batch(self, cases: Sequence[Case]) -> list[Made]:
        """Edits one picture."""
        return finished(cases, [fitting.to_image(self.edited(case)) for case in cases])

    def edited(self, case: Case) -> Tensor:
        """The edited picture [1, 3, H, W] in -1..1, at the working size."""
        dtype = self.diffusion.dtype
        noise = self.pipeline.invert(
            self.encoded([case]).to(dtype),
            case.source_caption,
            steps=self.options.steps,
            rounds=self.own.regularisation_rounds,
            rolls=self.own.auto_correlation_rolls,
            seed=case.seed,
        )
        before, after = (self.diffusion.embed(texts).to(dtype) for texts in (case.captions.before, case.captions.after))
        picture = self.pipeline.edit(
            noise,
            case.source_caption,
            before,
            after,
            steps=self.options.steps,
            guidance_scale=self.options.guidance_scale,
            cross_attention_guidance=self.options.cross_attention_guidance,
        )
        return picture.float() * 2 - 1
