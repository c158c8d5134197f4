"""Runs that are cut off, and runs in shares: they end with the tables of one run, byte for byte."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from pix2pix_onthefly.errors import InputError, OutputError
from pix2pix_onthefly.evaluation.data.turns import SINGLE
from pix2pix_onthefly.evaluation.runs.batches import BLOCK, Shard
from pix2pix_onthefly.evaluation.runs.configurations import Configuration, paper_grid
from pix2pix_onthefly.evaluation.runs.result_files import opened_results, read_results
from pix2pix_onthefly.evaluation.runs.runner import Extent, Ran, run_all
from pix2pix_onthefly.methods.attention_guidance import AttentionGuidance
from pix2pix_onthefly.options import AttentionOptions, EditOptions
from tests.evaluation.runs.made import (
    QUICK,
    answer_at_once,
    evaluate,
    lines_of,
    report,
    setup_of,
    write_world,
)

ROOT = Path(__file__).resolve().parents[3]
PATIENCE = 600
"""Seconds a started program may take on a busy machine."""
SWEPT = 2
"""Turns in the sweep that is killed."""


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    answer_at_once(monkeypatch)


def test_an_unfinished_last_line_is_made_again(world: Path, tmp_path: Path, tiny_family: str) -> None:
    evaluate(setup_of(world, tmp_path / "whole"))
    evaluate(setup_of(world, tmp_path / "cut"))
    [path] = (tmp_path / "cut" / "results").glob("*.jsonl")
    content = path.read_bytes()
    path.write_bytes(content[: content.rindex(b'"instruction"')])
    assert len(read_results([tmp_path / "cut"])) == 6
    evaluate(setup_of(world, tmp_path / "cut"))
    assert len(lines_of(tmp_path / "cut")) > 6
    assert report(tmp_path / "cut") == report(tmp_path / "whole")


def test_a_broken_line_is_named(world: Path, tmp_path: Path, tiny_family: str) -> None:
    evaluate(setup_of(world, tmp_path), limit=2)
    [path] = (tmp_path / "results").glob("*.jsonl")
    path.write_bytes(b"{}\n" + path.read_bytes())
    with pytest.raises(InputError, match=r"line 1 of .* is broken"):
        read_results([tmp_path])


PROGRAM = """
from pathlib import Path
import pytest
from tests.conftest import register_tiny_family
from tests.evaluation.runs.made import answer_at_once
from pix2pix_onthefly.cli import main
register_tiny_family(Path({folder!r}))
answer_at_once(pytest.MonkeyPatch())
main()
"""


def start(arguments: list[str], tiny_folder: Path) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-c", PROGRAM.format(folder=str(tiny_folder)), *arguments],
        env={**os.environ, "PYTHONPATH": os.pathsep.join((str(ROOT / "src"), str(ROOT)))},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )


def wait_until(is_so: Callable[[], bool], process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not is_so() and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.02)


def sweep_rest(world: Path, out: Path) -> list[Ran]:
    setup = setup_of(world, out, batch=2)
    options = EditOptions.of(AttentionOptions(), steps=2, attempts=1, force=True)  # as the command does
    return run_all(setup, paper_grid(options), Extent((SINGLE,), SWEPT))


def test_a_killed_sweep_goes_on_and_ends_with_the_same_tables(
    world: Path, tmp_path: Path, tiny_family: str, tiny_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "killed"
    arguments = ["sweep", "paper", str(world), "--out", str(out), "--limit", str(SWEPT), "--batch", "2"]
    process = start([*arguments, "--steps", "2", "--attempts", "1"], tiny_folder)
    try:
        wait_until(lambda: len(lines_of(out)) > 2 * SWEPT, process)
    finally:
        process.send_signal(signal.SIGKILL)
        _, errors = process.communicate(timeout=PATIENCE)
    assert process.returncode == -signal.SIGKILL, errors.decode()
    finished = len(lines_of(out))
    assert 2 * SWEPT < finished < 26 * SWEPT
    commit = lines_of(out)[0]["revision"]
    from pix2pix_onthefly.evaluation.runs import edits

    monkeypatch.setattr(edits, "revision", lambda: commit)  # tables tell where it has changed meanwhile
    resumed = sweep_rest(world, out)
    assert [len(ran.results) for ran in resumed] == [SWEPT] * 26
    assert len(lines_of(out)) == 26 * SWEPT
    sweep_rest(world, tmp_path / "whole")
    assert report(out) == report(tmp_path / "whole")


def test_what_a_killed_run_left_half_written_is_cleared(world: Path, tmp_path: Path, tiny_family: str) -> None:
    old, young, own = (tmp_path / "cache" / name for name in (".onthefly-1.part", ".onthefly-2.part", "mine.part"))
    old.parent.mkdir()
    for path in (old, young, own):
        path.write_bytes(b"half")
    for path in (old, own):
        os.utime(path, (0, 0))
    setup_of(world, tmp_path)
    assert sorted(path.name for path in old.parent.iterdir()) == [".onthefly-2.part", "mine.part"]


def test_shares_add_up_to_the_whole(tmp_path: Path, tiny_family: str, monkeypatch: pytest.MonkeyPatch) -> None:
    world = write_world(tmp_path / "world", (BLOCK, 1, 1))
    whole, one, two, same = (tmp_path / name for name in ("whole", "one", "two", "same"))
    evaluate(setup_of(world, whole))
    for folder, number in ((one, 1), (two, 2), (same, 1), (same, 2)):
        ran = evaluate(setup_of(world, folder), shard=Shard(number, 2))
        assert len({result.session for result in ran.results}) == {1: BLOCK, 2: 2}[number]
    expected = report(whole)
    assert report(one, two, into=tmp_path / "joined") == expected
    assert report(two, one, into=tmp_path / "joined-again") == expected
    assert report(same) == expected
    monkeypatch.setattr(AttentionGuidance, "edit", None)
    evaluate(setup_of(world, same))


def test_two_processes_cannot_work_on_the_same_file(world: Path, tmp_path: Path, tiny_family: str) -> None:
    setup = setup_of(world, tmp_path)
    configuration = Configuration(setup.editor.options(**QUICK))
    name = setup.name(configuration)
    with opened_results(tmp_path, name, Shard(1, 2)):
        with pytest.raises(OutputError, match=r"another process is at work on .*; wait for it"):
            evaluate(setup, shard=Shard(1, 2))
        evaluate(setup, limit=1)
    evaluate(setup, limit=1, shard=Shard(1, 2))
