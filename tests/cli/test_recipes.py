"""The command line and recipes: repeating an edit with --like, and showing what a picture carries."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from pix2pix_onthefly.cli.requests import EditRequest
from pix2pix_onthefly.errors import InputError
from pix2pix_onthefly.models import rows
from pix2pix_onthefly.models.families import FAMILIES
from pix2pix_onthefly.pictures import saving
from pix2pix_onthefly.running.defaults import options_for
from tests.cli import helpers as cli_helpers
from tests.cli.helpers import QUICK, edit, onthefly, options_of, same_pixels

here = cli_helpers.here  # a fixture is found by its name in the module of the tests

ALONG = ("--method", "attention")
"""The way that goes along a direction."""
RECIPE: dict[str, object] = {
    "instruction": "make it a dog",
    "caption": "a cat",
    "captions": {"before": ["a cat"], "after": ["a dog"], "outcome": "complied"},
    "options": {"steps": 7, "size": None},
    "family": "mini",
}


def test_like_repeats_an_edit(here: Path) -> None:
    first = onthefly("edit", "cat.png", "make it a dog", "--attempts", "1", "--direction-scale", "2", *ALONG, *QUICK)
    assert first.exit_code == 0, first.output
    result = onthefly("edit", "cat.png", "--like", "cat-edited.png", "-o", "again.png")
    assert result.exit_code == 0, result.output
    assert "Writing captions" not in result.stderr
    assert same_pixels("cat-edited.png", "again.png")
    old, new = saving.read_recipe("cat-edited.png"), saving.read_recipe("again.png")
    changing = {"seconds": None, "warnings": None}
    assert {**old, **changing} == {**new, **changing}


def test_like_takes_the_route_that_the_edit_took(here: Path) -> None:
    """The kind that a recipe's captions are of decides, although its captions are handed over."""
    captions = ("--before", "a cat on the beach", "--after", "a dog on the beach")
    first = onthefly("edit", "cat.png", "make it a dog", "--caption", "a cat on the beach", *captions, "--steps", "6")
    assert first.exit_code == 0, first.output
    recipe = saving.read_recipe("cat-edited.png")
    written: Any = recipe["captions"]
    removal = {**recipe, "captions": {**written, "kind": "remove"}}
    with Image.open("cat-edited.png") as picture:
        saving.save(picture, "removed.png", removal, overwrite=False)
    for like, output in (("cat-edited.png", "again.png"), ("removed.png", "otherwise.png")):
        result = onthefly("edit", "cat.png", "--like", like, "-o", output)
        assert result.exit_code == 0, result.output
    assert same_pixels("cat-edited.png", "again.png")
    assert not same_pixels("cat-edited.png", "otherwise.png")


def test_like_takes_what_is_given_anew(here: Path) -> None:
    edit(*ALONG)
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
    made = request_.like({**RECIPE, "captions": captions}, "x.png", same_picture=True)
    assert (made.before, made.after) == ((("a cat",), ("a dog",)) if kept else ((), ()))
    assert made.family == "mini"
    assert made.changes == {"steps": 7, **request_.changes}


@pytest.mark.parametrize("broken", [{"captions": None}, {"captions": {"before": "a"}}, {"options": []}, {"caption": 1}])
def test_like_refuses_strange_recipes(broken: dict[str, object]) -> None:
    with pytest.raises(InputError, match="not that of an edit"):
        EditRequest().like({**RECIPE, **broken}, "x.png", same_picture=True)


def test_like_asks_for_the_direction_a_picture_was_made_with() -> None:
    recipe = {**RECIPE, "captions": {"before": [], "after": [], "outcome": "given"}, "direction": "dog.safetensors"}
    with pytest.raises(InputError, match=r"dog\.safetensors"):
        EditRequest().like(recipe, "x.png", same_picture=True)


