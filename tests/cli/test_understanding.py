"""The command line and what it does not understand: no picture, exit code 3; --force, --ask, --gold."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from PIL import Image
from typer.testing import CliRunner, Result

from pix2pix_onthefly.cli.app import app
from pix2pix_onthefly.pictures import opening, saving
from pix2pix_onthefly.world.renderer import render
from pix2pix_onthefly.world.scenes import Scene, SceneObject

QUICK = ("--steps", "2", "--family", "mini")


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder, with a picture of a cat next to a dog in it."""
    monkeypatch.chdir(tmp_path)
    pair = SceneObject("cat", None, 0.27, 0.5, 0.45), SceneObject("dog", None, 0.73, 0.5, 0.45)
    render(Scene("beach", pair), 128).save("pair.png")
    return tmp_path


def onthefly(*arguments: str, typed: str = "") -> Result:
    return CliRunner().invoke(app, arguments, input=typed, catch_exceptions=False)


@pytest.mark.parametrize("instruction", ["what is this?", "mach den Hund blau", "turn the cat into a dragon"])
def test_what_is_not_understood_changes_nothing(here: Path, instruction: str) -> None:
    result = onthefly("edit", "pair.png", instruction, *QUICK)
    assert result.exit_code == 3, result.output
    assert "nothing was changed" in result.stderr
    assert "Traceback" not in result.output
    assert not Path("pair-edited.png").exists()


def test_force_edits_all_the_same_and_says_so(here: Path) -> None:
    result = onthefly("edit", "pair.png", "what is this?", *QUICK, "--force")
    assert result.exit_code == 0, result.output
    assert "was not understood and the picture was edited all the same" in result.stderr
    captions = saving.read_recipe("pair-edited.png")["captions"]
    assert isinstance(captions, dict)
    assert captions["outcome"] == "fallback"


def test_without_ask_the_likeliest_is_taken_and_said(here: Path) -> None:
    result = onthefly("edit", "pair.png", "remove the animal", *QUICK)
    assert result.exit_code in (0, 3), result.output
    assert "it could also be" in result.stderr or "nothing was changed" in result.stderr


def test_ask_puts_a_question_and_takes_the_answer(here: Path) -> None:
    """Both candidates are named; the number of one is an answer."""
    afters: list[str] = []
    for number in "12":
        result = onthefly(
            "edit", "pair.png", "remove it", *QUICK, "--ask", "--json", "--overwrite", typed=f"{number}\n"
        )
        assert result.exit_code == 0, result.output
        assert "1: " in result.stderr
        assert "2: " in result.stderr
        afters.append(json.loads(result.stdout)["captions"]["after"][0])
    assert len(set(afters)) == 2
    assert {"cat" in after for after in afters} == {True, False}


def test_ask_without_an_answer_changes_nothing(here: Path) -> None:
    result = onthefly("edit", "pair.png", "remove it", *QUICK, "--ask")
    assert result.exit_code == 2
    assert "there was no answer" in result.stderr
    assert not Path("pair-edited.png").exists()


def test_gold_is_shown_beside_the_edit(here: Path) -> None:
    Image.new("RGB", (128, 128), "gold").save("gold.png")
    captions = ("--before", "a cat", "--after", "a dog", "--caption", "a cat")
    three = onthefly("edit", "pair.png", *captions, *QUICK, "--compare", "-o", "three.png")
    four = onthefly("edit", "pair.png", *captions, *QUICK, "--compare", "--gold", "gold.png", "-o", "four.png")
    assert (three.exit_code, four.exit_code) == (0, 0), four.output
    widths = [opening.open_picture(name).width for name in ("three.png", "four.png")]
    assert widths[1] > widths[0] * 1.3
    alone = onthefly("edit", "pair.png", *captions, *QUICK, "--gold", "gold.png", "-o", "no.png")
    assert alone.exit_code == 2
    assert "--gold is shown by --compare" in alone.stderr
