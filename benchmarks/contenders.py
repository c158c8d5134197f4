"""What is compared: one edit from given latents, by diffusers' pix2pix-zero pipeline and by this project, with the same
weights, captions, steps, guidance and regularisation, the same random shifts included."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from pix2pix_onthefly.backbones.stable_diffusion import LatentDiffusion
from pix2pix_onthefly.evaluation.rivals.diffusers_pix2pix_zero import DiffusersPix2PixZero, TheirShifts
from pix2pix_onthefly.inversions.ddim import invert
from pix2pix_onthefly.methods import attention_guidance
from pix2pix_onthefly.methods.attention_guidance import GuidedEdit
from pix2pix_onthefly.methods.direction import edit_direction
from pix2pix_onthefly.methods.reference import keep_reference
from pix2pix_onthefly.options import AttentionOptions, EditOptions
from pix2pix_onthefly.records import Conditioning, Inverted, Reconstruction

CAPTION = "a fox in a grassy field"
BEFORE, AFTER = ["a fox in a grassy field"], ["a cat in a grassy field"]


@dataclass(frozen=True)
class Job:
    """One edit.

    Attributes:
        latents: of the picture, [1, channels, h, w].
        options: steps, guidance, regularisation and seed count.
    """

    latents: Tensor
    options: EditOptions


class Theirs:
    """diffusers' pipeline: invert, then edit."""

    def __init__(self, diffusion: LatentDiffusion) -> None:
        self.diffusion, self.pipeline = diffusion, DiffusersPix2PixZero(diffusion)

    def edit(self, job: Job) -> Tensor:
        """The edited picture [1, 3, H, W] in 0..1."""
        options, own, dtype = job.options, job.options.method, self.diffusion.dtype
        assert isinstance(own, AttentionOptions)
        noise = self.pipeline.invert(
            job.latents.to(dtype),
            CAPTION,
            steps=options.steps,
            rounds=options.inversion.regularisation_rounds,
            rolls=options.inversion.auto_correlation_rolls,
            seed=options.seed,
        )
        return self.pipeline.edit(
            noise,
            CAPTION,
            self.diffusion.embed(BEFORE).to(dtype),
            self.diffusion.embed(AFTER).to(dtype),
            steps=options.steps,
            guidance_scale=own.guidance_scale,
            cross_attention_guidance=own.cross_attention_guidance,
        ).float()


class Ours:
    """This project: invert, then edit; and a second edit of the same picture."""

    def __init__(self, diffusion: LatentDiffusion) -> None:
        self.diffusion = diffusion

    def invert(self, job: Job) -> Inverted:
        """The inversion that one or more edits start from."""
        return invert(self.diffusion, job.latents, CAPTION, job.options, draw=TheirShifts(job.options.seed))

    def edit(self, job: Job, copies: int = 1) -> Tensor:
        """The edited picture [1, 3, H, W] in 0..1; with several copies the edit is made as often, in one batch."""
        return self._edit([GuidedEdit(self.invert(job), self._direction())] * copies, job)

    def prepare(self, job: Job) -> tuple[Inverted, Reconstruction]:
        """What a second edit starts from."""
        inversion = self.invert(job)
        kept = keep_reference(self.diffusion, inversion)
        assert kept is not None, "no limit was set"
        return inversion, kept

    def second_edit(self, prepared: tuple[Inverted, Reconstruction], job: Job) -> Tensor:
        """An edit of a picture that has been prepared."""
        return self._edit([GuidedEdit(prepared[0], self._direction(), prepared[1])], job)

    def _direction(self) -> Conditioning:
        return edit_direction(self.diffusion, BEFORE, AFTER)

    def _edit(self, edits: list[GuidedEdit], job: Job) -> Tensor:
        made = attention_guidance.edit(self.diffusion, edits, job.options)
        latents = [each.made for each in made if isinstance(each.made, Tensor)]
        return next((self.diffusion.decode(one) / 2 + 0.5).clamp(0, 1) for one in latents)


def noise_job(diffusion: LatentDiffusion, options: EditOptions, size: int | None = None) -> Job:
    """A job on latents of the model's own size, or of `size` pixels a side: Gaussian, of the seed."""
    side = (size or diffusion.native_size) // diffusion.pixels_per_latent
    shape = (1, diffusion.unet.config["in_channels"], side, side)
    latents = torch.randn(shape, generator=torch.Generator().manual_seed(options.seed)) * 0.5
    return Job(latents.to(diffusion.device), options)
