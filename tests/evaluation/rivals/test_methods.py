"""What holds for every method without training, on tiny random models."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from pix2pix_onthefly.evaluation.rivals.sentences import POOLS

from pix2pix_onthefly.editor import Editor
from pix2pix_onthefly.errors import OptionError
from pix2pix_onthefly.evaluation.rivals import METHODS, make_method, read_settings
from pix2pix_onthefly.evaluation.runs.configurations import Configuration
from pix2pix_onthefly.options import EditOptions
from tests.evaluation.fixtures import draw_picture
from tests.evaluation.rivals.cases import CASE, OTHER, STEPS, UNTRAINED, only, pixels, quick

OF_THE_SEED = ["sdedit-0.3", "pix2pix-zero-diffusers", "ledits++"]


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
        ("ledits++", {"skip": 1.0}, "skip must lie between 0 and 0.99"),
        ("pix2pix-zero-diffusers", {"regularisation_rounds": -1}, "regularisation_rounds must lie between 0 and 50"),
        ("instruct-pix2pix", {"trained": None}, "its settings are weights, guidance_scale, image_guidance_scale"),
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


@pytest.mark.parametrize(
    ("name", "texts", "expected"),
    [
        ("ddim", [], ()),
        ("ddim", ["negative=source", "guidance-scale=12"], (("guidance_scale", 12.0), ("negative", "source"))),
        ("pix2pix-zero-diffusers", ["regularisation_rounds=0"], (("regularisation_rounds", 0),)),
        ("ledits++", ["use_intersect_mask=no"], (("use_intersect_mask", False),)),
        ("hive", ["suffix=", "weights=/a=b/c"], (("suffix", ""), ("weights", "/a=b/c"))),
    ],
)
def test_settings_are_read_as_their_types(name: str, texts: list[str], expected: tuple[tuple[str, Any], ...]) -> None:
    found = read_settings(name, texts)
    assert found == expected
    assert [type(value) for _, value in found] == [type(value) for _, value in expected]


@pytest.mark.parametrize(
    ("name", "texts", "message"),
    [
        ("ddmi", ["a=b"], "there is no method 'ddmi'; choose one of ddim, sdedit-0.3"),
        ("ours", ["guidance_scale=5"], "the method ours has no settings of its own"),
        ("ddim", ["negative"], "given as NAME=VALUE, not as 'negative'; its settings are guidance_scale, negative"),
        ("ddim", ["strength=1"], "the method ddim has no setting 'strength'; its settings are guidance_scale"),
        ("pix2pix-zero-fixed", ["x=1"], "the method pix2pix-zero-fixed has no setting 'x'; it has none"),
        ("hive", ["trained=x"], "no setting 'trained'; its settings are weights, guidance_scale"),
        ("ddim", ["guidance_scale=high"], "guidance_scale of ddim must be a number, not 'high'"),
        ("ddim", ["guidance_scale=nan"], "guidance_scale of ddim must be a number, not 'nan'"),
        ("pix2pix-zero-diffusers", ["auto_correlation_rolls=1.5"], "must be a whole number, not '1.5'"),
        ("ledits++", ["use_intersect_mask=maybe"], "use_intersect_mask of ledits++ must be yes or no, not 'maybe'"),
        ("ddim", ["negative=blurry"], "negative must be one of empty, source, not 'blurry'"),
        ("ddim", ["negative=source", "negative=empty"], "negative of ddim is given twice"),
    ],
)
def test_settings_that_cannot_be_read_get_one_sentence(name: str, texts: list[str], message: str) -> None:
    with pytest.raises(OptionError) as caught:
        read_settings(name, texts)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_configuration_without_such_settings_is_what_it_was() -> None:
    """Names of results hang on it."""
    assert set(Configuration(EditOptions(), method="ddim").plain()) == {"options", "caption_source", "method"}
    changed = Configuration(EditOptions(), method="ddim", method_settings=read_settings("ddim", ["negative=source"]))
    assert changed.plain()["method_settings"] == {"negative": "source"}


def test_pictures_of_different_sizes_are_refused(editor: Editor, options: EditOptions) -> None:
    method = make_method("ddim", editor, options)
    with pytest.raises(ValueError, match="different sizes"):
        method.edit([CASE, replace(CASE, picture=draw_picture(1, (32, 64)))])
    assert method.edit([]) == []


def test_every_method_is_described() -> None:
    assert all(row.about and row.weights for row in METHODS.values())
