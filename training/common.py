"""What the five training scripts share: low-precision training with full-precision master weights, checkpoints, pace.

Every script trains at a constant learning rate for as many steps as it is given and then, with `--cooldown`, lowers
it linearly to zero. A run that is cut off goes on from its checkpoint; a run that starts without a checkpoint goes on
from the weights in the package unless `--fresh` is given.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

ROOT = Path(__file__).resolve().parents[1]
PACKAGED = ROOT / "src/pix2pix_onthefly/mini"
CHECKPOINTS = ROOT / "training/checkpoints"
PICTURE_SIDE = 128
"""Side of the mini family's pictures in pixels: the one place that sets it."""


@dataclass(frozen=True)
class Plan:
    """How long and how to train; read from the command line by `read_plan`."""

    steps: int
    batch: int
    learning_rate: float
    cooldown: int
    fresh: bool
    threads: int
    seed: int = 0
    warmup: int = 200


def read_plan(description: str, *, steps: int, batch: int, learning_rate: float, cooldown: int) -> Plan:
    """Reads a script's plan from its command line."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--steps", type=int, default=steps, help="optimiser steps in all, the cooldown included")
    parser.add_argument("--batch", type=int, default=batch)
    parser.add_argument("--learning-rate", type=float, default=learning_rate)
    parser.add_argument("--cooldown", type=int, default=cooldown, help="last steps, in which the rate falls to zero")
    parser.add_argument("--fresh", action="store_true", help="ignore the checkpoint and the packaged weights")
    parser.add_argument("--threads", type=int, default=os.cpu_count() or 1)
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    return Plan(given.steps, given.batch, given.learning_rate, given.cooldown, given.fresh, given.threads)


def pick_device() -> torch.device:
    """The fastest device of this machine."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def _flat(weight: Tensor) -> Tensor:
    """A convolution's weight as a matrix [out, in x height x width]; anything else as it is."""
    return weight.flatten(1) if weight.ndim > 2 else weight


