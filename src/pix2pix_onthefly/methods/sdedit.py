"""SDEdit (Meng et al. 2022): noise on the picture, and from there the after-caption."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from ..backbones.backbone import Backbone, path_for
from ..backbones.drawing import sample
from ..errors import OptionError
from ..options import EditOptions, SdeditOptions
from ..records import Case, Edited, Progress, no_progress
from .method import Need


class Sdedit:
    """Image-to-image: equal to diffusers' pipeline from the same noise."""

    needs = frozenset([Need.CAPTIONS])
    batch: int | None = None

    def __init__(self, options: SdeditOptions, models: object = None) -> None:
        self.models: dict[str, str] = {}

    @torch.no_grad()
    def edit(
        self, backbone: Backbone, cases: Sequence[Case], options: EditOptions, progress: Progress = no_progress
    ) -> list[Edited]:
        """Edits pictures of one size.

        Raises:
            OptionError: not one step falls to the strength.
        """
        own = options.method
        assert isinstance(own, SdeditOptions)
        run = run_steps(options.steps, own.strength)
        path, skipped = path_for(backbone, cases[0].latents, options.steps), options.steps - run
        clean = torch.cat([case.latents for case in cases])
        # Drawn on the CPU, one generator a picture: a seed means the same on every device and in every batch.
        noise = torch.cat([_noise(case.latents, case.seed) for case in cases]).to(clean)
        noisy = path.noised(clean, noise, path.timesteps[skipped])
        target = backbone.condition([case.captions.after[0] for case in cases])
        negative = backbone.condition([""] * len(cases))
        made = sample(
            backbone,
            noisy,
            negative,
            target,
            own.guidance_scale,
            options.steps,
            progress,
            skipped=skipped,
            stage="edit",
        )
        return [Edited(latents) for latents in made.split(1)]


def run_steps(steps: int, strength: float) -> int:
    """How many of the steps are run.

    Raises:
        OptionError: none.
    """
    run = min(int(steps * strength), steps)
    if run < 1:
        least = next(steps for steps in range(1, 1000) if int(steps * strength) >= 1)
        raise OptionError(f"sdedit needs at least {least} steps at strength {strength:g}; raise either")
    return run


def _noise(latents: torch.Tensor, seed: int) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    # diffusers' pipeline spends the first draw on a sample of the encoder's posterior, whose mode is used here.
    torch.randn(latents.shape, generator=generator)
    return torch.randn(latents.shape, generator=generator)