def test_like_on_another_picture_captions_it_anew(here: Path) -> None:
    """The first picture's caption is not true of another one, nor are captions that were written from it."""
    first = onthefly("edit", "cat.png", "make it a dog", "--attempts", "1", *QUICK)
    assert first.exit_code == 0, first.output
    Image.new("RGB", (64, 64), "green").save("other.png")
    result = onthefly("edit", "other.png", "--like", "cat-edited.png", "-o", "again.png")
    assert result.exit_code == 0, result.output
    assert "Describing the picture" in result.stderr
    assert "Writing captions" in result.stderr
    old, new = saving.read_recipe("cat-edited.png"), saving.read_recipe("again.png")
    assert old["instruction"] == new["instruction"]
    assert old["source_sha256"] != new["source_sha256"]


def test_like_on_a_copy_of_the_picture_keeps_its_caption(here: Path) -> None:
    """A picture is known by its pixels, not by the name of its file."""
    edit()
    Path("copy.png").write_bytes(Path("cat.png").read_bytes())
    result = onthefly("edit", "copy.png", "--like", "cat-edited.png", "-o", "again.png")
    assert result.exit_code == 0, result.output
    assert "Describing" not in result.stderr
    assert same_pixels("cat-edited.png", "again.png")


def test_like_on_another_picture_keeps_the_users_own_captions() -> None:
    captions = {"before": ["a cat"], "after": ["a dog"], "outcome": "given"}
    made = EditRequest().like({**RECIPE, "captions": captions}, "x.png", same_picture=False)
    assert (made.caption, made.before, made.after) == (None, ("a cat",), ("a dog",))


def test_like_with_another_family_carries_no_defaults_over() -> None:
    """Of the old family's settings only those count that somebody had asked for."""
    options = options_for(FAMILIES["mini"], method="attention", changes={"steps": 33}).flat()
    request = EditRequest(models={"family": "sd21"})
    made = request.like({**RECIPE, "options": options}, "x.png", same_picture=True)
    assert made.changes == {"steps": 33}
    assert made.options().flat()["cross_attention_guidance"] == 0.01
    same = EditRequest().like({**RECIPE, "options": options}, "x.png", same_picture=True)
    assert same.changes["guidance_scale"] == 1.5


@pytest.mark.parametrize(
    "source", ["evil/repo", "../../../etc", "evil/repo@main", "CompVis/stable-diffusion-v1-4@main"]
)
def test_like_follows_no_model_that_a_stranger_names(source: str) -> None:
    recipe = {**RECIPE, "models": {"diffusion": source}}
    with pytest.raises(InputError, match=r"none of those in 'onthefly models'.*--diffusion"):
        EditRequest().like(recipe, "x.png", same_picture=True)


def test_like_takes_a_model_that_the_user_names() -> None:
    recipe = {**RECIPE, "models": {"diffusion": "some/model"}}
    trusted = EditRequest(models={"diffusion": "other/model"}).like(recipe, "x.png", same_picture=True)
    assert trusted.models["diffusion"] == "other/model"


def test_like_takes_the_tables_own_models() -> None:
    large = str(rows.BLIP_LARGE)
    made = EditRequest().like({**RECIPE, "models": {"captioner": large}}, "x.png", same_picture=True)
    assert made.models["captioner"] == large


def test_like_with_another_method_leaves_the_old_ones_settings() -> None:
    options = options_for(FAMILIES["mini"], method="attention", changes={"guided_share": 0.5, "steps": 9}).flat()
    request = EditRequest(method="sdedit-0.5")
    made = request.like({**RECIPE, "options": options}, "x.png", same_picture=True)
    assert made.options().method.label == "sdedit-0.5"
    assert made.options().steps == 9


def test_recipes_of_the_version_before_still_work(here: Path) -> None:
    """They name no method, no digest of the picture, and hold every setting flat."""
    edit(*ALONG)
    recipe = saving.read_recipe("cat-edited.png")
    old_options = {key: value for key, value in options_of(recipe).items() if key != "method"}
    old = {key: value for key, value in recipe.items() if key != "source_sha256"} | {"options": old_options}
    saving.save(Image.new("RGB", (8, 8)), "old.png", old, overwrite=False)
    result = onthefly("edit", "cat.png", "--like", "old.png", "-o", "again.png")
    assert result.exit_code == 0, result.output
    assert same_pixels("cat-edited.png", "again.png")


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
