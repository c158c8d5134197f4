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
from pix2pix_onthefly.evaluation import ours, workshop
from pix2pix_onthefly.evaluation.grid import Configuration
from pix2pix_onthefly.evaluation.plan import BLOCK, Shard
from pix2pix_onthefly.evaluation.records import SETTINGS
from pix2pix_onthefly.evaluation.store import opened_results, read_results
from tests.evaluation.runs import (
    QUICK,
    answer_at_once,
    bench_of,
    evaluate,
    lines_of,
    report,
    write_world,
)

ROOT = Path(__file__).resolve().parents[2]
PATIENCE = 600
"""Seconds a started program may take on a busy machine."""


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    answer_at_once(monkeypatch)


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_world(tmp_path_factory.mktemp("world") / "small")


def test_an_unfinished_last_line_is_made_again(world: Path, tmp_path: Path, tiny_family: str) -> None:
    evaluate(bench_of(world, tmp_path / "whole"))
    evaluate(bench_of(world, tmp_path / "cut"))
    [path] = (tmp_path / "cut" / "results").glob("*.jsonl")
    content = path.read_bytes()
    path.write_bytes(content[: content.rindex(b'"instruction"')])
    assert len(read_results([tmp_path / "cut"])) == 6
    evaluate(bench_of(world, tmp_path / "cut"))
    assert len(lines_of(tmp_path / "cut")) > 6
    assert report(tmp_path / "cut") == report(tmp_path / "whole")


def test_a_broken_line_is_named(world: Path, tmp_path: Path, tiny_family: str) -> None:
    evaluate(bench_of(world, tmp_path), limit=2)
    [path] = (tmp_path / "results").glob("*.jsonl")
    path.write_bytes(b"{}\n" + path.read_bytes())
    with pytest.raises(InputError, match=r"line 1 of .* is broken"):
        read_results([tmp_path])


PROGRAM = """
from pathlib import Path
import pytest
from tests.conftest import register_tiny_family
from tests.evaluation.runs import answer_at_once
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


def test_a_killed_run_goes_on_and_ends_with_the_same_tables(
    world: Path, tmp_path: Path, tiny_family: str, tiny_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out, steps = tmp_path / "killed", 3
    arguments = ["evaluate", str(world), "--out", str(out), "--setting", "both", "--steps", str(steps)]
    process = start([*arguments, "--attempts", "1", "--shots", "0", "--batch", "2"], tiny_folder)
    try:
        wait_until(lambda: any(path.stat().st_size for path in out.glob("results/*.jsonl")), process)
    finally:
        process.send_signal(signal.SIGKILL)
        _, errors = process.communicate(timeout=PATIENCE)
    assert process.returncode == -signal.SIGKILL, errors.decode()
    assert 0 < len(lines_of(out)) < 14
    commit = lines_of(out)[0]["revision"]
    monkeypatch.setattr(workshop, "revision", lambda: commit)  # tables tell where it has changed meanwhile
    resumed = evaluate(bench_of(world, out, batch=2), SETTINGS, steps=steps)
    assert len(resumed.results) == 14
    assert len(lines_of(out)) == 14
    evaluate(bench_of(world, tmp_path / "whole", batch=2), SETTINGS, steps=steps)
    assert report(out) == report(tmp_path / "whole")
    assert not list(out.rglob("*.part"))


def test_shares_add_up_to_the_whole(tmp_path: Path, tiny_family: str, monkeypatch: pytest.MonkeyPatch) -> None:
    world = write_world(tmp_path / "world", (BLOCK, 1, 1))
    whole, one, two, same = (tmp_path / name for name in ("whole", "one", "two", "same"))
    evaluate(bench_of(world, whole))
    for folder, number in ((one, 1), (two, 2), (same, 1), (same, 2)):
        ran = evaluate(bench_of(world, folder), shard=Shard(number, 2))
        assert len({result.session for result in ran.results}) == {1: BLOCK, 2: 2}[number]
    expected = report(whole)
    assert report(one, two, into=tmp_path / "joined") == expected
    assert report(two, one, into=tmp_path / "joined-again") == expected
    assert report(same) == expected
    monkeypatch.setattr(ours.Ours, "edit", None)
    evaluate(bench_of(world, same))


def test_two_processes_cannot_work_on_the_same_file(world: Path, tmp_path: Path, tiny_family: str) -> None:
    bench = bench_of(world, tmp_path)
    configuration = Configuration(bench.editor.options(**QUICK))
    name = bench.name(configuration, bench.make_method(configuration))
    with opened_results(tmp_path, name, Shard(1, 2)):
        with pytest.raises(OutputError, match=r"another process is at work on .*; wait for it"):
            evaluate(bench, shard=Shard(1, 2))
        evaluate(bench, limit=1)
    evaluate(bench, limit=1, shard=Shard(1, 2))
