"""The command line as a program of its own: what it imports, and how it takes signals."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from tests.cli import helpers as cli_helpers
from tests.cli.helpers import CAPTIONS

here = cli_helpers.here  # a fixture is found by its name in the module of the tests

ROOT = Path(__file__).resolve().parents[2]
PATIENCE = 600
"""Seconds a started program may take: a busy machine spends most of them on importing torch."""


def start(command: list[str], folder: Path) -> subprocess.Popen[bytes]:
    paths = {"PYTHONPATH": os.pathsep.join((str(ROOT / "src"), str(ROOT)))}
    return subprocess.Popen(
        [sys.executable, *command],
        cwd=folder,
        env={**os.environ, **paths},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),  # a background job ignores it
    )


def test_help_imports_nothing_heavy(tmp_path: Path) -> None:
    program = (
        "import sys\n"
        "from pix2pix_onthefly.cli.app import app\n"
        "try:\n    app(['edit', '--help'])\n"
        "finally:\n    print(sorted({'torch', 'diffusers', 'transformers', 'numpy', 'PIL'} & set(sys.modules)))\n"
    )
    out, errors = start(["-c", program], tmp_path).communicate(timeout=PATIENCE)
    assert out.decode().rstrip().endswith("[]"), errors.decode()


def wait_for(stream: int, text: bytes, is_running: Callable[[], bool]) -> bytes:
    """Reads until the text appears."""
    seen, deadline = b"", time.monotonic() + PATIENCE
    while text not in seen and time.monotonic() < deadline and (is_running() or select.select([stream], [], [], 0)[0]):
        if select.select([stream], [], [], 1.0)[0]:
            piece = os.read(stream, 65536)
            if not piece:
                break
            seen += piece
    assert text in seen, seen.decode()
    return seen


def test_interrupting_leaves_nothing_behind(here: Path, tiny_folder: Path) -> None:
    program = (
        "from pathlib import Path\n"
        "from tests.conftest import register_tiny_family\n"
        "from pix2pix_onthefly.cli import main\n"
        f"register_tiny_family(Path({str(tiny_folder)!r}))\n"
        "main()\n"
    )
    before = sorted(here.iterdir())
    command = ["-c", program, "edit", "cat.png", "make it a dog", *CAPTIONS, "--size", "256"]
    command += ["--method", "attention", "--steps", "900"]
    process = start(command, here)
    assert process.stderr is not None
    try:
        seen = wait_for(process.stderr.fileno(), b"Inverting", lambda: process.poll() is None)
        process.send_signal(signal.SIGINT)
        out, rest = process.communicate(timeout=PATIENCE)
    finally:
        process.kill()
    assert process.returncode == 130
    assert out == b""
    assert (seen + rest).decode().splitlines() == ["Loading models ...", "Inverting to noise ...", "Interrupted."]
    assert sorted(here.iterdir()) == before
