"""Trains everything in order: the five models, the few-shot examples, and then the report.

python -m training.all                                    # hours; run it again to go on where it was cut off
python -m training.all --minutes 9 --device cuda          # by the clock, without the report
python -m training.all --minutes 9 --device cuda --only diffusion --parts out/weights
python -m training.all --steps-scale 0.01                 # a quick pass through every script

With `--minutes` the time is shared out so that the last script ends in time. With `--parts` the weights are written
there after every script in files of at most 15 MiB; `python -m training.parts` puts them into a package again.
"""

from __future__ import annotations

import argparse
import ast
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from .common import PACKAGED, ROOT
from .parts import write_parts
from .plan import refuse_missing_gpu

TRAINED = ("autoencoder", "diffusion", "captioner", "clip", "rewriter")
SCRIPTS = (*TRAINED, "make_pool", "report")
TIMED = (*TRAINED, "make_pool")
"""What a run by the clock does: to measure the models takes minutes that belong to training."""
SHARES = {"diffusion": 6.0}
"""Of the minutes; every other model gets 1. The diffusion model needs by far the most pictures."""
START_AND_END = 0.35
"""Minutes a script needs to import its libraries, and to save and measure at the end."""
_LEAST = 0.05


def planned_steps(script: str) -> dict[str, int]:
    """The steps and the cooldown that a script plans by itself; nothing for a script that does not train.

    They are read from its source, so that they stand in one place.
    """
    tree = ast.parse((Path(__file__).parent / f"{script}.py").read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "read_plan":
            given = {word.arg: word.value for word in node.keywords}
            return {name: int(ast.literal_eval(given[name])) for name in ("steps", "cooldown")}
    return {}


def minutes_of(script: str, coming: Sequence[str], left: float) -> float:
    """The minutes a script may train if so many are left for it and all that come after it (`coming` holds both)."""
    trained = [name for name in coming if name in TRAINED]
    left -= START_AND_END * len(trained)
    return max(_LEAST, left * SHARES.get(script, 1.0) / sum(SHARES.get(name, 1.0) for name in trained))


def arguments_of(script: str, coming: Sequence[str], given: argparse.Namespace, left: float | None) -> list[str]:
    """What a script is called with: its steps scaled, or its minutes, and the options that all share."""
    if script not in TRAINED:
        return []
    if left is not None:
        arguments = [f"--minutes={minutes_of(script, coming, left):.3f}"]
    elif given.steps_scale != 1:
        scaled = {name: max(1, round(value * given.steps_scale)) for name, value in planned_steps(script).items()}
        arguments = [f"--{name}={value}" for name, value in scaled.items()]
    else:
        arguments = []
    shared = {name: getattr(given, name) for name in ("device", "batch", "threads", "seed", "workers")}
    arguments += [f"--{name}={value}" for name, value in shared.items() if value is not None]
    if given.compile is not None:
        arguments.append("--compile" if given.compile else "--no-compile")
    return [*arguments, "--fresh"] if given.fresh else arguments


def read_arguments(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """The command line; `scripts` is what is to be run."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps-scale", type=float, default=1.0, help="factor for every model's training steps")
    parser.add_argument("--minutes", type=float, help="train by the clock: everything together takes as long")
    parser.add_argument("--only", action="append", choices=SCRIPTS, help="run this script alone; repeatable")
    parser.add_argument("--parts", type=Path, metavar="FOLDER", help="write the weights there too, in small files")
    parser.add_argument("--device", choices=("cpu", "cuda"))
    parser.add_argument("--compile", action=argparse.BooleanOptionalAction)
    parser.add_argument("--fresh", action="store_true", help="ignore checkpoints and packaged weights")
    for name in ("batch", "threads", "seed", "workers"):
        parser.add_argument(f"--{name}", type=int, help="see the scripts")
    given = parser.parse_args(arguments)
    if given.steps_scale <= 0:
        parser.error("--steps-scale must be above 0")
    if given.minutes is not None and given.minutes <= 0:
        parser.error("--minutes must be above 0")
    refuse_missing_gpu(parser, given.device)
    chosen = given.only or (SCRIPTS if given.minutes is None else TIMED)
    given.scripts = [script for script in SCRIPTS if script in chosen]
    return given


def main() -> None:
    given, started = read_arguments(), time.monotonic()
    for index, script in enumerate(given.scripts):
        left = None if given.minutes is None else given.minutes - (time.monotonic() - started) / 60
        arguments = arguments_of(script, given.scripts[index:], given, left)
        command = [sys.executable, "-m", f"training.{script}", *arguments]
        print(f"[{index + 1}/{len(given.scripts)}] training.{script} {' '.join(arguments)}", flush=True)
        code = subprocess.run(command, cwd=ROOT, check=False).returncode
        if code:
            sys.exit(
                f"training.{script} failed with exit code {code} (see above), so what comes after it was not run; "
                "run the same command again to go on from the last checkpoints"
            )
        if given.parts is not None and script in TRAINED:
            write_parts(PACKAGED, given.parts)
    if given.minutes is not None:
        print("the time is up; 'make models' measures the weights", flush=True)


if __name__ == "__main__":
    main()
