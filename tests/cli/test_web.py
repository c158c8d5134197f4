"""The command `web`, without a browser."""

from __future__ import annotations

import subprocess
import sys

import pytest

from pix2pix_onthefly.cli import app
from pix2pix_onthefly.cli import web as command


def test_a_missing_extra_is_one_sentence(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(command, "find_spec", lambda name: None)
    with pytest.raises(SystemExit) as ended:
        app.app(["web"])
    assert ended.value.code == 2
    assert "pip install 'pix2pix-onthefly[web]'" in capsys.readouterr().err


def test_the_help_loads_neither_page_nor_models() -> None:
    program = (
        "import sys; from typer.testing import CliRunner; from pix2pix_onthefly.cli.app import app; "
        "assert CliRunner().invoke(app, ['web', '--help']).exit_code == 0; "
        "print({'gradio', 'torch'} & set(sys.modules))"
    )
    found = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "set()"
