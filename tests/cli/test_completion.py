"""Shells complete commands and options."""

from __future__ import annotations

import pytest
from typer.testing import CliRunner

from pix2pix_onthefly.cli.app import app

RUNNER = CliRunner()


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_a_completion_script_is_printed(shell: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("_TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION", "1")
    done = RUNNER.invoke(app, ["--show-completion", shell], prog_name="onthefly")
    assert done.exit_code == 0
    assert "_ONTHEFLY_COMPLETE" in done.stdout


def _completed(words: str) -> list[str]:
    """What bash is offered behind some words."""
    asked = {"_ONTHEFLY_COMPLETE": "complete_bash", "COMP_WORDS": words, "COMP_CWORD": str(len(words.split(" ")) - 1)}
    return RUNNER.invoke(app, [], prog_name="onthefly", env=asked).stdout.split()


def test_commands_are_completed() -> None:
    assert _completed("onthefly re") == ["rewrite", "reconstruct"]


def test_options_are_completed() -> None:
    assert _completed("onthefly edit --over") == ["--overwrite"]
