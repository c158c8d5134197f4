"""pix2pix-zero (Parmar et al. 2023) as diffusers ships it, with the edit direction between our captions."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor

from ...backbones.backbone import Backbone
from ...backbones.stable_diffusion import LatentDiffusion
from ...methods.method import Need
from ...options import EditOptions
from ...pictures import fitting
from ...records import Case, Edited, Progress, no_progress
from .base import stable_diffusion
from .diffusers_pix2pix_zero import DiffusersPix2PixZero
from .options import DiffusersZeroOptions


class DiffusersZero:
    """One picture at a time: with more the pipeline edits the wrong rows."""

    needs = frozenset([Need.CAPTIONS])
    batch: int | None = 1

    def __init__(self, options: DiffusersZeroOptions, models: object = None) -> None:
        self.models: dict[str, str] = {}

    def edit(
        self, backbone: Backbone, cases: Sequence[Case], options: EditOptions, progress: Progress = no_progress
    ) -> list[Edited]:
        """Edits one picture."""
        diffusion = stable_diffusion(options.method.name, backbone)
        return [Edited(fitting.to_image(self.edited(diffusion, case, options))) for case in cases]

    def edited(self, diffusion: LatentDiffusion, case: Case, options: EditOptions) -> Tensor:
        """The edited picture [1, 3, H, W] in -1..1, at the working size."""
        own, dtype = options.method, diffusion.dtype
        assert isinstance(own, DiffusersZeroOptions)
        # Made anew for each edit: it holds a copy of the UNet, which would stay where it was, and stay in memory, when
        # the model moves.
        pipeline, caption = DiffusersPix2PixZero(diffusion), case.picture.caption
        noise = pipeline.invert(
            case.latents.to(dtype), caption, steps=options.steps, rounds=own.rounds, rolls=own.rolls, seed=options.seed
        )
        before, after = (diffusion.embed(texts).to(dtype) for texts in (case.captions.before, case.captions.after))
        picture = pipeline.edit(
            noise,
            caption,
            before,
            after,
            steps=options.steps,
            guidance_scale=own.guidance_scale,
            cross_attention_guidance=own.cross_attention_guidance,
        )
        return picture.float() * 2 - 1
