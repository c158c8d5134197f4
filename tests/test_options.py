"""Every setting checks itself and says what it is for."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

import pix2pix_onthefly
from pix2pix_onthefly import EditOptions, OptionError


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
    assert options.steps == 100


def test_every_option_is_documented() -> None:
    for field in dataclasses.fields(EditOptions):
        assert len(field.metadata["help"]) > 20, field.name


def test_the_constants_of_the_paper_and_of_pix2pix_zero() -> None:
    options = EditOptions.of()
    assert (options.steps, options.guidance_scale, options.cross_attention_guidance) == (100, 5.0, 0.15)
    assert (options.auto_correlation_rolls, options.auto_correlation_weight, options.kl_weight) == (5, 20.0, 20.0)


def test_public_names() -> None:
    for name in pix2pix_onthefly.__all__:
        assert getattr(pix2pix_onthefly, name) is not None
    assert {"Editor", "EditOptions", "EditResult"} <= set(pix2pix_onthefly.__all__)
