"""What the methods share: pictures in and out, seeds, seconds."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import torch
from diffusers import DDIMScheduler
from PIL import Image
from torch import Tensor

from ...backbones.stable_diffusion import LatentDiffusion
from ...editor import Editor
from ...options import EditOptions
from ...pictures import fitting
from ...running.clock import Clock
from ..runs.method import Case, Made
from .settings import Settings


class BatchedMethod(ABC):
    """Splits what it is given into batches and takes the time.

    Attributes:
        name: of its row.
        batch: how many cases go together.
    """

    def __init__(self, name: str, batch: int) -> None:
        self.name, self.batch = name, batch

    def edit(self, cases: Sequence[Case]) -> list[Made]:
        """Edits pictures of one size; no case influences another.

        Raises:
            ValueError: the sizes differ.
        """
        if len({case.picture.size for case in cases}) > 1:
            raise ValueError("pictures of different sizes cannot be edited together")
        made: list[Made] = []
        for start in range(0, len(cases), self.batch):
            clock, batch = Clock(), cases[start : start + self.batch]
            with clock.stage("edit"):
                results = self.edit_batch(batch)
            made += [replace(result, seconds=clock.seconds["edit"] / len(batch)) for result in results]
        return made

    @abstractmethod
    def models(self) -> dict[str, str]:
        """Its model rows, by role."""

    @abstractmethod
    def settings(self) -> dict[str, object]:
        """All its options, as plain data."""

    @abstractmethod
    def edit_batch(self, cases: Sequence[Case]) -> list[Made]:
        """Edits at least one and at most `batch` pictures of one size."""


class FamilyMethod(BatchedMethod):
    """A method that runs on the diffusion model of the editor's family.

    Attributes:
        editor, options: as given to `make_method`.
        diffusion: the model.
    """

    def __init__(self, name: str, editor: Editor, options: EditOptions, batch: int | None = None) -> None:
        super().__init__(name, batch or editor.settings.batch)
        self.editor, self.options = editor, options
        self.diffusion: LatentDiffusion = editor.diffusion

    def models(self) -> dict[str, str]:
        """The diffusion model's row."""
        return {"diffusion": self.editor.models()["diffusion"]}

    def described(self, own: Settings, **more: object) -> dict[str, object]:
        """Steps and size, the method's own settings, and what else is named."""
        return {"steps": self.options.steps, "size": self.options.size, **own.plain(), **more}

    def fitted(self, cases: Sequence[Case]) -> list[Image.Image]:
        """The pictures at the size they are worked on."""
        return [self.editor.fit(case.picture, self.options) for case in cases]

    def encoded(self, cases: Sequence[Case]) -> Tensor:
        """The pictures as latents [cases, channels, height/8, width/8], float32."""
        return self.diffusion.encode(torch.cat([fitting.to_tensor(picture) for picture in self.fitted(cases)]))

    def decoded(self, latents: Tensor) -> list[Image.Image]:
        """Latents [cases, channels, h, w] as pictures at the working size."""
        return [fitting.to_image(self.diffusion.decode(one)) for one in latents.split(1)]


def finished(cases: Sequence[Case], pictures: Sequence[Image.Image]) -> list[Made]:
    """Edited pictures, back at the size of the cases' pictures."""
    return [Made(fitting.restore(picture, case.picture.size)) for case, picture in zip(cases, pictures, strict=True)]


def generators(cases: Sequence[Case]) -> list[torch.Generator]:
    """One for each case; on the CPU, so that a seed means the same on every device."""
    return [torch.Generator().manual_seed(case.seed) for case in cases]


def ddim_scheduler(diffusion: LatentDiffusion) -> DDIMScheduler:
    """The model's noise schedule as a scheduler of the caller's own, never clipping."""
    scheduler: Any = DDIMScheduler.from_config(diffusion.scheduler.config, clip_sample=False)
    return scheduler


def pipeline_of(kind: Any, diffusion: LatentDiffusion, scheduler: Any, **parts: Any) -> Any:
    """A pipeline of diffusers around a model's own networks, silent and without a safety checker."""
    pipeline = kind(
        vae=diffusion.vae,
        text_encoder=diffusion.text_encoder,
        tokenizer=diffusion.tokenizer,
        unet=diffusion.unet,
        scheduler=scheduler,
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
        **parts,
    )
    pipeline.set_progress_bar_config(disable=True)
    return pipeline
