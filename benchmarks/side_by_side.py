"""Our edit and diffusers' pix2pix-zero pipeline side by side: same process, weights, steps, seed and device.

    python -m benchmarks.side_by_side                                  # the bundled family, on the best device here
    python -m benchmarks.side_by_side --diffusion random-sd1 --steps 100 --device cuda     # Stable Diffusion 1.x's size

Prints a table and, as its last line, one JSON object. Both invert a picture's latents with pix2pix-zero's noise
regularisation (5 rounds of 5 rolls), drawing the same shifts, regenerate it unedited and edit it; both end in pixels.
Runs alternate, figures are medians. Memory is measured once for each in a process of its own. A second table has the
default edit beside diffusers' pipeline, at its own steps and at as many as the default has, and beside SDEdit.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial

import torch
from torch import Tensor

from pix2pix_onthefly.backbones.stable_diffusion import LatentDiffusion
from pix2pix_onthefly.models import loading
from pix2pix_onthefly.options import AttentionOptions, EditOptions

from .contenders import Job, Ours, Theirs, noise_job
from .default_edit import default_ratios, default_seconds, default_table
from .floor import floor_seconds
from .machine import describe
from .memory import peak_of
from .subjects import SUBJECTS, load_subject
from .timing import timed

REGULARISATION_ROUNDS = 5
"""As in pix2pix-zero's code and diffusers' pipeline."""
COPIES = 4
THEIRS, OURS, SECOND, BATCH = CONTENDERS = ("theirs", "ours", "ours, second edit", f"ours, each of {COPIES} at once")


@dataclass(frozen=True)
class Setup:
    """What is run.

    Attributes:
        precision: of the comparison proper.
        half: a lower precision in which everything runs once more, if any.
        rounds: of noise regularisation.
    """

    diffusion: str
    device: torch.device
    precision: str
    half: str | None
    steps: int
    rounds: int
    size: int | None

    def load(self, precision: str) -> LatentDiffusion:
        """The model."""
        return load_subject(self.diffusion, self.device, loading.pick_dtype(precision, self.device))

    def job(self, diffusion: LatentDiffusion) -> Job:
        """The edit."""
        options = EditOptions.of(AttentionOptions(), steps=self.steps, regularisation_rounds=self.rounds)
        return noise_job(diffusion, options, self.size)

    def name(self, contender: str, precision: str) -> str:
        """Of a row: the precision is named where it is not that of the comparison proper."""
        return contender if precision == self.precision else f"{contender}, {precision}"


def contenders(setup: Setup, steps: int) -> dict[str, Callable[[], Tensor]]:
    """What is timed, by name; what the second edit starts from is made beforehand."""
    actions: dict[str, Callable[[], Tensor]] = {}
    for precision in filter(None, (setup.precision, setup.half)):
        diffusion = setup.load(precision)
        job = setup.job(diffusion)
        job = Job(job.latents, job.options.with_changes(steps=steps))
        theirs, ours = Theirs(diffusion), Ours(diffusion)
        second = partial(ours.second_edit, ours.prepare(job), job)
        runs = partial(theirs.edit, job), partial(ours.edit, job), second, partial(ours.edit, job, COPIES)
        actions.update({setup.name(name, precision): run for name, run in zip(CONTENDERS, runs, strict=True)})
    return actions


def compare(setup: Setup, repeats: int) -> dict[str, float]:
    """Median seconds of each contender, the floor, and the largest differences of the pictures from theirs."""
    for action in contenders(setup, steps=2).values():  # not counted: libraries choose their kernels here
        action()
    actions = contenders(setup, setup.steps)
    seconds: dict[str, list[float]] = {name: [] for name in actions}
    pictures: dict[str, Tensor] = {}
    for number in range(1, repeats + 1):
        for name, action in actions.items():
            spent, pictures[name] = timed(action, setup.device)
            seconds[name].append(spent / COPIES if name.startswith(BATCH) else spent)
            print(f"round {number} of {repeats}: {name} {spent:.1f} s", file=sys.stderr, flush=True)
    figures = {name: statistics.median(spent) for name, spent in seconds.items()}
    diffusion = setup.load(setup.precision)
    figures["floor"] = floor_seconds(diffusion, setup.job(diffusion))
    for name, picture in pictures.items():
        figures[f"difference, {name}"] = float((picture - pictures[THEIRS]).abs().max())
    return figures


def memory_of(setup: Setup, contender: str) -> int:
    """Peak bytes of one contender beyond the loaded models; to be run in a fresh process."""
    diffusion = setup.load(setup.precision)
    job = setup.job(diffusion)
    runner = Theirs(diffusion) if contender == THEIRS else Ours(diffusion)
    with torch.no_grad():
        diffusion.predict_noise(job.latents, 1, diffusion.embed([""]))
    return peak_of(lambda: runner.edit(job), setup.device)


def memory_in_own_process(arguments: list[str], contender: str) -> int:
    """`memory_of` by another process of this script."""
    command = [sys.executable, "-m", "benchmarks.side_by_side", *arguments, "--memory-of", contender]
    made = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    return int(made.stdout.split()[-1])


def table(setup: Setup, figures: Mapping[str, float], memory: Mapping[str, int], memory_steps: int) -> str:
    """The figures as Markdown."""
    heads = "seconds", "times faster", f"peak memory, {memory_steps} steps", "largest difference from theirs"
    lines = [f"| | {' | '.join(heads)} |", "|---|---|---|---|---|"]
    for name in [name for name in figures if f"difference, {name}" in figures]:
        taken = f"{memory[name] / 2**20:.0f} MiB" if name in memory else ""
        ratio, apart = figures[THEIRS] / figures[name], figures[f"difference, {name}"]
        lines.append(f"| {name} | {figures[name]:.2f} | {ratio:.2f} | {taken} | {apart:.1e} |")
    ratio, above = figures[THEIRS] / figures["floor"], figures[OURS] / figures["floor"]
    lines.append(f"| floor of ours | {figures['floor']:.2f} | {ratio:.2f} | | ours takes {above:.2f} times as long |")
    what = f"{setup.diffusion}, {setup.precision}, {setup.steps} steps, {setup.rounds} rounds of regularisation"
    return "\n".join([f"{what}; {describe(setup.device)}", "", *lines])


def summary(setup: Setup, figures: Mapping[str, float], memory: Mapping[str, int]) -> dict[str, float]:
    """What a program would read: how many times faster ours is, the share of their memory that it takes, and the
    largest difference of a pixel value (0..1) from theirs in full precision; speeds are compared within a precision."""
    found = {"ratio_memory": round(memory[OURS] / memory[THEIRS], 3), "floor_ratio": figures[THEIRS] / figures["floor"]}
    for precision in filter(None, (setup.precision, setup.half)):
        theirs, ours, second, batch = (setup.name(contender, precision) for contender in CONTENDERS)
        mark = "" if precision == setup.precision else f"_{precision}"
        found[f"ratio_edit{mark}"] = round(figures[theirs] / figures[ours], 3)
        found[f"ratio_second_edit{mark}"] = round(figures[theirs] / figures[second], 3)
        found[f"ratio_batch{mark}"] = round(figures[theirs] / figures[batch], 3)
        found[f"max_difference{mark}"] = max(figures[f"difference, {name}"] for name in (ours, second, batch))
    return found


def main() -> None:
    """Reads the command line, measures, prints."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--diffusion", default="mini", help=f"one of {', '.join(SUBJECTS)}")
    parser.add_argument("--device", help="the best one if not given")
    parser.add_argument("--precision", default="float32", choices=["float32", "bfloat16", "float16"])
    parser.add_argument("--half", default="bfloat16", help="a lower precision to run everything in as well; or none")
    parser.add_argument("--steps", type=int, default=40)
    parser.add_argument("--memory-steps", type=int, default=100, help="steps at which memory is measured")
    parser.add_argument("--rounds", type=int, default=REGULARISATION_ROUNDS, help="of noise regularisation")
    parser.add_argument("--size", type=int, help="side of the picture in pixels; the model's own if not given")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--memory-of", choices=(THEIRS, OURS), help=argparse.SUPPRESS)
    given = parser.parse_args()
    half = None if given.half == "none" else given.half
    device = loading.pick_device(given.device)
    setup = Setup(given.diffusion, device, given.precision, half, given.steps, given.rounds, given.size)
    if given.memory_of:
        print(memory_of(replace(setup, steps=given.memory_steps), given.memory_of))
        return
    memory = {name: memory_in_own_process(sys.argv[1:], name) for name in (THEIRS, OURS)}
    figures = compare(setup, given.repeats)
    diffusion = setup.load(setup.precision)
    usual = default_seconds(diffusion, setup.diffusion, setup.job(diffusion), setup.rounds, given.repeats)
    print(table(setup, figures, memory, given.memory_steps))
    print(f"\n{default_table(usual)}\n")
    print(json.dumps(summary(setup, figures, memory) | default_ratios(usual)))


if __name__ == "__main__":
    main()
