"""Signals in the middle of saving a picture: SIGTERM and SIGHUP clean up as Ctrl-C does; after SIGKILL a later save."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from pix2pix_onthefly.pictures import saving
from tests.cli.test_processes import PATIENCE, ROOT, wait_for
from tests.pictures.made import gradient

SLOW_SAVE = """
import sys, time
from PIL import Image
from pix2pix_onthefly.cli import main
save = Image.Image.save
def slowly(image, file, **options):
    save(image, file, **options)
    file.flush()
    print("saving", file=sys.stderr, flush=True)
    time.sleep(SECONDS)
Image.Image.save = slowly
main()
"""


def default_signals() -> None:
    """A test may itself run under nohup, or in the background of a shell."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL)


def saving_slowly(
    folder: Path, seconds: float = 600, prepare: Callable[[], object] = default_signals
) -> subprocess.Popen[bytes]:
    """The command line in the middle of saving `a.png`."""
    process = subprocess.Popen(
        [sys.executable, "-c", SLOW_SAVE.replace("SECONDS", str(seconds)), "scene", "-o", "a.png"],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT / "src")},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        preexec_fn=prepare,
    )
    assert process.stderr is not None
    wait_for(process.stderr.fileno(), b"saving", lambda: process.poll() is None)
    assert [path.suffix for path in folder.iterdir()] == [".part"]
    return process


def ended(process: subprocess.Popen[bytes]) -> tuple[int, bytes, str]:
    try:
        out, errors = process.communicate(timeout=PATIENCE)
    finally:
        process.kill()
    return process.returncode, out, errors.decode()


@pytest.mark.parametrize(
    ("number", "code", "says"),
    [
        (signal.SIGINT, 130, "Interrupted."),
        (signal.SIGTERM, 143, "Terminated."),
        (signal.SIGHUP, 129, "The terminal was closed."),
    ],
)
def test_a_signal_in_the_middle_of_saving_leaves_nothing_behind(
    tmp_path: Path, number: signal.Signals, code: int, says: str
) -> None:
    process = saving_slowly(tmp_path)
    process.send_signal(number)
    found, out, errors = ended(process)
    assert (found, out) == (code, b"")
    assert errors.split() == says.split()
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_second_signal_does_not_break_off_the_cleaning_up(tmp_path: Path, number: signal.Signals) -> None:
    """As a terminal and its shell both send one."""
    process = saving_slowly(tmp_path)
    for _ in range(2):
        process.send_signal(number)
    found, _, errors = ended(process)
    assert found in (128 + number, -number)  # to a shell the same: Python lets go of signals before its very end
    assert "Traceback" not in errors
    assert not list(tmp_path.iterdir())


def test_what_nohup_started_outlives_its_terminal(tmp_path: Path) -> None:
    process = saving_slowly(tmp_path, 2, lambda: signal.signal(signal.SIGHUP, signal.SIG_IGN))
    process.send_signal(signal.SIGHUP)
    code, _, errors = ended(process)
    assert (code, errors.strip()) == (0, "")
    assert [path.name for path in tmp_path.iterdir()] == ["a.png"]


def test_a_later_save_clears_what_a_kill_left_behind(tmp_path: Path) -> None:
    process = saving_slowly(tmp_path)
    process.kill()
    ended(process)
    (part,) = tmp_path.iterdir()  # nothing can be done at that moment
    saving.save(gradient(), tmp_path / "b.png", None, overwrite=False)
    assert part.exists()  # another process could still be writing it
    then = time.time() - 2 * 3600
    os.utime(part, (then, then))
    saving.save(gradient(), tmp_path / "c.png", None, overwrite=False)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["b.png", "c.png"]
