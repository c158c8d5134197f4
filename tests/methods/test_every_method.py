"""What holds for every way of editing, on tiny random models."""

from __future__ import annotations

from typing import Any

import pytest

from pix2pix_onthefly.editor import Editor
from pix2pix_onthefly.errors import OptionError
from pix2pix_onthefly.methods.table import METHODS, method_options
from tests.methods import cases
from tests.methods.cases import edited, few_sentences, quick

OURS = ("flow", "chord", "attention", "ddim", "sdedit-0.3", "edit-friendly", "prompt-to-prompt", "pix2pix-zero-fixed")


@pytest.fixture(autouse=True)
def _few_sentences(monkeypatch: pytest.MonkeyPatch) -> None:
    few_sentences(monkeypatch)


def test_these_are_all_that_edit() -> None:
    names = {method_options(name).name for name in OURS}
    assert names == {name for name, row in METHODS.items() if row.listed}
    assert all(row.about for row in METHODS.values())


@pytest.mark.parametrize("name", OURS)
def test_edits_repeat_and_obey_the_captions_alone_and_together(editor: Editor, name: str) -> None:
    cases.edits_repeat_and_obey_the_captions_alone_and_together(editor, name)


@pytest.mark.parametrize("name", OURS)
def test_oblong_pictures_come_back_at_their_size(editor: Editor, name: str) -> None:
    cases.an_oblong_picture_comes_back_at_its_size(editor, name)


def test_the_seed_matters_where_noise_is_drawn_and_nowhere_else(editor: Editor) -> None:
    for name, drawn in (
        ("flow", True),
        ("edit-friendly", True),
        ("sdedit-0.3", True),
        ("ddim", False),
        ("prompt-to-prompt", False),
        ("attention", False),
    ):
        pictures = {edited(editor, quick(editor, name, seed=seed)).image.tobytes() for seed in (5, 1)}
        assert len(pictures) == 1 + drawn, name


def test_guidance_scales_move_with_the_familys() -> None:
    """As published for Stable Diffusion, lower by the family's factor for small models, and as given where given; what
    is used is what is told."""
    published, small = Editor.load("sd14", device="cpu"), Editor.load("mini", device="cpu")
    for name, scale in (("ddim", 7.5), ("sdedit-0.5", 7.5), ("attention", 5.0)):
        assert published.options(method=name).flat()["guidance_scale"] == scale
        assert small.options(method=name).flat()["guidance_scale"] == pytest.approx(scale * 0.3)
        assert small.options(method=name, guidance_scale=9.0).flat()["guidance_scale"] == 9.0


def test_the_guidance_scale_is_used(editor: Editor) -> None:
    for name in OURS:
        pictures = {edited(editor, quick(editor, name, guidance_scale=scale)).image.tobytes() for scale in (1.0, 9.0)}
        assert len(pictures) == 2, name


@pytest.mark.parametrize(
    ("name", "changes", "message"),
    [
        ("ddmi", {}, "there is no method 'ddmi'; did you mean 'ddim'?"),
        ("magic-0.5", {}, "there is no method 'magic-0.5'; choose one of flow, chord, attention, ddim"),
        ("ddim-0.5", {}, "there is no method 'ddim-0.5'; did you mean 'ddim'?"),
        ("ddim", {"strength": 0.5}, "the method ddim has no option 'strength'; choose the method sdedit"),
        ("ddim", {"guidance_scale": "high"}, "guidance_scale must be of type float, not str"),
        ("ddim", {"negative": "blurry"}, "negative must be one of empty, source"),
        ("sdedit", {"strength": 0.0}, "strength must lie between 0.01 and 1"),
        ("sdedit-7", {}, "strength must lie between 0.01 and 1"),
    ],
)
def test_mistakes_get_one_sentence(editor: Editor, name: str, changes: dict[str, Any], message: str) -> None:
    with pytest.raises(OptionError) as caught:
        editor.options(method=name, **changes)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_too_few_steps_for_a_strength_get_one_sentence(editor: Editor) -> None:
    with pytest.raises(OptionError, match=r"sdedit needs at least 10 steps at strength 0.1; raise either"):
        edited(editor, editor.options(method="sdedit-0.1", steps=4))