class Trainer:
    """Trains modules in bfloat16 while the optimisers work on float32 copies of their weights.

    On the CPUs this project is built on this beats autocast by about a third (see docs/log.md). An exponential moving
    average of the copies is what gets saved. Matrices and convolutions are trained by Muon where `muon` is set (an
    orthogonalised update costs more than Adam's but needs fewer steps: worth it where a step's forward and backward
    pass are dear against the number of weights); all else by AdamW.
    """

    def __init__(
        self, name: str, modules: dict[str, nn.Module], plan: Plan, *, muon: bool = True, ema_decay: float = 0.997
    ) -> None:
        self.plan, self.modules, self.ema_decay = plan, modules, ema_decay
        self.path = CHECKPOINTS / f"{name}.pt"
        self.device = pick_device()
        self.step = 0
        masters = {
            f"{key}.{name}": parameter
            for key, module in modules.items()
            for name, parameter in module.named_parameters()
            if parameter.requires_grad
        }
        self.names = list(masters)
        self.masters = [_flat(p.detach()).float().clone().to(self.device) for p in masters.values()]
        self.average = [p.clone() for p in self.masters]
        for module in modules.values():
            module.to(self.device, torch.bfloat16)
        self.parameters = [dict(modules[n.split(".")[0]].named_parameters())[n.split(".", 1)[1]] for n in self.names]
        self.optimisers = self._optimisers(muon)
        if self.path.exists() and not plan.fresh:
            self._resume()

    def _optimisers(self, muon: bool) -> list[torch.optim.Optimizer]:
        """Muon for hidden matrices if wanted; AdamW for embeddings, norms and biases, and for the rest if not."""
        rate = self.plan.learning_rate
        groups: dict[str, list[Tensor]] = {"muon": [], "decayed": [], "plain": []}
        for name, master in zip(self.names, self.masters, strict=True):
            hidden = master.ndim == 2 and min(master.shape) > 3 and "embed" not in name
            groups["muon" if muon and hidden else "decayed" if master.ndim > 1 else "plain"].append(master)
        decays = [{"params": groups["decayed"], "weight_decay": 0.01}, {"params": groups["plain"], "weight_decay": 0.0}]
        optimisers: list[torch.optim.Optimizer] = [torch.optim.AdamW(decays, lr=rate, betas=(0.9, 0.98), fused=True)]
        if groups["muon"]:
            adjusted = {"adjust_lr_fn": "match_rms_adamw", "weight_decay": 0.01}
            optimisers.append(torch.optim.Muon(groups["muon"], lr=rate, **adjusted))  # type: ignore[arg-type]
        return optimisers

    def _resume(self) -> None:
        state = torch.load(self.path, map_location=self.device, weights_only=True)
        self.step = state["step"]
        for target, source in ((self.masters, state["masters"]), (self.average, state["average"])):
            for mine, stored in zip(target, source, strict=True):
                mine.copy_(stored)
        for optimiser, stored in zip(self.optimisers, state["optimisers"], strict=True):
            optimiser.load_state_dict(stored)
        self._publish(self.masters)
        print(f"going on from step {self.step} of {self.path.name}", flush=True)

    def save(self) -> None:
        """Writes the checkpoint in one move, so that a killed run leaves the old one whole."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        partial = self.path.with_suffix(".partial")
        state = {
            "step": self.step,
            "masters": self.masters,
            "average": self.average,
            "optimisers": [optimiser.state_dict() for optimiser in self.optimisers],
        }
        torch.save(state, partial)
        partial.replace(self.path)

    @torch.no_grad()
    def _publish(self, weights: list[Tensor]) -> None:
        for parameter, weight in zip(self.parameters, weights, strict=True):
            parameter.copy_(weight.view_as(parameter))

    def learning_rate(self) -> float:
        """Linear warm-up, a plateau, a linear cooldown to zero over the last steps."""
        rise = min(1.0, (self.step + 1) / self.plan.warmup)
        fall = min(1.0, (self.plan.steps - self.step) / max(1, self.plan.cooldown))
        return self.plan.learning_rate * rise * max(0.0, fall)

    @torch.no_grad()
    def _update(self) -> None:
        for group in [group for optimiser in self.optimisers for group in optimiser.param_groups]:
            group["lr"] = self.learning_rate()
        for master, parameter in zip(self.masters, self.parameters, strict=True):
            master.grad = None if parameter.grad is None else _flat(parameter.grad).float()
            parameter.grad = None
        torch.nn.utils.clip_grad_norm_(self.masters, 1.0)
        for optimiser in self.optimisers:
            optimiser.step()
        self._publish(self.masters)
        if self.step % 4 == 0:
            decay = min(self.ema_decay, (1 + self.step) / (10 + self.step)) ** 4
            torch._foreach_lerp_(self.average, self.masters, 1 - decay)  # pyright: ignore

    def run(self, loss_of_batch: Callable[[random.Random], Tensor], finish: Callable[[], None]) -> None:
        """Trains until the planned step; every five minutes writes a checkpoint and calls `finish` (export)."""
        started = saved = time.monotonic()
        first, losses = self.step, []
        while self.step < self.plan.steps:
            loss = loss_of_batch(random.Random(self.plan.seed * 1_000_003 + self.step))
            loss.backward()
            self._update()
            self.step += 1
            losses.append(float(loss.detach()))
            if self.step % 50 == 0 or self.step == self.plan.steps:
                pace = (self.step - first) * self.plan.batch / (time.monotonic() - started)
                print(f"step {self.step} loss {np.mean(losses):.4f} {pace:.1f} samples/s", flush=True)
                losses.clear()
            if time.monotonic() - saved > 300 or self.step == self.plan.steps:
                self.save()
                self.averaged(finish)
                saved = time.monotonic()

    def averaged(self, action: Callable[[], None]) -> None:
        """Runs an action with the averaged weights in the modules, then puts the trained ones back."""
        self._publish(self.average)
        try:
            action()
        finally:
            self._publish(self.masters)


def save_model(model: nn.Module, folder: Path) -> None:
    """Saves in the hub's layout as bfloat16 safetensors."""
    folder.mkdir(parents=True, exist_ok=True)
    model.save_pretrained(folder, safe_serialization=True)  # type: ignore[operator]
    path = folder / "config.json"
    config = json.loads(path.read_text())
    config.pop("_name_or_path", None)  # where this machine had it
    write_json(path, config)


def write_json(path: Path, content: object) -> None:
    """Writes a small JSON file with a trailing newline."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content, indent=2) + "\n")
