"""The command `batch`: what it prints, its exit codes, and what it refuses before anything is loaded."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli import helpers as cli_helpers
from tests.cli.helpers import QUICK, onthefly, said

here = cli_helpers.here  # a fixture is found by its name in the module of the tests

FREE = ("--force", "--attempts", "1", "--no-constrain", "--method", "sdedit", *QUICK)


def test_a_line_of_json_an_edit_and_a_summary(here: Path) -> None:
    result = onthefly("batch", "cat.png", "--out", "out", "--instruction", "make it a dog", *FREE)
    assert result.exit_code == 0, result.output
    (line,) = [json.loads(line) for line in result.stdout.splitlines()]
    assert (line["image"], line["status"]) == ("cat.png", "made")
    assert (here / "out" / line["pictures"][0]).is_file()
    assert said(result)[-1].endswith(": 1 made; results: out/results.jsonl")
    again = onthefly("batch", "cat.png", "--out", "out", "--instruction", "make it a dog", *FREE)
    assert json.loads(again.stdout)["status"] == "kept"


def test_the_exit_code_tells_of_failures(here: Path) -> None:
    (here / "jobs.csv").write_text("image,instruction,steps\ncat.png,make it a dog,2\nnone.png,make it a dog,2\n")
    result = onthefly("batch", "jobs.csv", "--out", "out", *FREE)
    assert result.exit_code == 1
    assert [json.loads(line)["status"] for line in result.stdout.splitlines()] == ["made", "failed"]
    assert "Failed: none.png: there is no file none.png; check the name and the folder" in said(result)
    assert any("1 made, 1 failed" in line for line in said(result))


def test_the_contact_sheet_shows_every_edit_and_holds_its_pictures(here: Path) -> None:
    (here / "jobs.jsonl").write_text('{"image": "cat.png", "instruction": "make it <b>blue</b>"}\n')
    result = onthefly("batch", "jobs.jsonl", "--out", "out", "--contact-sheet", "sheet.html", *FREE)
    assert result.exit_code == 0, result.output
    page = (here / "sheet.html").read_text()
    assert page.count("data:image/jpeg;base64,") == 2
    assert "make it &lt;b&gt;blue&lt;/b&gt;" in page
    assert "http" not in page


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("cat.png", "--out", "out"), "say what should change in cat.png"),
        (("cat.png", "--out", ".", "--instruction", "blue"), "give another folder with --out"),
        (("nothing*.png", "--out", "out", "--instruction", "blue"), "no picture is named like"),
        (("cat.png", "--out", "out", "--instruction", "blue", "--contact-sheet", "s.png"), "ends in .html"),
        (("cat.png", "--out", "cat.png", "--instruction", "blue"), "give another folder"),
    ],
)
def test_what_cannot_be_is_refused(here: Path, arguments: tuple[str, ...], sentence: str) -> None:
    result = onthefly("batch", *arguments)
    assert result.exit_code == 2
    assert sentence in result.stderr
    assert not (here / "out").exists()
