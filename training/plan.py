"""How long and how a model is trained: read from the command line once, asked at every step.

A run is planned by its steps or, with `--minutes`, by the clock: it trains at a constant learning rate and lowers it
linearly to zero at the end, over the last steps (`--cooldown`) or over the last third of the minutes.
"""

from __future__ import annotations

import argparse
import os
import random
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

import torch

from .common import pick_device

COOLING_SHARE = 1 / 3
"""Of the minutes of a run that is planned by the clock."""


@dataclass(frozen=True)
class Plan:
    """How long and how to train.

    Attributes:
        steps: optimiser steps in all, the cooldown included; without meaning if `minutes` is set.
        batch: pictures (or whatever a script trains on) a step.
        cooldown: last steps, in which the learning rate falls to zero.
        fresh: whether to ignore the checkpoint and the packaged weights.
        minutes: how long to train, parts of a run that was cut off included.
        compiled: whether the network that takes most of the time goes through `torch.compile`.
        workers: processes that prepare batches; none prepares them in between.
        warmup: first steps, in which the learning rate rises from zero.
    """

    steps: int
    batch: int
    learning_rate: float
    cooldown: int
    fresh: bool = False
    minutes: float | None = None
    seed: int = 0
    device: torch.device = field(default_factory=lambda: torch.device("cpu"))
    compiled: bool = False
    workers: int = 0
    warmup: int = 200

    def rng(self, step: int) -> random.Random:
        """Everything random of a step's batch. A text seeds it: held-out scenes come from whole numbers."""
        return random.Random(f"training {self.seed} {step}")


@dataclass
class Pace:
    """How far a planned run is.

    Attributes:
        step: optimiser steps done.
        earlier_minutes: those of parts of the run that were cut off.
        started: when this part began, on `time.monotonic`'s clock.
    """

    plan: Plan
    step: int = 0
    earlier_minutes: float = 0.0
    started: float = field(default_factory=time.monotonic)

    def minutes(self) -> float:
        """Minutes since training began, those of earlier parts included."""
        return self.earlier_minutes + (time.monotonic() - self.started) / 60

    def done(self) -> bool:
        """Whether the plan is fulfilled."""
        return self._left() <= 0

    def cooling(self) -> bool:
        """Whether the learning rate is falling."""
        return self._left() < 1

    def learning_rate(self) -> float:
        """Linear warm-up, a plateau, a linear cooldown to zero."""
        rise = min(1.0, (self.step + 1) / self.plan.warmup)
        return self.plan.learning_rate * rise * min(1.0, max(0.0, self._left()))

    def _left(self) -> float:
        """What is left of the plan in lengths of its cooldown: below 1 in the cooldown, 0 at the end."""
        if self.plan.minutes is not None:
            return (1 - self.minutes() / self.plan.minutes) / COOLING_SHARE
        return (self.plan.steps - self.step) / max(1, self.plan.cooldown)


def read_plan(
    description: str,
    *,
    steps: int,
    batch: int,
    learning_rate: float,
    cooldown: int,
    cuda_batch: int | None = None,
    arguments: Sequence[str] | None = None,
) -> Plan:
    """Reads a script's plan from its command line; the keywords are the script's own defaults."""
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=steps, help="optimiser steps in all, the cooldown included")
    parser.add_argument("--batch", type=int, help=f"default: {batch}, on a GPU {cuda_batch or batch}")
    parser.add_argument("--learning-rate", type=float, default=learning_rate)
    parser.add_argument("--cooldown", type=int, default=cooldown, help="last steps, in which the rate falls to zero")
    parser.add_argument("--minutes", type=float, help="train for as long, whatever --steps says; the last third cools")
    parser.add_argument("--seed", type=int, default=0, help="of the batches and their noise")
    parser.add_argument("--fresh", action="store_true", help="ignore the checkpoint and the packaged weights")
    parser.add_argument("--threads", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--device", choices=("cpu", "cuda"), help="default: the GPU if there is one")
    parser.add_argument("--compile", action=argparse.BooleanOptionalAction, help="default: on a GPU only")
    parser.add_argument("--workers", type=int, help="processes that prepare batches; default: on a GPU up to 8")
    given = parser.parse_args(arguments)
    if given.minutes is not None and given.minutes <= 0:
        parser.error("--minutes must be above 0")
    if min(given.steps, given.threads, given.batch or 1) < 1:
        parser.error("--steps, --batch and --threads must be at least 1")
    refuse_missing_gpu(parser, given.device)
    torch.set_num_threads(given.threads)
    device = pick_device() if given.device is None else torch.device(given.device)
    on_gpu = device.type == "cuda"
    torch.backends.cudnn.benchmark = on_gpu  # shapes stay the same, so that trying out algorithms pays
    return Plan(
        steps=given.steps,
        batch=given.batch or (cuda_batch if on_gpu and cuda_batch else batch),
        learning_rate=given.learning_rate,
        cooldown=given.cooldown,
        fresh=given.fresh,
        minutes=given.minutes,
        seed=given.seed,
        device=device,
        compiled=on_gpu if given.compile is None else given.compile,
        workers=_workers(on_gpu) if given.workers is None else given.workers,
    )


def refuse_missing_gpu(parser: argparse.ArgumentParser, device: str | None) -> None:
    """Ends the program as `parser` does if a GPU is asked for and none is here."""
    if device == "cuda" and not torch.cuda.is_available():
        parser.error("no CUDA device can be used here; leave out --device to train on the CPU")


def _workers(on_gpu: bool) -> int:
    """A GPU must not wait for Python; on a CPU preparing a batch is 2 % of a step, and the cores are busy."""
    return max(1, min(8, (os.cpu_count() or 1) - 2)) if on_gpu else 0
