"""One edit with the family sd14 at its true size, weights random: the whole path without a download.

    python -m benchmarks.true_size build FOLDER           # 11 GB, laid out as the hub's cache
    python -m benchmarks.true_size run FOLDER             # prints time and memory as one line of JSON
    python -m benchmarks.true_size run FOLDER --width 640 --height 400 -- --precision bfloat16 --low-vram

What follows `--` goes to `onthefly edit`. The language model writes gibberish, so that the editor falls back on the
instruction itself. Needs a POSIX system.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import psutil
import typer
from PIL import Image

from pix2pix_onthefly.cli.console import STAGES
from pix2pix_onthefly.pictures.saving import read_recipe
from training.common import ROOT

from .true_size_models import FAMILY, write_family

PICTURE = ROOT / "examples/cat.png"
INSTRUCTION = "make the cat a dog"
EDIT = ("--family", FAMILY, "--steps", "2", "--attempts", "1", "--no-constrain")
GIB = 2**30
SAMPLING_SECONDS = 0.1

app = typer.Typer(help=__doc__, add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False)


@dataclass(frozen=True)
class Run:
    """What one edit took.

    Attributes:
        exit_code: of the command line.
        complaints: its standard error.
        wall_seconds: from start to end of the program.
        peak_gib: largest resident memory, as the kernel counted it.
        stage_gib: for each stage the largest resident memory, and the largest share of it that no file backs: weights
            that are used as they lie in their files are only mapped, and the system can take that memory back. A stage
            begins when the command line announces it: loading its model counts to the stage before, and where steps
            are announced when they are done, so does the first step.
        recipe: of the edited picture; empty if there is none.
    """

    exit_code: int
    complaints: str
    wall_seconds: float
    peak_gib: float
    stage_gib: dict[str, tuple[float, float]]
    recipe: dict[str, Any]


class _Watch(threading.Thread):
    """Samples a program's memory until it ends; `stage` is where samples are counted."""

    def __init__(self, pid: int) -> None:
        super().__init__(daemon=True)
        self.program, self.stage = psutil.Process(pid), "start"
        self.peaks: dict[str, tuple[int, int]] = {}

    def run(self) -> None:
        while True:
            try:
                memory: Any = self.program.memory_info()
            except psutil.Error:
                return
            if not memory.rss:  # ended, and not yet waited for
                return
            resident, anonymous = self.peaks.get(self.stage, (0, 0))
            unshared = memory.rss - getattr(memory, "shared", 0)
            self.peaks[self.stage] = max(resident, memory.rss), max(anonymous, unshared)
            time.sleep(SAMPLING_SECONDS)


def example_picture(size: tuple[int, int]) -> Image.Image:
    """The example picture, stretched to a size (width, height)."""
    with Image.open(PICTURE) as picture:
        return picture.convert("RGB").resize(size, Image.Resampling.LANCZOS)


def run_edit(cache: Path, size: tuple[int, int], output: Path, arguments: Sequence[str] = ()) -> Run:
    """Edits a picture of a size (width, height) by the command line, with a folder of `write_family` as all there is
    on the hub. The source is written beside the output, a path that must be free."""
    source = output.with_name("source.png")
    example_picture(size).save(source)
    command = [sys.executable, "-m", "pix2pix_onthefly", "edit", str(source), INSTRUCTION, "-o", str(output)]
    environment = {**os.environ, "HF_HUB_CACHE": str(cache.resolve()), "HF_HUB_OFFLINE": "1"}
    started = time.perf_counter()
    program = subprocess.Popen(
        [*command, *EDIT, *arguments],
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    watch = _Watch(program.pid)
    watch.start()
    complaints = _follow(program, watch)
    _, status, usage = os.wait4(program.pid, 0)
    program.returncode = os.waitstatus_to_exitcode(status)
    watch.join()
    return Run(
        exit_code=program.returncode,
        complaints=complaints,
        wall_seconds=time.perf_counter() - started,
        peak_gib=usage.ru_maxrss * (1 if sys.platform == "darwin" else 1024) / GIB,
        stage_gib={stage: (resident / GIB, own / GIB) for stage, (resident, own) in watch.peaks.items()},
        recipe=read_recipe(output) if output.exists() else {},
    )


def _follow(program: subprocess.Popen[str], watch: _Watch) -> str:
    """Reads a program's standard error to its end and tells the watch what stage it announces."""
    announced = {f"{text} ...": stage for stage, text in STAGES.items()}
    lines: list[str] = []
    assert program.stderr is not None
    for line in program.stderr:
        watch.stage = announced.get(line.strip(), watch.stage)
        lines.append(line)
    return "".join(lines)


def report(run: Run) -> str:
    """One line of JSON."""
    recipe: dict[str, Any] = run.recipe
    figures = {
        "exit_code": run.exit_code,
        "wall_seconds": round(run.wall_seconds, 1),
        "seconds": recipe.get("seconds", {}),
        "peak_gib": round(run.peak_gib, 2),
        "stage_gib": {stage: [round(peak, 2) for peak in peaks] for stage, peaks in run.stage_gib.items()},
        "outcome": recipe.get("captions", {}).get("outcome"),
        "reconstruction_psnr": recipe.get("reconstruction_psnr"),
    }
    return json.dumps(figures)


@app.command()
def build(folder: Path) -> None:
    """Write the models into a folder, which becomes a cache of the hub; models that are there already stay."""
    started = time.perf_counter()
    write_family(folder)
    used = sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())
    print(json.dumps({"seconds": round(time.perf_counter() - started, 1), "gigabytes": round(used / 1e9, 2)}))


@app.command()
def run(
    folder: Path,
    arguments: Annotated[list[str] | None, typer.Argument(help="More for `onthefly edit`, after `--`.")] = None,
    width: int = 512,
    height: int = 512,
    keep: Annotated[Path | None, typer.Option(help="Where the edited picture goes.")] = None,
) -> None:
    """Edit a picture with the models of a folder and print what that took."""
    with tempfile.TemporaryDirectory() as scratch:
        output = Path(scratch) / "edited.png"
        done = run_edit(folder, (width, height), output, arguments or [])
        if keep is not None and output.exists():
            shutil.copyfile(output, keep)
    sys.stderr.write(done.complaints)
    print(report(done))
    raise typer.Exit(done.exit_code)


if __name__ == "__main__":
    app()
