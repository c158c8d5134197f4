"""Awkward input files through the command line: edited as one would expect, or refused in one sentence."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest
from PIL import Image

from pix2pix_onthefly.pictures import opening, saving
from tests.cli import helpers as cli_helpers
from tests.cli.helpers import CAPTIONS, QUICK, onthefly, said
from tests.pictures.awkward import COLOURS, quarters
from tests.pictures.awkward_files import EDITED, REFUSED, Edited, Refused

here = cli_helpers.here  # a fixture is found by its name in the module of the tests


def edit_file(name: str, *arguments: str) -> cli_helpers.Result:
    return onthefly("edit", *CAPTIONS, *QUICK, *arguments, "--", name, "make it a dog")


def corners(picture: Image.Image) -> list[object]:
    right, bottom = picture.width - 1, picture.height - 1
    return [picture.getpixel(place) for place in ((0, 0), (right, 0), (0, bottom), (right, bottom))]


def name_of(case: Edited | Refused) -> str:
    return ascii(case.name)[1:-1][:40]


@pytest.mark.parametrize("case", EDITED, ids=name_of)
def test_is_edited(here: Path, case: Edited, capfd: pytest.CaptureFixture[str]) -> None:
    case.make(Path(case.name))
    result = edit_file(case.name, "-o", case.output)
    assert result.exit_code == 0, result.output
    is_kept = opening.alpha_of(case.name) is not None and Path(case.output).suffix in (".png", ".webp")
    with Image.open(case.output) as made:
        assert (made.mode, made.size) == ("RGBA" if is_kept else "RGB", case.size)
    assert saving.read_recipe(case.output)["source"] == case.name
    picture = opening.open_picture(case.name)
    assert (picture.mode, picture.size) == ("RGB", case.size)
    expected = [COLOURS[colour] if isinstance(colour, str) else colour for colour in case.corners]
    assert corners(picture) == [pytest.approx(colour, abs=case.tolerance) for colour in expected], case.should
    assert capfd.readouterr() == ("", "")  # a decoder's own messages


@pytest.mark.parametrize("case", REFUSED, ids=name_of)
def test_is_refused(
    here: Path, case: Refused, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(subprocess, "Popen", lambda *_, **__: pytest.fail("a program was started"))
    case.make(Path(case.name))
    files = sorted(here.iterdir())
    result = edit_file(case.name, "-o", "out.png")
    assert (result.exit_code, result.stdout) == (2, "")
    (line,) = said(result)
    assert line.startswith("Error: ")
    assert case.says in result.stderr, case.should
    assert sorted(here.iterdir()) == files
    assert capfd.readouterr() == ("", "")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_of_somebody_else_is_refused(here: Path) -> None:
    Path("cat.png").chmod(0)
    result = edit_file("cat.png")
    assert result.exit_code == 2
    assert len(said(result)) == 1
    assert "not readable" in result.stderr or "may not be read" in result.stderr


def test_the_input_is_overwritten_only_when_that_is_asked_for(here: Path) -> None:
    quarters().save("mine.png")
    original = Path("mine.png").read_bytes()
    result = edit_file("mine.png", "-o", "mine.png")
    assert result.exit_code == 2
    assert "exists already" in result.stderr
    assert Path("mine.png").read_bytes() == original
    assert edit_file("mine.png", "-o", "mine.png", "--overwrite").exit_code == 0
    assert opening.open_picture("mine.png").size == (48, 32)
    assert Path("mine.png").read_bytes() != original
