"""Trains everything in order: the five models, the few-shot examples, and then the report.

python -m training.all                       # hours; run it again to go on where it was cut off
python -m training.all --steps-scale 0.01    # a quick pass through every script
"""

from __future__ import annotations

import argparse
import ast
import subprocess
import sys
from pathlib import Path

from .common import ROOT

SCRIPTS = ("autoencoder", "diffusion", "captioner", "clip", "rewriter", "make_pool", "report")


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


def command(script: str, scale: float) -> list[str]:
    """How to run a script with its steps scaled."""
    steps = {} if scale == 1 else planned_steps(script)
    arguments = [f"--{name}={max(1, round(value * scale))}" for name, value in steps.items()]
    return [sys.executable, "-m", f"training.{script}", *arguments]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps-scale", type=float, default=1.0, help="factor for every model's training steps")
    given = parser.parse_args()
    if given.steps_scale <= 0:
        parser.error("--steps-scale must be above 0")
    for index, script in enumerate(SCRIPTS, 1):
        print(f"[{index}/{len(SCRIPTS)}] training.{script}", flush=True)
        code = subprocess.run(command(script, given.steps_scale), cwd=ROOT, check=False).returncode
        if code:
            sys.exit(
                f"training.{script} failed with exit code {code} (see above), so what comes after it was not run; "
                "run the same command again to go on from the last checkpoints"
            )


if __name__ == "__main__":
    main()
