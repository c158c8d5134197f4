"""The command line, with tiny random models: what its commands make and say."""

from __future__ import annotations

import dataclasses
import json
import os
from pathlib import Path

import pytest

from pix2pix_onthefly import Editor
from pix2pix_onthefly.errors import InputError
from pix2pix_onthefly.models import families
from pix2pix_onthefly.pictures import opening, saving
from pix2pix_onthefly.running.defaults import draw_options_for
from tests.cli import helpers as cli_helpers
from tests.cli.helpers import QUICK, edit, onthefly, options_of, same_pixels

here = cli_helpers.here  # a fixture is found by its name in the module of the tests


# ---- edit


def test_edit_saves_a_picture_of_the_input_size_with_its_recipe(here: Path) -> None:
    result = edit()
    picture = opening.open_picture("cat-edited.png")
    assert picture.size == (80, 60)
    recipe = saving.read_recipe("cat-edited.png")
    assert recipe["source"] == "cat.png"
    assert recipe["instruction"] == "make it a dog"
    assert options_of(recipe)["steps"] == 2
    assert str(here) not in json.dumps({**recipe, "models": None})
    for text in ("caption: a cat on the beach", "before:  a cat", "after:   a dog", "picture: cat-edited.png"):
        assert text in result.stdout
    lines = ["Loading models ...", "Regenerating edited ..."]
    assert result.stderr.splitlines() == lines


def test_edit_from_the_instruction_alone(here: Path) -> None:
    free = ("--no-constrain", "--force")  # a reply of a model that knows nothing, and an edit all the same
    result = onthefly("edit", "cat.png", "make it a dog", "--attempts", "1", *free, *QUICK)
    assert result.exit_code == 0, result.output
    assert "Describing the picture" in result.stderr
    assert "Writing captions" in result.stderr
    assert "Warning: " in result.stderr  # of a model that knows nothing, the instruction itself had to do
    assert "Warning" not in result.stdout


def test_the_same_edit_gives_the_same_pixels(here: Path) -> None:
    edit("-o", "one.png", "--regularisation-rounds", "1")
    edit("-o", "two.png", "--regularisation-rounds", "1")
    assert same_pixels("one.png", "two.png")


def test_json_stands_alone_on_stdout(here: Path) -> None:
    printed = json.loads(edit("--json", "--output", "sub/out.webp").stdout)
    assert printed["output"] == os.path.join("sub", "out.webp")
    assert printed["captions"]["outcome"] == "given"
    del printed["output"]
    assert printed == saving.read_recipe("sub/out.webp")


def test_compare_saves_a_row_of_three(here: Path) -> None:
    edit("--compare")
    width, height = opening.open_picture("cat-edited.png").size
    assert width > 2.5 * height


def test_no_metadata(here: Path) -> None:
    edit("--no-metadata")
    assert opening.open_picture("cat-edited.png").size == (80, 60)
    with pytest.raises(InputError):
        saving.read_recipe("cat-edited.png")


def test_overwrite(here: Path) -> None:
    Path("cat-edited.png").write_bytes(b"old")
    edit("--overwrite")
    assert opening.open_picture("cat-edited.png").size == (80, 60)


def test_a_saved_direction_serves_in_place_of_captions(here: Path) -> None:
    along = ("--method", "attention")
    edit("--save-direction", "dog.safetensors", *along)
    arguments = ("--direction", "dog.safetensors", "--caption", "a cat on the beach", "-o", "again.png", *along)
    result = onthefly("edit", "cat.png", *arguments, *QUICK)
    assert result.exit_code == 0, result.output
    assert same_pixels("cat-edited.png", "again.png")
    assert saving.read_recipe("again.png")["direction"] == "dog.safetensors"
    result = onthefly("edit", "cat.png", *arguments, "--overwrite", "--save-direction", "other.safetensors")
    assert result.exit_code == 2


def test_a_poor_reconstruction_is_told_of(here: Path, monkeypatch: pytest.MonkeyPatch, tiny_family: str) -> None:
    row = families.FAMILIES[tiny_family]
    monkeypatch.setitem(families.FAMILIES, tiny_family, type(row)(**{**vars(row), "reconstruction_floor": 90.0}))
    assert "Warning: the models of the family tiny" in edit("--method", "attention").stderr


