"""How time and memory of an edit grow with steps, picture size, captions and instructions.

    python -m benchmarks.scaling                    # a table for the bundled family, then one line of JSON
    python -m benchmarks.scaling --steps 10 --repeats 1

One setting differs from the first row at a time. Every row is measured in a process of its own, from the picture to the
edited picture, all models included; memory is what is taken beyond the loaded models. For prepared pictures no memory
is given: preparing has taken it before.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace

from pix2pix_onthefly import Editor
from pix2pix_onthefly.records import EditResult
from pix2pix_onthefly.world.captions import describe
from pix2pix_onthefly.world.renderer import render
from pix2pix_onthefly.world.scenes import Scene, SceneObject

from .machine import describe as describe_machine
from .memory import PeakMemory

ROWS_OF_INVERSION = 1
"""Rows of the UNet a step, shared by all edits of a picture: docs/performance.md, "What an edit computes"."""
ROWS_OF_EDIT = 7
"""Rows of the UNet a step, of one edit in the paper's way: one of the reference, two forward and two backward for the
gradient on the latents, two of the second prediction. A row backward, of the latents alone, counts as one forward."""
PICTURE = Scene("field", (SceneObject("fox", None, 0.5, 0.54, 0.62),))
INSTRUCTIONS = (
    "make the fox a cat",
    "put the fox on the beach",
    "turn the fox into a lion",
    "put the fox in the snow",
)


@dataclass(frozen=True)
class Case:
    """One row of the table.

    Attributes:
        steps: of inversion and sampling each.
        size: side of the picture in pixels.
        captions: written by the language model for each side.
        instructions: edits of the one picture, in one batch.
        prepared: whether caption, inversion and reference maps were there already.
    """

    steps: int
    size: int = 128
    captions: int = 1
    instructions: int = 1
    prepared: bool = False


@dataclass(frozen=True)
class Measured:
    """Median seconds, in all and of each stage, and peak memory in MiB."""

    seconds: float
    stages: dict[str, float]
    mebibytes: float


def cases(steps: int) -> list[Case]:
    """All rows, the standard one first."""
    standard = Case(steps)
    return [
        standard,
        *(replace(standard, steps=round(steps * factor)) for factor in (0.25, 0.5, 2)),
        *(replace(standard, size=size) for size in (64, 192, 256)),
        *(replace(standard, captions=captions) for captions in (2, 4)),
        *(replace(standard, instructions=count) for count in (2, 4, 8)),
        *(replace(standard, prepared=True, instructions=count) for count in (1, 4)),
    ]


def measure(case: Case, family: str, device: str | None, repeats: int) -> Measured:
    """Runs one row in this process."""
    editor = Editor.load(family, device=device, batch=case.instructions)
    picture = render(PICTURE, case.size)
    options = editor.options(method="attention", steps=case.steps, size=case.size, captions=case.captions)
    instructions = [INSTRUCTIONS[number % len(INSTRUCTIONS)] for number in range(case.instructions)]
    # Libraries choose their kernels here; a small picture, for memory that is free again stays resident.
    editor.edit(picture, instructions[0], options=options.with_changes(steps=2, size=64))
    source = editor.prepare(picture, options=options, caption=describe(PICTURE)) if case.prepared else picture
    seconds: list[float] = []
    made: list[EditResult] = []
    with PeakMemory(editor.device) as memory:
        for _ in range(repeats):
            started = time.perf_counter()
            made = editor.edit_many([source] * case.instructions, instructions, options=options)
            seconds.append(time.perf_counter() - started)
    stages = {stage: round(spent, 3) for stage, spent in made[0].seconds.items()}
    return Measured(statistics.median(seconds), stages, memory.taken / 2**20)


def measure_apart(case: Case, arguments: Sequence[str]) -> Measured:
    """Runs one row in a process of its own."""
    command = [sys.executable, "-m", "benchmarks.scaling", *arguments, "--case", json.dumps(asdict(case))]
    made = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    return Measured(**json.loads(made.stdout.splitlines()[-1]))


@dataclass(frozen=True)
class Speed:
    """How fast edits are made.

    Attributes:
        rows_per_second: of the UNet.
        other_seconds: of an edit, whatever its steps: caption, the language model, encoding, decoding.
    """

    rows_per_second: float
    other_seconds: float


def speed_of(steps_and_seconds: Sequence[tuple[float, float]]) -> Speed:
    """The straight line through edits that differ in their steps alone.

    Args:
        steps_and_seconds: of at least two edits of one instruction, each with its own inversion.
    """
    steps, seconds = zip(*steps_and_seconds, strict=True)
    a_step, other = statistics.linear_regression(steps, seconds)
    return Speed((ROWS_OF_INVERSION + ROWS_OF_EDIT) / a_step, max(0.0, other))


def by_steps(rows: Sequence[tuple[Case, Measured]]) -> list[tuple[float, float]]:
    """Steps and seconds of the rows that differ from the first in nothing but steps."""
    first = rows[0][0]
    return [(case.steps, measured.seconds) for case, measured in rows if replace(case, steps=first.steps) == first]


def table(rows: Sequence[tuple[Case, Measured]]) -> str:
    """Rows as Markdown, with the time relative to the first."""
    lines = [
        "| steps | size | captions | instructions | prepared | seconds | of the first row | MiB |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for case, measured in rows:
        cells = (case.steps, case.size, case.captions, case.instructions, "yes" if case.prepared else "no")
        relative = measured.seconds / rows[0][1].seconds
        memory = "" if case.prepared else f"{measured.mebibytes:.0f}"
        figures = f"{measured.seconds:.1f} | {relative:.2f} | {memory}"
        lines.append(f"| {' | '.join(map(str, cells))} | {figures} |")
    return "\n".join(lines)


def main() -> None:
    """Reads the command line, measures, prints."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--family", default="mini")
    parser.add_argument("--device", help="the best one if not given")
    parser.add_argument("--steps", type=int, default=40, help="of the first row")
    parser.add_argument("--repeats", type=int, default=1)
    parser.add_argument("--case", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.case:
        measured = measure(Case(**json.loads(given.case)), given.family, given.device, given.repeats)
        print(json.dumps(asdict(measured)))
        return
    rows: list[tuple[Case, Measured]] = []
    for case in cases(given.steps):
        print(f"measuring {case}", file=sys.stderr, flush=True)
        rows.append((case, measure_apart(case, sys.argv[1:])))
    print(f"{given.family}; {describe_machine(Editor.load(given.family, device=given.device).device)}\n")
    print(table(rows))
    speed = speed_of(by_steps(rows))
    print(f"\n{speed.rows_per_second:.1f} rows a second, and {speed.other_seconds:.2f} seconds an edit beside them\n")
    print(json.dumps([{**asdict(case), **asdict(measured)} for case, measured in rows]))


if __name__ == "__main__":
    main()
