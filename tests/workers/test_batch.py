"""A batch by Ray's actors: the files of one process, byte for byte but for times, and everything once, whoever dies."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import psutil
import pytest
import torch
from PIL import Image

from pix2pix_onthefly.batch.dealing import carried_out
from pix2pix_onthefly.batch.folder import BatchFolder
from pix2pix_onthefly.batch.outcomes import FAILED, MADE, Outcome
from pix2pix_onthefly.batch.units import Unit, Wanted
from pix2pix_onthefly.editor import Editor
from pix2pix_onthefly.pictures.saving import read_recipe
from pix2pix_onthefly.running.cache import Cache
from pix2pix_onthefly.workers.ray_actors import RayWorkers
from pix2pix_onthefly.workers.ray_cluster import Cluster
from pix2pix_onthefly.workers.workers import Lost, Workers
from tests.batch import test_killed
from tests.evaluation.fixtures import draw_picture
from tests.workers import clusters
from tests.workers.clusters import PATIENCE, needs_ray, workers_here

cluster = clusters.cluster  # a fixture is found by its name in the module of the tests
QUICK: dict[str, Any] = {"method": "sdedit", "steps": 3, "size": 64, "attempts": 1, "shots": 0, "force": True}


@pytest.fixture
def by_paths(tiny_folder: Path) -> Iterator[Editor]:
    """The tiny models as other processes find them; two edits at a time, one thread as workers have."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    roles = {"diffusion": "diffusion", "captioner": "captioner", "language_model": "rewriter"}
    settings: dict[str, Any] = {option: str(tiny_folder / role) for option, role in roles.items()}
    yield Editor.load("mini", batch=2, **settings)
    torch.set_num_threads(before)


@pytest.fixture
def units(by_paths: Editor, tmp_path: Path) -> list[Unit]:
    """Four pictures with two edits each."""
    made: list[Unit] = []
    for number in range(4):
        picture = tmp_path / f"{number}.png"
        draw_picture(number, (80, 60)).save(picture)
        edits = [
            Wanted(f"make it {colour}", by_paths.options(**QUICK), before=("a cat",), after=(f"a {colour} cat",))
            for colour in ("blue", "red")
        ]
        made.append(Unit(picture, tuple(edits)))
    return made


def _carry_out(editor: Editor, units: list[Unit], out: Path, workers: Workers | None = None) -> Iterator[Outcome]:
    folder = BatchFolder(out)
    editor.executor.keep_in(Cache(folder.cache))
    with folder.held():
        made: dict[int, Outcome] = {}
        for place, outcome in carried_out(editor, units, folder, workers):
            made[place] = outcome
            yield outcome
        folder.write_results([made[place] for place in sorted(made)])


def _files(out: Path) -> dict[str, tuple[bytes, dict[str, Any]]]:
    """Every picture with its recipe, without times."""
    found: dict[str, tuple[bytes, dict[str, Any]]] = {}
    for path in out.glob("*.png"):
        with Image.open(path) as picture:
            found[path.name] = picture.tobytes(), {**read_recipe(path), "seconds": None}
    return found


def _results(out: Path) -> list[dict[str, Any]]:
    lines = (out / "results.jsonl").read_text().splitlines()
    return [{**json.loads(line), "seconds": None} for line in lines]


@needs_ray
@pytest.mark.slow
def test_actors_make_the_files_of_one_process_though_one_is_killed(
    by_paths: Editor, units: list[Unit], tmp_path: Path, cluster: Cluster
) -> None:
    one, many = tmp_path / "one", tmp_path / "many"
    list(_carry_out(by_paths, units, one))
    coming = _carry_out(by_paths, units, many, RayWorkers(cluster))
    outcomes = [next(coming)]
    workers_here()[0].kill()
    outcomes += coming
    assert len(outcomes) == 8
    assert {outcome.status for outcome in outcomes} <= {"made", "kept"}  # what the dead one had kept is kept
    assert _files(many) == _files(one)
    assert [{**line, "status": MADE} for line in _results(many)] == _results(one)
    assert not list(many.rglob("*.part"))


class _Dying:
    """Workers that die at whatever holds one picture."""

    def __init__(self, picture: str) -> None:
        self.picture = picture

    def each(self, do: Any, elsewhere: Any, units: Any, pack: Any) -> Iterator[tuple[int, Any]]:
        for place, run in enumerate(units):
            if any(unit.image.name == self.picture for unit in run.units):
                yield place, Lost("3 workers died at it")
            else:
                for made in do(pack(run)):
                    yield place, made


def test_a_picture_that_no_worker_survives_fails_alone(by_paths: Editor, units: list[Unit], tmp_path: Path) -> None:
    thin = [replace(unit, edits=unit.edits[:1]) for unit in units]  # so that two pictures are carried out at once
    list(_carry_out(by_paths, thin, tmp_path / "out", _Dying("1.png")))
    lines = _results(tmp_path / "out")
    assert [line["status"] for line in lines] == [MADE, FAILED, MADE, MADE]
    assert lines[1]["error"] == "3 workers died at it; there may be too little memory for its picture"


@needs_ray
@pytest.mark.slow
def test_a_killed_driver_leaves_nobody_behind_and_the_next_goes_on(tmp_path: Path, tiny_folder: Path) -> None:
    jobs, out = test_killed.table_of_jobs(tmp_path, 4, 3), tmp_path / "out"
    command = [*test_killed.program(tiny_folder, out, jobs, 6), "--workers", "ray"]
    driver = subprocess.Popen(command, env=test_killed.environment(), stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    assert driver.stdout is not None
    assert driver.stdout.readline()
    below = psutil.Process(driver.pid).children(recursive=True)
    os.kill(driver.pid, signal.SIGKILL)
    driver.wait(PATIENCE)
    driver.stdout.close()
    assert below
    assert not psutil.wait_procs(below, timeout=PATIENCE)[1]
    lines = test_killed.finished(command)
    test_killed.check(out, lines, 12, in_order=False)
    assert "kept" in {line["status"] for line in lines}