# ---- the other commands


def test_caption(here: Path) -> None:
    first, second = onthefly("caption", "cat.png"), onthefly("caption", "cat.png")
    assert first.exit_code == 0
    assert first.stdout == second.stdout
    assert len(first.stdout.splitlines()) == 1


def test_rewrite(here: Path) -> None:
    arguments = ("make it a dog", "--caption", "a cat", "--attempts", "2", "--shots", "0", "--wording", "detailed")
    result = onthefly("rewrite", *arguments)
    assert result.exit_code == 0, result.output
    for text in ("--- Prompt", "Caption 1: a cat", "--- Reply 1", "before:", "after:", "outcome:"):
        assert text in result.stdout


def test_reconstruct(here: Path) -> None:
    result = onthefly("reconstruct", "cat.png", "--caption", "a cat", *QUICK)
    assert result.exit_code == 0, result.output
    assert "dB PSNR" in result.stdout
    assert opening.open_picture("cat-reconstructed.png").size == (80, 60)
    assert saving.read_recipe("cat-reconstructed.png")["source"] == "cat.png"


def test_draw(here: Path) -> None:
    for name, seed in (("one.png", "1"), ("two.png", "1"), ("three.png", "2")):
        result = onthefly("draw", "a cat", "-o", name, "--seed", seed, "--negative", "a dog", *QUICK)
        assert result.exit_code == 0, result.output
    assert opening.open_picture("one.png").size == (64, 64)
    assert same_pixels("one.png", "two.png")
    assert not same_pixels("one.png", "three.png")
    assert onthefly("edit", "cat.png", "--like", "one.png").exit_code == 2  # its recipe is not that of an edit


def test_a_distilled_family_draws_with_its_own_steps_and_guidance(
    here: Path, tiny_family: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As it edits; what is given still wins."""
    distilled = {name: families.FAMILIES["sdxl-turbo"].option_defaults[name] for name in ("steps", "guidance_scale")}
    own = dataclasses.replace(families.FAMILIES[tiny_family], option_defaults=distilled)
    monkeypatch.setitem(families.FAMILIES, tiny_family, own)
    assert onthefly("draw", "a cat", "-o", "one.png", "--size", "64").exit_code == 0
    drawn = options_of(saving.read_recipe("one.png"))
    assert {name: drawn[name] for name in distilled} == {"steps": 4, "guidance_scale": 1.0}
    assert onthefly("draw", "a cat", "-o", "two.png", "--size", "64", "--steps", "2").exit_code == 0
    assert options_of(saving.read_recipe("two.png"))["steps"] == 2
    assert Editor.load(tiny_family, device="cpu").draw_options().steps == 4


@pytest.mark.parametrize("name", ["lcm", "sd-turbo", "sdxl-turbo", "flux-schnell", "flux2-klein"])
def test_every_distilled_family_of_the_table_draws_in_few_steps(name: str) -> None:
    chosen = draw_options_for(families.FAMILIES[name])
    assert (chosen.steps, chosen.guidance_scale) == (4, 1.0)


def test_scene(here: Path) -> None:
    result = onthefly("scene", "--seed", "3", "--size", "48")
    assert result.exit_code == 0
    assert opening.open_picture("scene-3.png").size == (48, 48)
    caption = saving.read_recipe("scene-3.png")["caption"]
    assert f"caption: {caption}\n" in result.stdout


def test_families(here: Path) -> None:
    printed = onthefly("families").stdout
    for family in families.FAMILIES.values():
        assert family.about in printed
        assert f"{family.diffusion.licence}" in printed


def test_help_lists_every_setting_with_its_limits(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    few, all_ = (" ".join(onthefly("edit", flag).stdout.split()) for flag in ("--help", "--help-all"))
    assert "--steps INTEGER" in few
    assert "(default 20; 2 to 999)" in few
    assert "--strength" not in few
    for text in ("--no-lock-first-caption", "--wording terse|detailed", "--strength NUMBER", "sdedit: default 0.5"):
        assert text in all_


def test_the_first_help_fits_two_screens(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "100")
    assert len(onthefly("edit", "--help").stdout.splitlines()) <= 2 * 40


def test_bare_calls(here: Path) -> None:
    assert onthefly("--version").stdout.strip()
    assert onthefly().exit_code == 2
