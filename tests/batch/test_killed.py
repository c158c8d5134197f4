"""A batch that is killed with `kill -9` at random moments and started again: every output once, nothing half-made."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from tests.evaluation.fixtures import draw_picture

ROOT = Path(__file__).resolve().parents[2]
PATIENCE = 600
COLOURS = ("blue", "red", "green")


def program(tiny_folder: Path, out: Path, jobs: Path, steps: int) -> list[str]:
    models = [
        f"--{option}={tiny_folder / role}"
        for option, role in (("diffusion", "diffusion"), ("captioner", "captioner"), ("language-model", "rewriter"))
    ]
    options = ["--method", "sdedit", "--steps", str(steps), "--size", "64", "--batch", "2", *models]
    return [sys.executable, "-m", "pix2pix_onthefly", "batch", str(jobs), "--out", str(out), *options]


def environment() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": os.pathsep.join((str(ROOT / "src"), str(ROOT)))}


def table_of_jobs(folder: Path, pictures: int, instructions: int) -> Path:
    """A table of so many pictures with so many edits each."""
    lines: list[str] = []
    for number in range(pictures):
        draw_picture(number, (80, 60)).save(folder / f"{number}.png")
        for colour in COLOURS[:instructions]:
            wanted = {"before": "a cat", "after": f"a {colour} cat", "instruction": f"make it {colour}"}
            lines.append(json.dumps({"image": f"{number}.png", **wanted}))
    (folder / "jobs.jsonl").write_text("\n".join(lines))
    return folder / "jobs.jsonl"


def _killed_after(command: list[str], edits: int, seconds: float) -> int:
    """Runs until so many edits have been told of and some time has gone by, and kills; how many were told of."""
    process = subprocess.Popen(command, env=environment(), stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    assert process.stdout is not None
    told = 0
    while told < edits and process.stdout.readline():
        told += 1
    time.sleep(seconds)
    process.kill()
    process.wait(PATIENCE)
    process.stdout.close()
    return told


def finished(command: list[str]) -> list[dict[str, Any]]:
    done = subprocess.run(command, env=environment(), capture_output=True, timeout=PATIENCE, check=False)
    assert done.returncode == 0, done.stderr.decode()
    return [json.loads(line) for line in done.stdout.splitlines()]


def check(out: Path, lines: list[dict[str, Any]], count: int, *, in_order: bool = True) -> None:
    """Every edit has one whole picture; no other file lies there.

    Args:
        in_order: whether edits are told of in the order of their table, as one process does.
    """
    names = [name for line in lines for name in line["pictures"]]
    assert len(lines) == count
    assert len(set(names)) == count
    assert sorted(path.name for path in out.glob("*.png")) == sorted(names)
    for name in names:
        with Image.open(out / name) as picture:
            picture.load()
    assert not list(out.rglob("*.part"))
    results = [json.loads(line) for line in (out / "results.jsonl").read_text().splitlines()]
    keys = [line["key"] for line in lines]
    assert sorted(line["key"] for line in results) == sorted(keys)
    if in_order:
        assert [line["key"] for line in results] == keys


def _killed_and_gone_on_with(tmp_path: Path, tiny_folder: Path, pictures: int, kills: int, steps: int) -> None:
    jobs, out = table_of_jobs(tmp_path, pictures, len(COLOURS)), tmp_path / "out"
    command = program(tiny_folder, out, jobs, steps)
    moments = random.Random(4)
    for kill in range(kills):
        _killed_after(command, moments.randint(1, 3) + kill * 2, moments.random() * 0.3)
    lines = finished(command)
    check(out, lines, pictures * len(COLOURS))
    assert lines[0]["status"] == "kept"  # what had been told of before a kill is there


def test_a_batch_killed_at_random_moments_ends_with_every_output_once(tmp_path: Path, tiny_folder: Path) -> None:
    _killed_and_gone_on_with(tmp_path, tiny_folder, pictures=3, kills=2, steps=6)


@pytest.mark.slow
def test_thirty_edits_killed_five_times_end_with_every_output_once(tmp_path: Path, tiny_folder: Path) -> None:
    _killed_and_gone_on_with(tmp_path, tiny_folder, pictures=10, kills=5, steps=6)
