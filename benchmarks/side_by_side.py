"""Our edit and diffusers' pix2pix-zero pipeline side by side: same process, weights, steps, seed and device.

    python -m benchmarks.side_by_side                                  # the bundled family, on the best device here
    python -m benchmarks.side_by_side --diffusion random-sd1 --steps 100 --device cuda     # Stable Diffusion 1.x's size

Prints a table and, as its last line, one JSON object. Both invert a picture's latents with pix2pix-zero's noise
regularisation (5 rounds of 5 rolls), drawing the same shifts, regenerate it unedited and edit it; both end in pixels.
Runs alternate, figures are medians. Memory is measured once for each in a process of its own.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from pix2pix_onthefly import loading
from pix2pix_onthefly.diffusion import LatentDiffusion
from pix2pix_onthefly.options import EditOptions

from .contenders import Job, Ours, Theirs, noise_job
from .floor import floor_seconds
from .machine import describe
from .memory import peak_of
from .subjects import SUBJECTS, load_subject

REGULARISATION_ROUNDS = 5
"""As in pix2pix-zero's code and diffusers' pipeline."""
CONTENDERS = ("theirs", "ours", "ours, second edit")


@dataclass(frozen=True)
class Setup:
    """What is run."""

    diffusion: str
    device: torch.device
    precision: str
    steps: int
    rounds: int
    size: int | None

    def load(self) -> LatentDiffusion:
        """The model, in the wanted precision."""
        return load_subject(self.diffusion, self.device, loading.pick_dtype(self.precision, self.device))

    def job(self, diffusion: LatentDiffusion) -> Job:
        """The edit."""
        options = EditOptions(steps=self.steps, regularisation_rounds=self.rounds)
        return noise_job(diffusion, options, self.size)


def contenders(diffusion: LatentDiffusion, job: Job) -> dict[str, Callable[[], Tensor]]:
    """What is timed, by name; what the second edit starts from is made beforehand."""
    theirs, ours = Theirs(diffusion), Ours(diffusion)
    prepared = ours.prepare(job)
    actions = (lambda: theirs.edit(job)), (lambda: ours.edit(job)), (lambda: ours.second_edit(prepared, job))
    return dict(zip(CONTENDERS, actions, strict=True))


def timed(action: Callable[[], Tensor], device: torch.device) -> tuple[float, Tensor]:
    """Seconds, and the picture on the CPU."""
    started = time.perf_counter()
    picture = action().cpu()
    if device.type == "cuda":
        torch.cuda.synchronize()
    return time.perf_counter() - started, picture


def compare(setup: Setup, repeats: int) -> dict[str, float]:
    """Median seconds of each contender, the floor, and the largest differences of the pictures from theirs."""
    diffusion = setup.load()
    job = setup.job(diffusion)
    actions = contenders(diffusion, job)
    warm = Job(job.latents, job.options.with_changes(steps=2, regularisation_rounds=0))
    for action in contenders(diffusion, warm).values():
        action()
    seconds: dict[str, list[float]] = {name: [] for name in CONTENDERS}
    pictures: dict[str, Tensor] = {}
    for round_ in range(repeats):
        for name, action in actions.items():
            spent, pictures[name] = timed(action, setup.device)
            seconds[name].append(spent)
            print(f"round {round_ + 1} of {repeats}: {name} {spent:.1f} s", file=sys.stderr, flush=True)
    figures = {name: statistics.median(spent) for name, spent in seconds.items()}
    figures["floor"] = floor_seconds(diffusion, job)
    for name in CONTENDERS[1:]:
        figures[f"difference, {name}"] = float((pictures[name] - pictures["theirs"]).abs().max())
    return figures


def memory_of(setup: Setup, contender: str) -> int:
    """Peak bytes of one contender beyond the loaded models; to be run in a fresh process."""
    diffusion = setup.load()
    job = setup.job(diffusion)
    warm = Job(job.latents, job.options.with_changes(steps=2, regularisation_rounds=0))
    runner = Theirs(diffusion) if contender == "theirs" else Ours(diffusion)
    with torch.no_grad():
        diffusion.predict_noise(warm.latents, 1, diffusion.embed([""]))
    return peak_of(lambda: runner.edit(job), setup.device)


def memory_in_own_process(arguments: list[str], contender: str) -> int:
    """`memory_of` by another process of this script."""
    command = [sys.executable, "-m", "benchmarks.side_by_side", *arguments, "--memory-of", contender]
    made = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    return int(made.stdout.split()[-1])


def table(setup: Setup, figures: Mapping[str, float], memory: Mapping[str, int]) -> str:
    """The figures as Markdown."""
    lines = ["| | seconds | times faster | peak memory | largest difference from theirs |", "|---|---|---|---|---|"]
    for name in CONTENDERS:
        taken = f"{memory[name] / 2**20:.0f} MiB" if name in memory else ""
        apart = figures.get(f"difference, {name}")
        differs = "" if apart is None else f"{apart:.1e}"
        ratio = figures["theirs"] / figures[name]
        lines.append(f"| {name} | {figures[name]:.2f} | {ratio:.2f} | {taken} | {differs} |")
    above = figures["ours"] / figures["floor"]
    lines.append(f"| floor of ours | {figures['floor']:.2f} | | | ours is {above:.2f} times that |")
    what = f"{setup.diffusion}, {setup.precision}, {setup.steps} steps, {setup.rounds} rounds of regularisation"
    return "\n".join([f"{what}; {describe(setup.device)}", "", *lines])


def main() -> None:
    """Reads the command line, measures, prints."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--diffusion", default="mini", help=f"one of {', '.join(SUBJECTS)}")
    parser.add_argument("--device", help="the best one if not given")
    parser.add_argument("--precision", default="float32", choices=["float32", "bfloat16", "float16"])
    parser.add_argument("--steps", type=int, default=50)
    parser.add_argument("--rounds", type=int, default=REGULARISATION_ROUNDS, help="of noise regularisation")
    parser.add_argument("--size", type=int, help="side of the picture in pixels; the model's own if not given")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--memory-of", choices=CONTENDERS[:2], help=argparse.SUPPRESS)
    given = parser.parse_args()
    device = loading.pick_device(given.device)
    setup = Setup(given.diffusion, device, given.precision, given.steps, given.rounds, given.size)
    if given.memory_of:
        print(memory_of(setup, given.memory_of))
        return
    memory = {name: memory_in_own_process(sys.argv[1:], name) for name in CONTENDERS[:2]}
    figures = compare(setup, given.repeats)
    print(table(setup, figures, memory))
    print(json.dumps(summary(figures, memory)))


def summary(figures: Mapping[str, float], memory: Mapping[str, int]) -> dict[str, float]:
    """What a program would read: how many times faster, how many times less memory, and the largest difference of a
    pixel value (0..1) of ours from theirs."""
    return {
        "ratio_edit": round(figures["theirs"] / figures["ours"], 3),
        "ratio_second_edit": round(figures["theirs"] / figures["ours, second edit"], 3),
        "ratio_memory": round(memory["ours"] / memory["theirs"], 3),
        "max_difference": max(value for name, value in figures.items() if name.startswith("difference")),
    }


if __name__ == "__main__":
    main()
