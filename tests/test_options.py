"""Every setting checks itself and says what it is for."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

import pix2pix_onthefly
from pix2pix_onthefly import EditOptions, OptionError
from pix2pix_onthefly.methods.table import METHODS, method_options
from pix2pix_onthefly.models.families import FAMILIES
from pix2pix_onthefly.options import AttentionOptions, InversionOptions, RewritingOptions, SdeditOptions, settings_in
from pix2pix_onthefly.running.defaults import options_for


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("steps", 1),
        ("steps", 1000),
        ("steps", 10.0),
        ("steps", True),
        ("inversion", "sideways"),
        ("guidance_scale", -0.1),
        ("guidance_scale", "5"),
        ("guidance_scale", float("nan")),
        ("captions", 0),
        ("captions", 17),
        ("shots", -1),
        ("wording", "rude"),
        ("lock_first_caption", 1),
        ("attempts", 0),
        ("size", 8),
        ("seed", -1),
        ("seed", None),
    ],
)
def test_bad_values_are_refused_by_name(name: str, value: Any) -> None:
    with pytest.raises(OptionError, match=name):
        EditOptions.of(**{name: value})


def test_the_reference_inversion_needs_a_step_to_take() -> None:
    with pytest.raises(OptionError, match="at least 3"):
        EditOptions.of(inversion="reference", steps=2)
    assert EditOptions.of(inversion="reference", steps=3).steps == 3


def test_unknown_names_are_refused_with_the_known_ones() -> None:
    with pytest.raises(OptionError, match=r"'step'.*steps"):
        EditOptions().with_changes(step=3)


def test_options_cannot_be_changed_in_place() -> None:
    options = EditOptions.of()
    with pytest.raises(dataclasses.FrozenInstanceError):
        options.steps = 3  # pyright: ignore[reportAttributeAccessIssue]
    assert options.with_changes(steps=3).steps == 3
    assert options.steps == 20


def test_every_option_is_documented() -> None:
    for record in (EditOptions, RewritingOptions, InversionOptions, *(type(row.options) for row in METHODS.values())):
        for field in settings_in(record):
            assert len(field.metadata["help"]) > 20, field.name


def test_the_constants_of_the_paper_and_of_pix2pix_zero() -> None:
    flat = EditOptions.of(AttentionOptions()).flat()
    assert flat["keep"] == "off"
    assert (flat["steps"], flat["guidance_scale"], flat["cross_attention_guidance"]) == (100, 5.0, 0.15)
    assert (flat["auto_correlation_rolls"], flat["auto_correlation_weight"], flat["kl_weight"]) == (5, 20.0, 20.0)


def test_flat_names_are_sorted_into_the_records_of_their_stages() -> None:
    options = EditOptions.of(AttentionOptions(), steps=7, inversion="reference", shots=3, guided_share=0.5)
    assert (options.steps, options.inversion.kind, options.rewriting.shots) == (7, "reference", 3)
    assert options.flat()["guided_share"] == 0.5
    same = EditOptions.of(AttentionOptions())
    assert same.with_changes(**{k: v for k, v in options.flat().items() if k != "method"}) == options


def test_no_flat_name_belongs_to_two_stages() -> None:
    """A method may share a name with another method, never with a stage that it goes together with."""
    stages = {*EditOptions.of().flat()} - {*EditOptions.of().method.flat()}
    for row in METHODS.values():
        assert not stages & row.options.flat().keys(), row.options.name


def test_an_option_of_another_method_is_refused() -> None:
    with pytest.raises(OptionError, match="the method flow has no option 'strength'; choose the method sdedit"):
        EditOptions.of(strength=0.5)
    assert EditOptions.of(SdeditOptions(), strength=0.25).flat()["strength"] == 0.25


def test_a_strength_may_stand_in_the_name_of_a_method() -> None:
    assert method_options("sdedit-0.3") == SdeditOptions(strength=0.3)
    assert method_options("sdedit-0.3").label == "sdedit-0.3"
    for wrong, hint in (("sdedt", "did you mean 'sdedit'"), ("ddim-0.5", "there is no method"), ("", "choose one")):
        with pytest.raises(OptionError, match=hint):
            method_options(wrong)


def test_presets_stand_below_what_is_given_and_above_the_family() -> None:
    mini = FAMILIES["mini"]
    assert options_for(mini, named="quick").method.name == "chord"
    assert options_for(mini, named="quick", changes={"steps": 5}).steps == 5
    paper = options_for(mini, named="paper")
    assert (paper.method.name, paper.steps, paper.flat()["guidance_scale"]) == ("attention", 100, 1.5)
    assert options_for(mini, named="paper", method="sdedit").method == SdeditOptions(guidance_scale=2.25)
    with pytest.raises(OptionError, match="no preset 'papr'"):
        options_for(mini, named="papr")


def test_a_family_of_small_models_lowers_every_methods_guidance() -> None:
    for name, scale in (("attention", 1.5), ("ddim", 2.25), ("sdedit-0.5", 2.25)):
        assert options_for(FAMILIES["mini"], method=name).flat()["guidance_scale"] == pytest.approx(scale)
        given = options_for(FAMILIES["mini"], method=name, changes={"guidance_scale": 4.0})
        assert given.flat()["guidance_scale"] == 4.0
    assert options_for(FAMILIES["sd14"]).flat()["guidance_scale"] == 5.0
    assert options_for(FAMILIES["sd21"], method="attention").flat()["cross_attention_guidance"] == 0.01
    assert options_for(FAMILIES["sd21"], method="ddim").method.name == "ddim"


def test_public_names() -> None:
    for name in pix2pix_onthefly.__all__:
        assert getattr(pix2pix_onthefly, name) is not None
    assert {"Editor", "EditOptions", "EditResult"} <= set(pix2pix_onthefly.__all__)
