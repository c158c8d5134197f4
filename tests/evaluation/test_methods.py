"""What holds for every method without training, on tiny random models."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from pix2pix_onthefly.editor import Editor
from pix2pix_onthefly.errors import OptionError
from pix2pix_onthefly.evaluation.methods import METHODS, make_method
from pix2pix_onthefly.evaluation.methods.sentences import POOLS
from pix2pix_onthefly.options import EditOptions
from tests.evaluation.fixtures import draw_picture
from tests.evaluation.method_cases import CASE, OTHER, STEPS, UNTRAINED, only, pixels, quick

OF_THE_SEED = ["sdedit-0.3", "pix2pix-zero-diffusers", "ledits++"]


@pytest.fixture
def editor(tiny_family: str) -> Editor:
    return Editor.load(tiny_family, device="cpu", batch=3)


@pytest.fixture
def options(editor: Editor) -> EditOptions:
    return editor.options(steps=STEPS)


@pytest.fixture
def few_sentences(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(POOLS, "world", replace(POOLS["world"], wordings=POOLS["world"].wordings[:2]))


@pytest.mark.usefixtures("few_sentences")
@pytest.mark.parametrize("name", UNTRAINED)
def test_edits_repeat_and_obey_the_caption_alone_and_together(editor: Editor, options: EditOptions, name: str) -> None:
    """The same pixels for the same case, whatever was drawn or edited before, within one level of 255 in a batch, where
    sums run in another order; others for another caption."""
    method = quick(name, editor, options)
    first = only(method, CASE)
    assert first.image.size == CASE.picture.size
    assert first.image.mode == "RGB"
    assert first.seconds > 0
    torch.rand(3)
    other_caption = replace(CASE, captions=OTHER.captions)
    together = method.edit([OTHER, CASE, other_caption])
    assert np.abs(pixels(together[1]) - pixels(first)).max() <= 1
    assert np.abs(pixels(together[2]) - pixels(first)).max() > 1
    assert only(quick(name, editor, options), CASE).image.tobytes() == first.image.tobytes()
    assert (method.name, method.models()) == (name, {"diffusion": editor.models()["diffusion"]})
    assert method.batch in (1, 3)
    assert method.settings()["steps"] == (STEPS if name.startswith("sdedit") else 2)


@pytest.mark.usefixtures("few_sentences")
@pytest.mark.parametrize("name", UNTRAINED)
def test_oblong_pictures_come_back_at_their_size(editor: Editor, options: EditOptions, name: str) -> None:
    made = only(quick(name, editor, options), replace(CASE, picture=draw_picture(2, (90, 41))))
    assert made.image.size == (90, 41)


def test_the_seed_matters_where_noise_is_drawn(editor: Editor, options: EditOptions) -> None:
    for name in OF_THE_SEED:
        method = quick(name, editor, options)
        assert only(method, CASE).image.tobytes() != only(method, replace(CASE, seed=1)).image.tobytes(), name
    inverting = make_method("ddim", editor, options)
    assert only(inverting, CASE).image.tobytes() == only(inverting, replace(CASE, seed=1)).image.tobytes()


def test_guidance_scales_move_with_the_familys(editor: Editor) -> None:
    """As published at the default for Stable Diffusion, in proportion elsewhere; what is used is what is told."""
    published = make_method("ddim", editor, editor.options(steps=STEPS, guidance_scale=5.0))
    small = make_method("ddim", editor, editor.options(steps=STEPS, guidance_scale=1.5))
    assert published.settings()["guidance_scale"] == 7.5
    assert small.settings()["guidance_scale"] == pytest.approx(2.25)
    assert only(published, CASE).image.tobytes() != only(small, CASE).image.tobytes()


@pytest.mark.parametrize(
    ("name", "changes", "message"),
    [
        ("ddmi", {}, "there is no method 'ddmi'; choose one of ddim, sdedit-0.3"),
        ("ddim", {"strength": 0.5}, "the method ddim has no setting 'strength'; its settings are guidance_scale"),
        ("pix2pix-zero-fixed", {"x": 1}, "it has none"),
        ("ddim", {"guidance_scale": "high"}, "guidance_scale of ddim must be of type float, not 'high'"),
        ("ddim", {"negative": "blurry"}, "negative must be one of empty, source"),
        ("ledits++", {"prompts": "words"}, "prompts must be one of captions, phrases"),
        ("sdedit-0.5", {"strength": 0.0}, "strength must be above 0"),
        ("sdedit-0.5", {"strength": 0.1}, "sdedit-0.5 needs at least 10 steps at strength 0.1"),
    ],
)
def test_mistakes_get_one_sentence(
    editor: Editor, options: EditOptions, name: str, changes: dict[str, Any], message: str
) -> None:
    with pytest.raises(OptionError) as caught:
        make_method(name, editor, options, **changes)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_pictures_of_different_sizes_are_refused(editor: Editor, options: EditOptions) -> None:
    method = make_method("ddim", editor, options)
    with pytest.raises(ValueError, match="different sizes"):
        method.edit([CASE, replace(CASE, picture=draw_picture(1, (32, 64)))])
    assert method.edit([]) == []


def test_every_method_is_described() -> None:
    assert all(row.about and row.weights for row in METHODS.values())
