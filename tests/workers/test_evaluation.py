"""An evaluation by workers: the tables and pictures of one process, byte for byte, whoever dies."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image

from pix2pix_onthefly.errors import OptionError
from pix2pix_onthefly.evaluation.data.turns import SETTINGS, SINGLE
from pix2pix_onthefly.evaluation.runs.batches import independent, plan
from pix2pix_onthefly.evaluation.runs.carrying import Elsewhere
from pix2pix_onthefly.evaluation.runs.configurations import GOLD, Configuration
from pix2pix_onthefly.evaluation.runs.runner import Extent, Ran, run_all
from pix2pix_onthefly.evaluation.runs.setup import Setup
from pix2pix_onthefly.workers.ray_actors import RayWorkers
from pix2pix_onthefly.workers.ray_cluster import Cluster
from pix2pix_onthefly.workers.workers import Lost, Workers
from tests.batch import test_killed
from tests.evaluation.runs.made import QUICK, answer_at_once, files_of, lines_of, report, setup_of, write_world
from tests.workers import clusters
from tests.workers.clusters import PATIENCE, needs_ray, workers_here

cluster = clusters.cluster  # a fixture is found by its name in the module of the tests
FAST = {**QUICK, "method": "sdedit", "steps": 3}
BOTH = Extent(SETTINGS)


@pytest.fixture
def world(tmp_path: Path) -> Path:
    """Seven turns; one session is alone, two have chains."""
    return write_world(tmp_path / "world")


@pytest.fixture
def one_thread() -> Iterator[None]:
    """As workers have: in parts for two threads sums come out otherwise."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def _two_ways(setup: Setup) -> list[Configuration]:
    return [Configuration(setup.editor.options(**FAST), source) for source in ("captioner", GOLD)]


def _run(setup: Setup, extent: Extent, workers: Workers, started: Any = None) -> list[Ran]:
    """Runs both ways; `started` is called once the first results are there."""

    def tell(_: str, done: int, __: int) -> None:
        if done and started is not None and not called:
            called.append(done)
            started()

    called: list[int] = []
    return run_all(setup, _two_ways(setup), extent, tell, workers)


def _pictures(folder: Path) -> dict[str, bytes]:
    found: dict[str, bytes] = {}
    for path in (folder / "pictures").rglob("*.png"):
        with Image.open(path) as picture:
            found[path.relative_to(folder).as_posix()] = picture.tobytes()
    return found


@needs_ray
@pytest.mark.slow
def test_actors_end_with_the_tables_of_one_process_though_one_is_killed(
    world: Path, tmp_path: Path, cluster: Cluster, one_thread: None
) -> None:
    one, many = tmp_path / "one", tmp_path / "many"
    run_all(setup := setup_of(world, one, batch=2), _two_ways(setup), BOTH)
    ran = _run(setup_of(world, many, batch=2), BOTH, RayWorkers(cluster), lambda: workers_here()[0].kill())
    assert [len(each.results) for each in ran] == [14, 14]  # seven turns in both settings
    assert report(many) == report(one)
    assert _pictures(many) == _pictures(one)
    assert len(lines_of(many)) == len(lines_of(one)) == 28
    assert not [path for path in many.rglob("*") if path.name.endswith(".part")]


@needs_ray
@pytest.mark.slow
def test_a_killed_driver_goes_on_when_it_is_started_again(world: Path, tmp_path: Path, one_thread: None) -> None:
    one, many = tmp_path / "one", tmp_path / "many"
    options = ["--limit", "4", "--method", "sdedit", "--steps", "3", "--batch", "1", "--json"]
    command = [sys.executable, "-m", "pix2pix_onthefly", "evaluate", str(world), *options]
    by_ray = [*command, "--out", str(many), "--workers", "ray"]
    driver = subprocess.Popen(by_ray, env=test_killed.environment(), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    assert driver.stderr is not None
    while (line := driver.stderr.readline()) and not line.startswith((b"Evaluating: 1", b"Evaluating: 2")):
        pass
    os.kill(driver.pid, signal.SIGKILL)
    driver.wait(PATIENCE)
    driver.stderr.close()
    before = len(lines_of(many))
    assert 1 <= before < 4
    environment = {**test_killed.environment(), "OMP_NUM_THREADS": "1"}
    for again in (by_ray, [*command, "--out", str(one)]):
        done = subprocess.run(again, env=environment, capture_output=True, timeout=PATIENCE * 2, check=False)
        assert done.returncode == 0, done.stderr.decode()
        assert json.loads(done.stdout)["n"] == 4
    assert len(lines_of(many)) == 4
    assert files_of(many) == files_of(one)
    assert _pictures(many) == _pictures(one)


class _Losing:
    """Workers that lose the first unit."""

    def each(self, do: Any, elsewhere: Any, units: Any, pack: Any) -> Iterator[tuple[int, Any]]:
        yield 0, Lost("3 workers died at it")
        for place, unit in enumerate(units[1:], 1):
            for made in do(pack(unit)):
                yield place, made


def test_a_lost_unit_fails_in_the_table_and_is_made_by_the_next_run(
    world: Path, tmp_path: Path, tiny_family: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer_at_once(monkeypatch)
    setup = setup_of(world, tmp_path / "out", batch=2)
    first, second = _run(setup, Extent((SINGLE,)), _Losing())
    for ran in (first, second):
        assert [result.error for result in ran.results] == ["3 workers died at it"] * 2 + [None] * 5
    report(tmp_path / "out")
    again = run_all(setup, _two_ways(setup), Extent((SINGLE,)))
    assert not [result.error for ran in again for result in ran.results if result.error]


def test_a_worker_of_another_kind_is_refused(world: Path, tmp_path: Path, tiny_family: str) -> None:
    setup = setup_of(world, tmp_path / "out")
    (configuration, _) = _two_ways(setup)
    there = Elsewhere.of(setup, {setup.name(configuration): configuration})
    there()
    with pytest.raises(OptionError, match="computes in bfloat16"):
        replace(there, settings=there.settings.with_changes(precision="bfloat16"))()


def test_units_need_nothing_of_each_other(world: Path, tmp_path: Path, tiny_family: str) -> None:
    """Turns from true pictures are units of their own; chains stay with the turns that they begin with."""
    setup = setup_of(world, tmp_path / "out")
    batches = plan(setup.dataset, SETTINGS, 1)
    parts = independent(batches)
    assert {batch for part in parts for batch in part} == set(batches)
    assert sum(map(len, parts)) == len(batches)
    for part in parts:
        sessions = {slot.turn.session for batch in part for slot in batch}
        assert len(sessions) == 1
        chained = [slot for batch in part for slot in batch if slot.chained]
        assert not chained or part[0][0].turn.number == 1
    assert len(independent(plan(setup.dataset, (SINGLE,), 1))) == 7
