"""The blocks of docs/programs.md, run as they stand there, in an empty folder with the examples beside it."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import anyio
import pytest
from mcp.client import Client
from mcp.client.stdio import StdioServerParameters
from PIL import Image
from typer.main import get_command
from typer.testing import CliRunner

from pix2pix_onthefly.cli.app import app
from tests.models.test_pipelines import pipeline_of

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs" / "programs.md").read_text(encoding="utf-8")
ADDRESS = "http://127.0.0.1:8000"
ENVIRONMENT = {**os.environ, "PYTHONPATH": os.pathsep.join((str(ROOT / "src"), str(ROOT)))}


def _blocks(section: str, language: str = "") -> list[str]:
    text = next(part for part in PAGE.split("\n## ") if part.startswith(section))
    found = re.findall(r"^```(\w*)\n(.*?)^```", text, re.DOTALL | re.MULTILINE)
    return [block for name, block in found if name == language]


def _commands(section: str) -> list[list[str]]:
    lines = [line for block in _blocks(section) for line in block.splitlines() if line.startswith("onthefly ")]
    return [shlex.split(line) for line in lines]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    shutil.copytree(ROOT / "examples", tmp_path / "examples")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    """A server that listens, of the bundled family."""
    (words,) = _commands("An endpoint")
    words[words.index("8000")] = "0"
    command = [sys.executable, "-m", "pix2pix_onthefly", *words[1:]]
    with subprocess.Popen(command, env=ENVIRONMENT, stderr=subprocess.PIPE, text=True) as server:
        assert server.stderr is not None
        for line in server.stderr:
            if found := re.search(r"(http://\S+)/docs", line):
                yield found[1]
                break
        server.terminate()
        server.communicate()


def test_openai_s_client_edits_plain_and_streamed(
    address: str, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    names: dict[str, Any] = {}
    for block in _blocks("An endpoint", "python"):
        exec(compile(block.replace(ADDRESS, address), "programs.md", "exec", dont_inherit=True), names)
    for name in ("dog.png", "dog-0.png", "dog-1.png", "dog-2.png"):
        with Image.open(folder / name) as picture:
            assert picture.size == (128, 128)
    told = capsys.readouterr().out.splitlines()
    assert "dog" in told[0]
    assert told[1:] == ["image_edit.partial_image"] * 2 + ["image_edit.completed"]


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")
def test_curl_edits_and_asks(address: str, folder: Path) -> None:
    (block,) = _blocks("An endpoint", "sh")
    script = "set -e\n" + block.replace("curl -s", "curl -sS --fail").replace(ADDRESS, address)
    done = subprocess.run(["bash", "-c", script], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert json.loads((folder / "answer.json").read_text())["data"][0]["b64_json"]
    assert '"mini"' in done.stdout
    assert "onthefly_requests_total" in done.stdout


def test_the_clients_configuration_starts_the_tools(folder: Path) -> None:
    (block,) = _blocks("Tools for assistants", "json")
    (server,) = json.loads(block)["mcpServers"].values()
    assert server["command"] == "onthefly"
    started = StdioServerParameters(
        command=sys.executable, args=["-m", "pix2pix_onthefly", *server["args"]], env=ENVIRONMENT
    )

    async def talk() -> set[str]:
        async with Client(started) as client:
            return {tool.name for tool in (await client.list_tools()).tools}

    assert anyio.run(talk) == {"edit_image", "explain_edit", "caption_image"}


def test_batches_run_and_keep_what_is_done(folder: Path) -> None:
    for language, name in (("csv", "mine.csv"), ("json", "mine.jsonl")):
        (table,) = _blocks("Many pictures", language)
        (folder / "examples" / name).write_text(table)
    statuses: list[list[str]] = []
    for words in _commands("Many pictures"):
        done = CliRunner().invoke(app, words[1:], catch_exceptions=False)
        assert done.exit_code == 0, done.output
        statuses.append([json.loads(line)["status"] for line in done.stdout.splitlines()])
    assert statuses == [["made"] * 2, ["kept"] * 2, ["made"] * 2]
    assert (folder / "edits" / "sheet.html").is_file()
    assert (folder / "edits" / "results.jsonl").is_file()


def test_a_pipeline_that_is_loaded_edits(folder: Path) -> None:
    (block,) = _blocks("diffusers", "python")
    exec(compile(block, "programs.md", "exec", dont_inherit=True), {"pipe": pipeline_of("stable-diffusion")})
    assert (folder / "dog-by-pipeline.png").is_file()


def test_the_page_s_command_is_understood() -> None:
    (words,) = _commands("A page in the browser")
    command: Any = get_command(app)
    assert command.commands[words[1]].make_context("onthefly", words[2:])
