"""The command line and recipes: repeating an edit with --like, and showing what a picture carries."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from PIL import Image
from pix2pix_onthefly.cli.options import EditRequest

from pix2pix_onthefly.errors import InputError
from pix2pix_onthefly.pictures import saving
from tests.cli import helpers as cli_helpers
from tests.cli.helpers import QUICK, edit, onthefly, options_of, same_pixels

here = cli_helpers.here  # a fixture is found by its name in the module of the tests

RECIPE: dict[str, object] = {
    "instruction": "make it a dog",
    "caption": "a cat",
    "captions": {"before": ["a cat"], "after": ["a dog"], "outcome": "complied"},
    "options": {"steps": 7, "size": None},
    "family": "mini",
}


def test_like_repeats_an_edit(here: Path) -> None:
    first = onthefly("edit", "cat.png", "make it a dog", "--attempts", "1", "--direction-scale", "2", *QUICK)
    assert first.exit_code == 0, first.output
    result = onthefly("edit", "cat.png", "--like", "cat-edited.png", "-o", "again.png")
    assert result.exit_code == 0, result.output
    assert "Writing captions" not in result.stderr
    assert same_pixels("cat-edited.png", "again.png")
    old, new = saving.read_recipe("cat-edited.png"), saving.read_recipe("again.png")
    changing = {"seconds": None, "warnings": None}
    assert {**old, **changing} == {**new, **changing}


def test_like_takes_what_is_given_anew(here: Path) -> None:
    edit()
    result = onthefly("edit", "cat.png", "--like", "cat-edited.png", "--direction-scale", "3", "-o", "again.png")
    assert result.exit_code == 0, result.output
    assert options_of(saving.read_recipe("again.png"))["direction_scale"] == 3
    assert not same_pixels("cat-edited.png", "again.png")


@pytest.mark.parametrize(
    ("request_", "outcome", "kept"),
    [
        (EditRequest(), "complied", True),
        (EditRequest("make it a dog"), "complied", True),
        (EditRequest(changes={"steps": 9}), "complied", True),
        (EditRequest("make it a fox"), "complied", False),
        (EditRequest("make it a fox"), "given", False),
        (EditRequest(caption="a kitten"), "complied", False),
        (EditRequest(caption="a kitten"), "given", True),
        (EditRequest("make it a dog", changes={"shots": 3}), "complied", False),
        (EditRequest(changes={"shots": 3}), "given", True),
        (EditRequest(direction=Path("d.safetensors")), "complied", False),
    ],
)
def test_like_keeps_captions_until_what_they_came_from_changes(request_: EditRequest, outcome: str, kept: bool) -> None:
    captions = {"before": ["a cat"], "after": ["a dog"], "outcome": outcome}
    made = request_.like({**RECIPE, "captions": captions}, "x.png")
    assert (made.before, made.after) == ((("a cat",), ("a dog",)) if kept else ((), ()))
    assert made.family == "mini"
    assert made.changes == {"steps": 7, **request_.changes}


@pytest.mark.parametrize("broken", [{"captions": None}, {"captions": {"before": "a"}}, {"options": []}, {"caption": 1}])
def test_like_refuses_strange_recipes(broken: dict[str, object]) -> None:
    with pytest.raises(InputError, match="not that of an edit"):
        EditRequest().like({**RECIPE, **broken}, "x.png")


def test_like_asks_for_the_direction_a_picture_was_made_with() -> None:
    recipe = {**RECIPE, "captions": {"before": [], "after": [], "outcome": "given"}, "direction": "dog.safetensors"}
    with pytest.raises(InputError, match=r"dog\.safetensors"):
        EditRequest().like(recipe, "x.png")


def test_show(here: Path) -> None:
    edit("--json")
    shown = onthefly("show", "cat-edited.png")
    assert shown.exit_code == 0
    assert "instruction:" in shown.stdout
    assert "  guidance_scale:" in shown.stdout
    assert json.loads(onthefly("show", "cat-edited.png", "--json").stdout) == saving.read_recipe("cat-edited.png")


def test_show_lets_no_escape_sequence_through(here: Path) -> None:
    saving.save(Image.new("RGB", (8, 8)), "x.png", {"instruction": "\x1b]0;title\x07[red]x"}, overwrite=False)
    shown = onthefly("show", "x.png").stdout
    assert "\x1b" not in shown
    assert "[red]x" in shown
