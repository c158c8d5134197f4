"""Standard input and output of the command line: pipes for pictures, and a stdout that is full, closed or unread."""

from __future__ import annotations

import io
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from typer.testing import CliRunner

from pix2pix_onthefly.cli.app import app
from pix2pix_onthefly.cli.console import say, say_json, say_rows
from pix2pix_onthefly.errors import InputError, OutputError, StandardOutputError
from pix2pix_onthefly.pictures import opening, saving, standard_streams
from tests.cli.test_processes import PATIENCE, ROOT
from tests.pictures.made import gradient

RECIPE: dict[str, object] = {"instruction": "make it red", "source_sha256": "0" * 64, "future": {"a": [1, None]}}


def run(folder: Path, *arguments: str, **streams: Any) -> subprocess.CompletedProcess[str]:
    """The command line as a program of its own."""
    return subprocess.run(
        [sys.executable, "-m", "pix2pix_onthefly", *arguments],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT / "src")},
        stderr=subprocess.PIPE,
        text=True,
        timeout=PATIENCE,
        check=False,
        **streams,
    )


def run_full(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    with open("/dev/full", "wb") as full:
        return run(folder, *arguments, stdout=full)


def run_closed(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return run(folder, *arguments, preexec_fn=lambda: os.close(1))


def run_unread(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    reader, writer = os.pipe()
    os.close(reader)
    try:
        return run(folder, *arguments, stdout=writer)
    finally:
        os.close(writer)


needs_full = pytest.mark.skipif(not os.path.exists("/dev/full"), reason="this system has no /dev/full")
Run = Callable[..., "subprocess.CompletedProcess[str]"]


# ---- standard output that takes no more


@pytest.mark.parametrize(
    ("start", "says"),
    [
        pytest.param(run_full, "takes no more (No space left on device)", marks=needs_full),
        (run_closed, "is closed"),
        (run_unread, "has no reader any more"),
    ],
)
def test_a_picture_that_was_written_is_told_of_where_stdout_takes_nothing(
    tmp_path: Path, start: Run, says: str
) -> None:
    result = start(tmp_path, "scene", "-o", "a.png")
    assert result.returncode == 74
    assert result.stderr.startswith(f"Error: a.png was written, but standard output {says}")
    assert result.stderr.count("\n") == 1
    assert opening.open_picture(tmp_path / "a.png").size == (128, 128)


@pytest.mark.parametrize("arguments", [("show", "a.png"), ("show", "a.png", "--json"), ("--help",), ("edit", "--help")])
@pytest.mark.parametrize(
    ("start", "code", "lines"), [pytest.param(run_full, 74, 1, marks=needs_full), (run_unread, 141, 0)]
)
def test_printing_that_is_lost_is_no_traceback(
    tmp_path: Path, start: Run, code: int, lines: int, arguments: tuple[str, ...]
) -> None:
    saving.save(gradient(), tmp_path / "a.png", RECIPE, overwrite=False)
    result = start(tmp_path, *arguments)
    assert (result.returncode, result.stderr.count("\n")) == (code, lines), result.stderr
    assert "Traceback" not in result.stderr


def test_an_error_is_still_an_error_where_stderr_takes_nothing(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "pix2pix_onthefly", "show", "nowhere.png"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "src")}
    made = subprocess.run(command, cwd=tmp_path, env=environment, preexec_fn=lambda: os.close(2), check=False)
    assert made.returncode == 2


# ---- pictures through pipes


def piped(monkeypatch: pytest.MonkeyPatch, data: bytes) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(data)))


def png(image: Image.Image) -> bytes:
    file = io.BytesIO()
    image.save(file, "PNG")
    return file.getvalue()


def test_a_dash_opens_standard_input(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("-", Path("-")):
        piped(monkeypatch, png(gradient()))
        assert opening.open_picture(name).tobytes() == gradient().tobytes()


@pytest.mark.parametrize(
    ("data", "says"),
    [(b"", "standard input is empty"), (b"no picture", "standard input is not a picture"), (b"<svg ", "an SVG")],
)
def test_what_is_wrong_with_standard_input(monkeypatch: pytest.MonkeyPatch, data: bytes, says: str) -> None:
    piped(monkeypatch, data)
    with pytest.raises(InputError, match=says):
        opening.open_picture("-")


def test_standard_input_is_read_up_to_a_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(standard_streams, "MAX_BYTES", 1_000_000)
    piped(monkeypatch, bytes(1_000_001))
    with pytest.raises(InputError, match="standard input holds more than 1 MB; give a smaller picture"):
        opening.open_picture("-")


@pytest.mark.parametrize("closed", [True, False])
def test_nobody_waits_for_a_terminal_or_a_closed_input(monkeypatch: pytest.MonkeyPatch, closed: bool) -> None:
    piped(monkeypatch, b"")
    monkeypatch.setattr(sys.stdin, "isatty", lambda: True, raising=False)
    if closed:
        monkeypatch.setattr(sys, "stdin", None)
    with pytest.raises(InputError, match="standard input is closed;" if closed else "standard input is a terminal;"):
        opening.open_picture("-")


def test_the_command_line_takes_a_picture_from_standard_input() -> None:
    result = CliRunner().invoke(app, ["show", "-"], input=png(gradient()), catch_exceptions=False)
    assert result.exit_code == 2
    assert "standard input holds no recipe" in result.stderr


def test_a_dash_saves_a_whole_png_with_its_recipe_to_standard_output(
    capsysbinary: pytest.CaptureFixture[bytes],
) -> None:
    assert saving.check_output("-", overwrite=False) == Path("-")
    saving.save(gradient(), "-", RECIPE, overwrite=False)
    written = capsysbinary.readouterr().out
    assert opening.open_picture(written).tobytes() == gradient().tobytes()
    assert saving.read_recipe(written) == RECIPE
    saving.save(gradient(), "-", None, overwrite=False)
    with pytest.raises(InputError, match="what was given holds no recipe"):
        saving.read_recipe(capsysbinary.readouterr().out)


def test_no_picture_is_sent_to_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = io.TextIOWrapper(io.BytesIO())
    monkeypatch.setattr(sys, "stdout", stream)
    monkeypatch.setattr(stream, "isatty", lambda: True, raising=False)
    with pytest.raises(OutputError, match="standard output is a terminal"):
        saving.check_output("-", overwrite=False)
    for closed in (None, io.StringIO()):
        monkeypatch.setattr(sys, "stdout", closed)
        with pytest.raises(OutputError, match="standard output"):
            saving.check_output("-", overwrite=False)


@needs_full
def test_a_picture_that_stdout_cannot_take_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    with open("/dev/full", "w") as full:
        monkeypatch.setattr(sys, "stdout", full)
        with pytest.raises(StandardOutputError, match="No space left"):
            saving.save(gradient(), "-", None, overwrite=False)


def test_results_go_aside_where_a_picture_goes_to_standard_output(capsys: pytest.CaptureFixture[str]) -> None:
    for aside in (False, True):
        say("text", aside=aside)
        say_json({"a": 1}, aside=aside)
        say_rows({"caption": "a cat", "more": {"before": ["a", "b"]}}, aside=aside)
        printed = capsys.readouterr()
        expected = 'text\n{\n  "a": 1\n}\ncaption: a cat\nmore:\n  before: a\n          b\n'
        assert (printed.out, printed.err) == (("", expected) if aside else (expected, ""))
