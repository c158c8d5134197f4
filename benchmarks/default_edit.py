"""The default edit, and SDEdit, beside diffusers' pix2pix-zero pipeline: from latents and captions to pixels."""

from __future__ import annotations

import statistics
import sys
from collections.abc import Callable, Mapping
from functools import partial

import torch
from torch import Tensor

from pix2pix_onthefly.backbones.stable_diffusion import LatentDiffusion
from pix2pix_onthefly.methods.method import Method
from pix2pix_onthefly.methods.table import method_options
from pix2pix_onthefly.models.families import FAMILIES
from pix2pix_onthefly.options import EditOptions, scaled_down
from pix2pix_onthefly.pictures.fitting import to_image
from pix2pix_onthefly.records import Case, EditCaptions, Prepared

from .contenders import AFTER, BEFORE, CAPTION, Job, Theirs
from .timing import timed

THEIR_STEPS = 50
"""The default of diffusers' pipeline."""
CANDIDATES = 4
DEFAULT, CANDIDATE, SDEDIT = "default edit", f"default edit, each of {CANDIDATES} candidates", "SDEdit 0.5, one picture"
THEIRS, THEIRS_EQUAL = f"diffusers' pix2pix-zero, {THEIR_STEPS} steps", "diffusers' pix2pix-zero, the default's steps"


def options_of(name: str, subject: str, steps: int | None = None) -> EditOptions:
    """A method's defaults, with the guidance that a family of small models takes."""
    factor = FAMILIES[subject].guidance_factor if subject in FAMILIES else 1.0
    options = EditOptions.of(scaled_down(method_options(name), factor, {}))
    return options if steps is None else options.with_changes(steps=steps)


def one_edit(
    diffusion: LatentDiffusion, latents: Tensor, options: EditOptions, method: Method, count: int = 1
) -> Tensor:
    """The first of some candidates' pixels."""
    picture = to_image(torch.zeros(1, 3, 8, 8))  # methods that work on latents never look at it
    prepared = Prepared(original=picture, source=picture, caption=CAPTION, options=options, latents=latents)
    captions = EditCaptions(tuple(BEFORE), tuple(AFTER), "given", kind="replace")
    cases = [Case(prepared, "", captions, seed=options.seed + number) for number in range(count)]
    made = [edited.made for edited in method.edit(diffusion, cases, options)]
    return next(diffusion.decode(one) for one in made if isinstance(one, Tensor))


def default_seconds(diffusion: LatentDiffusion, subject: str, job: Job, rounds: int, repeats: int) -> dict[str, float]:
    """Median seconds by name.

    Args:
        subject: name of the diffusion model.
        job: latents, and the settings of diffusers' pipeline but for its steps.
        rounds: of noise regularisation in that pipeline.
    """
    from pix2pix_onthefly.methods.flow import FlowEditing
    from pix2pix_onthefly.methods.sdedit import Sdedit
    from pix2pix_onthefly.options import FlowOptions, SdeditOptions

    usual = options_of("flow", subject)
    beside = options_of("sdedit-0.5", subject, usual.steps)
    assert isinstance(usual.method, FlowOptions)
    assert isinstance(beside.method, SdeditOptions)
    flow, sdedit, theirs = FlowEditing(usual.method), Sdedit(beside.method), Theirs(diffusion)
    steps = {THEIRS: THEIR_STEPS, THEIRS_EQUAL: usual.steps}
    actions: dict[str, Callable[[], Tensor]] = {
        DEFAULT: partial(one_edit, diffusion, job.latents, usual, flow),
        CANDIDATE: partial(one_edit, diffusion, job.latents, usual, flow, CANDIDATES),
        SDEDIT: partial(one_edit, diffusion, job.latents, beside, sdedit),
        **{
            name: partial(
                theirs.edit, Job(job.latents, job.options.with_changes(steps=count, regularisation_rounds=rounds))
            )
            for name, count in steps.items()
        },
    }
    found: dict[str, list[float]] = {name: [] for name in actions}
    actions[DEFAULT]()  # not counted: libraries choose their kernels here
    for number in range(1, repeats + 1):
        for name, action in actions.items():
            spent, _ = timed(action, diffusion.device)
            found[name].append(spent / (CANDIDATES if name == CANDIDATE else 1))
            print(f"round {number} of {repeats}: {name} {found[name][-1]:.2f} s", file=sys.stderr, flush=True)
    return {name: statistics.median(spent) for name, spent in found.items()}


def default_table(seconds: Mapping[str, float]) -> str:
    """The figures as Markdown."""
    lines = ["| one edit | seconds | the default is faster by |", "|---|---|---|"]
    lines += [f"| {name} | {spent:.2f} | {spent / seconds[DEFAULT]:.2f} |" for name, spent in seconds.items()]
    return "\n".join(lines)


def default_ratios(seconds: Mapping[str, float]) -> dict[str, float]:
    """How many times faster the default is, and how much longer a candidate takes than SDEdit."""
    return {
        "ratio_default": round(seconds[THEIRS] / seconds[DEFAULT], 3),
        "ratio_default_equal_steps": round(seconds[THEIRS_EQUAL] / seconds[DEFAULT], 3),
        "ratio_candidate_to_sdedit": round(seconds[CANDIDATE] / seconds[SDEDIT], 3),
    }
