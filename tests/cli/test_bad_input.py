"""The command line and bad input: one sentence on stderr, exit code 2, nothing written."""

from __future__ import annotations

from pathlib import Path

import pytest

from pix2pix_onthefly.models import families
from tests.cli import helpers as cli_helpers
from tests.cli.helpers import onthefly, said
from tests.pictures.awkward import png_header

here = cli_helpers.here  # a fixture is found by its name in the module of the tests


def write_bad_files() -> None:
    Path("empty.png").write_bytes(b"")
    Path("text.png").write_text("no picture")
    Path("broken.png").write_bytes(Path("cat.png").read_bytes()[:200])
    Path("huge.png").write_bytes(png_header(30000, 30000))
    Path("old.png").write_bytes(b"old")
    Path("bad.safetensors").write_bytes(b"no direction")


BAD: dict[str, list[str]] = {
    "missing file": ["edit", "nowhere.png", "make it a dog"],
    "broken file": ["edit", "broken.png", "make it a dog"],
    "not an image": ["edit", "text.png", "make it a dog"],
    "zero bytes": ["edit", "empty.png", "make it a dog"],
    "huge": ["edit", "huge.png", "make it a dog"],
    "a folder": ["edit", ".", "make it a dog"],
    "no instruction": ["edit", "cat.png"],
    "empty instruction": ["edit", "cat.png", "  "],
    "long instruction": ["edit", "cat.png", "x" * 10_000],
    "unknown family": ["edit", "cat.png", "make it a dog", "--family", "sd99"],
    "unknown device": ["edit", "cat.png", "make it a dog", "--device", "abacus"],
    "output below a file": ["edit", "cat.png", "make it a dog", "-o", "cat.png/out.png"],
    "output of no known kind": ["edit", "cat.png", "make it a dog", "-o", "out.txt"],
    "output is there": ["edit", "cat.png", "make it a dog", "-o", "old.png"],
    "out of range": ["edit", "cat.png", "make it a dog", "--steps", "1"],
    "far out of range": ["edit", "cat.png", "make it a dog", "--seed", "9" * 400],
    "not a number": ["edit", "cat.png", "make it a dog", "--guidance-scale", "nan"],
    "no number": ["edit", "cat.png", "make it a dog", "--steps", "many"],
    "unknown wording": ["edit", "cat.png", "make it a dog", "--wording", "verbose"],
    "unknown option": ["edit", "cat.png", "make it a dog", "--wordings", "terse"],
    "before without after": ["edit", "cat.png", "make it a dog", "--before", "a cat"],
    "blank caption": ["edit", "cat.png", "make it a dog", "--caption", " "],
    "no recipe": ["edit", "cat.png", "--like", "cat.png"],
    "no direction": ["edit", "cat.png", "--direction", "nowhere.safetensors"],
    "bad direction": ["edit", "cat.png", "--direction", "bad.safetensors"],
    "direction is there": ["edit", "cat.png", "make it a dog", "--save-direction", "bad.safetensors"],
    "direction to nowhere": ["edit", "cat.png", "make it a dog", "--save-direction", "nowhere/x.safetensors"],
    "caption of nothing": ["caption", "nowhere.png"],
    "caption of a broken file": ["caption", "broken.png"],
    "rewrite nothing": ["rewrite", " "],
    "too many shots": ["rewrite", "make it a dog", "--shots", "32"],
    "reconstruct nothing": ["reconstruct", "nowhere.png"],
    "draw nothing": ["draw", " "],
    "draw over": ["draw", "a cat", "-o", "old.png"],
    "draw too large": ["draw", "a cat", "--size", "9999"],
    "tiny scene": ["scene", "--size", "1"],
    "show nothing": ["show", "nowhere.png"],
    "show no recipe": ["show", "cat.png"],
    "a device without numbers": ["edit", "cat.png", "make it a dog", "--device", "meta"],
    "no device": ["edit", "cat.png", "make it a dog", "--device", "abacus"],
    "unknown command": ["edt"],
}


@pytest.mark.parametrize("arguments", BAD.values(), ids=BAD.keys())
def test_bad_input_is_told_in_one_sentence(here: Path, arguments: list[str]) -> None:
    write_bad_files()
    files = {path: path.read_bytes() for path in here.rglob("*")}
    result = onthefly(*arguments)
    assert result.exit_code == 2
    assert result.stdout == ""
    lines = said(result)
    assert len(lines) == 1, result.stderr
    assert lines[0].startswith("Error: ")
    assert "Traceback" not in lines[0]
    assert {path: path.read_bytes() for path in here.rglob("*")} == files


def lose_weights(monkeypatch: pytest.MonkeyPatch) -> None:
    row = families.FAMILIES["tiny"]
    missing = type(row)(**{**vars(row), "diffusion": families.ModelRow("nobody/nothing-at-all", "MIT", 1)})
    monkeypatch.setitem(families.FAMILIES, "tiny", missing)


def test_nothing_is_loaded_before_the_output_is_checked(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lose_weights(monkeypatch)
    Path("cat-edited.png").touch()
    result = onthefly("edit", "cat.png", "make it a dog")
    assert result.exit_code == 2
    assert "cat-edited.png exists already" in result.stderr


def test_missing_weights_are_told_in_one_sentence(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lose_weights(monkeypatch)
    result = onthefly("draw", "a cat")
    assert result.exit_code == 2
    assert said(result)[0].startswith("Error: the weights of nobody/nothing-at-all cannot be loaded")
