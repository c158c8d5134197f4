"""What the form holds, as settings."""

from __future__ import annotations

import pytest

from pix2pix_onthefly.errors import OptionError
from pix2pix_onthefly.web.fields import Field, changes_of

STEPS = Field("steps", "edit", "", "int", minimum=2, maximum=999)
SCALE = Field("guidance_scale", "method", "", "float", methods=("flow", "ddim"))
BEST = Field("best", "edit", "", "bool")
STRENGTH = Field("strength", "method", "", "float", methods=("sdedit",))
FIELDS = (STEPS, SCALE, BEST, STRENGTH)


def test_empty_fields_are_not_given() -> None:
    assert changes_of(FIELDS, {"steps": "", "guidance_scale": None, "best": ""}, "flow") == {}


def test_values_become_those_of_their_kind() -> None:
    raw = {"steps": " 8", "guidance_scale": "2.5", "best": "no"}
    assert changes_of(FIELDS, raw, "flow") == {"steps": 8, "guidance_scale": 2.5, "best": False}


def test_settings_of_another_way_of_editing_do_not_count() -> None:
    assert changes_of(FIELDS, {"strength": "0.5"}, "flow") == {}
    assert changes_of(FIELDS, {"strength": "0.5"}, "sdedit") == {"strength": 0.5}


def test_what_is_no_number_is_said_in_one_sentence() -> None:
    with pytest.raises(OptionError, match="guidance scale must be a number, not 'much'; or leave it empty"):
        SCALE.value_of("much")
    with pytest.raises(OptionError, match=r"steps must be a whole number, not '2\.5'"):
        STEPS.value_of("2.5")


@pytest.mark.parametrize(("field", "value"), [(STEPS, 8), (SCALE, 2.5), (BEST, True), (BEST, False)])
def test_a_value_that_fills_the_form_comes_out_again(field: Field, value: object) -> None:
    assert field.value_of(field.raw_of(value)) == value
