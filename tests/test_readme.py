"""README.md's commands and Python blocks, run as they stand there, in an empty folder with the examples beside it."""

from __future__ import annotations

import re
import shlex
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from typer.main import get_command
from typer.testing import CliRunner

from pix2pix_onthefly.cli.app import app
from pix2pix_onthefly.models import families

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
NOT_RUN = re.compile(r"--family sd|models fetch|evaluate|sweep|tables|--install-completion|onthefly web")
"""They download, take minutes, change the user's shell or serve until they are ended: these are parsed only."""


def _blocks(language: str) -> list[str]:
    found = re.findall(r"^```(\w*)\n(.*?)^```", README, re.DOTALL | re.MULTILINE)
    return [block for name, block in found if name == language]


def _commands() -> list[list[str]]:
    """The lines of the blocks that call the program, as words; without what another program would do."""
    lines = [line for block in _blocks("") for line in block.splitlines() if line.startswith("onthefly ")]
    # Fewer steps than are asked for: the pictures are not looked at here.
    return [shlex.split(re.sub(r"--steps \d+", "--steps 2", line), comments=True) for line in lines]


def _python_blocks() -> list[str]:
    return [re.sub(r"steps=\d+", "steps=2", block) for block in _blocks("python")]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder with the examples; the bundled family does two steps where nothing else is asked for."""
    shutil.copytree(ROOT / "examples", tmp_path / "examples")
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv(families.FAMILY_VARIABLE, raising=False)
    mini = families.FAMILIES["mini"]
    quick = replace(mini, option_defaults={**mini.option_defaults, "steps": 2})
    monkeypatch.setattr(families, "FAMILIES", {**families.FAMILIES, "mini": quick})
    return tmp_path


def _run(words: list[str]) -> None:
    """One command, with `< FILE` and `> FILE` as a shell would have them."""
    streams = {sign: words[words.index(sign) + 1] for sign in ("<", ">") if sign in words}
    end = min([words.index(sign) for sign in streams], default=len(words))
    given = Path(streams["<"]).read_bytes() if "<" in streams else None
    done = CliRunner().invoke(app, words[1:end], input=given, catch_exceptions=False)
    assert done.exit_code == 0, f"{shlex.join(words)}: {done.output}"
    if ">" in streams:
        Path(streams[">"]).write_bytes(done.stdout_bytes)


def test_the_commands_work_one_after_another(folder: Path) -> None:
    run = [words for words in _commands() if not NOT_RUN.search(" ".join(words))]
    assert len(run) > 12
    for words in run:
        _run(words)
    for name in ("cat-edited.png", "beach.png", "fox-beach.png", "green.png", "scene.png"):
        with Image.open(folder / name) as picture:
            picture.load()


@pytest.mark.parametrize("words", [words for words in _commands() if NOT_RUN.search(" ".join(words))], ids=" ".join)
def test_commands_that_are_not_run_are_understood(words: list[str]) -> None:
    command: Any = get_command(app)
    for place, word in enumerate(words[1:], 1):
        if word not in getattr(command, "commands", {}):
            assert command.make_context("onthefly", words[place:], resilient_parsing="--install" in word)
            return
        command = command.commands[word]


def test_the_python_blocks_work_one_after_another(folder: Path) -> None:
    names: dict[str, object] = {}
    for block in _python_blocks():
        exec(compile(block, "README.md", "exec", dont_inherit=True), names)
    assert (folder / "beach.png").is_file()
    assert (folder / "edit-1.png").is_file()


def test_files_that_the_pages_name_exist() -> None:
    for page in [ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "CHANGELOG.md", *(ROOT / "docs").glob("*.md")]:
        for target in re.findall(r"\]\(([^)#:]+)\)", page.read_text(encoding="utf-8")):
            assert (page.parent / target).exists(), f"{page.name} links to {target}"
