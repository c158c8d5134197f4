"""The command line, masks and candidates: what is written, what is said, and which bytes stay."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pix2pix_onthefly.pictures import opening, saving
from tests.cli import helpers as cli_helpers
from tests.cli.helpers import CAPTIONS, edit, nearly_same_pixels, onthefly, options_of, said, same_pixels

here = cli_helpers.here  # a fixture is found by its name in the module of the tests


@pytest.fixture
def mask(here: Path) -> np.ndarray[tuple[int, ...], np.dtype[np.bool_]]:
    """Where `mask.png` lets something change: the left half."""
    drawn = Image.new("L", (80, 60), 0)
    drawn.paste(255, (0, 0, 40, 60))
    drawn.save("mask.png")
    return np.asarray(drawn) > 0


def pixels(name: str) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    return np.asarray(opening.open_picture(name))


def test_outside_the_mask_nothing_changes(here: Path, mask: np.ndarray[tuple[int, ...], np.dtype[np.bool_]]) -> None:
    for keep in ("off", "hard"):
        edit("--mask", "mask.png", "--show-mask", "held.png", "--keep", keep, "--overwrite")
        same = (pixels("cat-edited.png") == pixels("cat.png")).all(2)
        assert same[~mask].all(), keep
        assert same[pixels("held.png")[..., 0] == 0].all(), keep
    assert saving.read_recipe("cat-edited.png")["mask"] == "mask.png"


def test_like_asks_for_the_mask_again(here: Path, mask: object) -> None:
    edit("--mask", "mask.png")
    result = onthefly("edit", "cat.png", "--like", "cat-edited.png", "-o", "again.png")
    assert result.exit_code == 2
    assert said(result) == ["Error: cat-edited.png was made with the mask mask.png; give it with --mask"]
    result = onthefly("edit", "cat.png", "--like", "cat-edited.png", "-o", "again.png", "--mask", "mask.png")
    assert result.exit_code == 0, result.output
    assert same_pixels("cat-edited.png", "again.png")


def test_every_candidate_is_saved_and_can_be_made_alone(here: Path) -> None:
    printed = json.loads(edit("-n", "3", "--seed", "5", "--json", "--show-mask", "mask.png").stdout)
    names = [f"cat-edited-{number}.png" for number in (1, 2, 3)]
    assert [one["output"] for one in printed["candidates"]] == names
    assert [one["seed"] for one in printed["candidates"]] == [5, 6, 7]
    assert sorted(path.name for path in here.glob("*.png")) == [*names, "cat.png", *(f"mask-{n}.png" for n in "123")]
    assert options_of(saving.read_recipe(names[1]))["candidates"] == 1
    result = onthefly("edit", "cat.png", "--like", names[1], "-o", "again.png")
    assert result.exit_code == 0, result.output
    assert nearly_same_pixels(names[1], "again.png")


def test_the_best_alone_goes_to_the_ordinary_name(here: Path) -> None:
    printed = json.loads(edit("-n", "2", "--best", "--json").stdout)
    assert sorted(path.name for path in here.glob("*.png")) == ["cat-edited.png", "cat.png"]
    ranks = [one["agreement"] for one in printed["candidates"]]
    assert ranks == sorted(ranks, reverse=True)
    assert [one["output"] for one in printed["candidates"]] == ["cat-edited.png", None]
    edit("-n", "2", "--best", "--all")
    assert same_pixels("cat-edited.png", "cat-edited-1.png")


def test_compare_shows_all_candidates_and_the_mask(here: Path) -> None:
    edit("-n", "2", "--compare")
    width, height = opening.open_picture("cat-edited.png").size
    assert width > 4 * height  # original, two edits, mask


BAD = {
    "is there": (["-n", "2"], "cat-edited-2.png exists already"),
    "to standard output": (["-n", "2", "-o", "-"], "only one picture goes to standard output"),
    "all of one": (["--all"], "--all goes with --best"),
    "no mask": (["--keep", "off", "--show-mask", "held.png"], "has no mask"),
    "mask over the picture": (["--show-mask", "cat-edited.png"], "are the same file"),
    "mask of another size": (["--mask", "small.png"], "the mask is 8x8 and the picture 80x60"),
    "mask that is none": (["--mask", "nowhere.png"], "there is no file nowhere.png"),
    "black mask": (["--mask", "black.png"], "black all over"),
    "mask of no known kind": (["--show-mask", "held.txt"], "must end in"),
}


@pytest.mark.parametrize("case", BAD)
def test_what_does_not_go_together_is_said_before_any_work(here: Path, case: str) -> None:
    arguments, sentence = BAD[case]
    Path("cat-edited-2.png").write_bytes(b"old")
    Image.new("L", (8, 8), 255).save("small.png")
    Image.new("L", (80, 60), 0).save("black.png")
    before = {path.name for path in here.iterdir()}
    result = onthefly("edit", "cat.png", "make it a dog", *CAPTIONS, *arguments)
    assert result.exit_code == 2
    assert "Loading models" not in result.stderr
    assert len(said(result)) == 1
    assert sentence in result.stderr
    assert {path.name for path in here.iterdir()} == before
