"""Edits that a method is asked for through the executor, quick ones, and what holds for every method."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from pix2pix_onthefly.backbones.stable_diffusion import LatentDiffusion
from pix2pix_onthefly.editor import Editor
from pix2pix_onthefly.errors import OnTheFlyError
from pix2pix_onthefly.options import EditOptions
from pix2pix_onthefly.records import Case, EditCaptions, EditResult, Prepared
from pix2pix_onthefly.running.jobs import Job
from tests.evaluation.fixtures import draw_picture
from tests.helpers import AFTER, BEFORE, networks_of

STEPS = 4
"""As few as a strength of 0.3 takes."""
PICTURE, ANOTHER = draw_picture(3, (64, 64)), draw_picture(8, (64, 64))
CAPTIONS = EditCaptions((BEFORE[0],), (AFTER[0],), "given")
OTHER_CAPTIONS = EditCaptions(("a red cat",), ("a red table",), "given")
INSTRUCTION = "make the cat a blue dog"


def few_sentences(monkeypatch: pytest.MonkeyPatch) -> None:
    """Fixed directions from a dozen sentences in place of hundreds."""
    from pix2pix_onthefly.methods.sentences import POOLS

    for name, pool in POOLS.items():
        monkeypatch.setitem(POOLS, name, replace(pool, wordings=pool.wordings[:2]))


def quick(editor: Editor, name: str, **changes: Any) -> EditOptions:
    """A method's options with as little work as it can do: two steps, one round of regularisation."""
    least: dict[str, Any] = {"steps": STEPS if name.startswith("sdedit") else 2, "seed": 5}
    if name == "pix2pix-zero-diffusers":
        least |= {"rounds": 1, "rolls": 1}
    return editor.options(method=name, **{**least, **changes})


def job(options: EditOptions, **changes: Any) -> Job:
    """The usual edit with some fields changed."""
    return replace(Job(PICTURE, INSTRUCTION, options, BEFORE[0], CAPTIONS), **changes)


def made(editor: Editor, *jobs: Job) -> list[EditResult]:
    """What the executor makes; the first error is raised."""
    found = editor.executor.map(jobs)
    for result in found:
        if isinstance(result, OnTheFlyError):
            raise result
    return [result for result in found if isinstance(result, EditResult)]


def edited(editor: Editor, options: EditOptions, **changes: Any) -> EditResult:
    """One edit."""
    (result,) = made(editor, job(options, **changes))
    return result


def case_of(backbone: LatentDiffusion, options: EditOptions, **changes: Any) -> Case:
    """The usual edit as a method takes it, not inverted."""
    from pix2pix_onthefly.pictures import fitting

    latents = backbone.encode(fitting.to_tensor(PICTURE))
    prepared = Prepared(original=PICTURE, source=PICTURE, caption=BEFORE[0], options=options, latents=latents)
    return replace(Case(prepared, INSTRUCTION, CAPTIONS, seed=options.seed), **changes)


def difference_in_levels(one: Image.Image, other: Image.Image) -> int:
    """The largest difference of two pictures of one size, in levels of 255."""
    assert one.size == other.size
    return int(np.abs(np.asarray(one, dtype=int) - np.asarray(other, dtype=int)).max())


def edits_repeat_and_obey_the_captions_alone_and_together(editor: Editor, name: str) -> None:
    """The same pixels for the same edit, whatever was drawn or edited before, within one level of 255 in a batch, where
    sums run in another order; others for other captions."""
    options = quick(editor, name)
    first = edited(editor, options)
    assert (first.image.size, first.image.mode) == (PICTURE.size, "RGB")
    assert first.seconds["edit"] > 0
    assert first.captions == CAPTIONS
    torch.rand(3)
    jobs = [
        job(options, picture=ANOTHER, captions=OTHER_CAPTIONS),
        job(options),
        job(options, captions=OTHER_CAPTIONS),
    ]
    together = made(editor, *jobs)
    assert difference_in_levels(together[1].image, first.image) <= 1
    assert difference_in_levels(together[2].image, first.image) > 1
    assert edited(Editor(editor.settings), options).image.tobytes() == first.image.tobytes()
    assert first.models == editor.model_rows()
    assert editor.executor.method(options.method).batch in (1, None)


def an_oblong_picture_comes_back_at_its_size(editor: Editor, name: str) -> None:
    """Whatever sizes the method works on."""
    assert edited(editor, quick(editor, name), picture=draw_picture(2, (90, 41))).image.size == (90, 41)


def the_editors_own_edits_are_not_affected(editor: Editor, name: str) -> None:
    """Pipelines that replace attention or collect gradients leave the editor's model as it was."""

    def own() -> bytes:
        return edited(editor, quick(editor, "attention")).image.tobytes()

    before, attention = own(), dict(networks_of(editor).unet.attn_processors)
    edited(editor, quick(editor, name))
    assert networks_of(editor).unet.attn_processors == attention
    assert not any(weight.requires_grad for weight in networks_of(editor).unet.parameters())
    assert own() == before
