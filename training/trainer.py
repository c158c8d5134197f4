"""Low-precision training with full-precision master weights, averaging, and checkpoints.

A run that is cut off goes on from its checkpoint; a run that starts without a checkpoint goes on from the weights in
the package unless `--fresh` is given.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable

import torch
from torch import Tensor, nn

from . import common
from .plan import Pace, Plan

EXPORT_SECONDS = 300.0
"""How often a checkpoint and the averaged weights are written."""
_REPORT_STEPS = 50
_TABLES = "embed", "shared", "relative_attention_bias"
"""In names of what is looked up, row by row, and so is no matrix to Muon."""


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
        self.path = common.CHECKPOINTS / f"{name}.pt"
        self.device, self.pace = plan.device, Pace(plan)
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

    @property
    def step(self) -> int:
        """Optimiser steps done."""
        return self.pace.step

    def _optimisers(self, muon: bool) -> list[torch.optim.Optimizer]:
        """Muon for hidden matrices if wanted; AdamW for embeddings, norms and biases, and for the rest if not."""
        rate = self.plan.learning_rate
        groups: dict[str, list[Tensor]] = {"muon": [], "decayed": [], "plain": []}
        for name, master in zip(self.names, self.masters, strict=True):
            hidden = master.ndim == 2 and min(master.shape) > 3 and not any(table in name for table in _TABLES)
            groups["muon" if muon and hidden else "decayed" if master.ndim > 1 else "plain"].append(master)
        decays = [{"params": groups["decayed"], "weight_decay": 0.01}, {"params": groups["plain"], "weight_decay": 0.0}]
        optimisers: list[torch.optim.Optimizer] = [torch.optim.AdamW(decays, lr=rate, betas=(0.9, 0.98), fused=True)]
        if groups["muon"]:
            adjusted = {"adjust_lr_fn": "match_rms_adamw", "weight_decay": 0.01}
            optimisers.append(torch.optim.Muon(groups["muon"], lr=rate, **adjusted))  # type: ignore[arg-type]
        return optimisers

    def _resume(self) -> None:
        state = torch.load(self.path, map_location=self.device, weights_only=True)
        self.pace.step, self.pace.earlier_minutes = state["step"], state.get("minutes", 0.0)
        for target, source in ((self.masters, state["masters"]), (self.average, state["average"])):
            for mine, stored in zip(target, source, strict=True):
                mine.copy_(stored)
        for optimiser, stored in zip(self.optimisers, state["optimisers"], strict=True):
            optimiser.load_state_dict(stored)
        self._publish(self.masters)
        print(f"going on from step {self.step} of {self.path.name}", flush=True)

    def save(self, *, done: bool) -> None:
        """Writes the checkpoint in one move, so that a killed run leaves the old one whole.

        A run by the clock that has ended leaves no minutes behind: the next one trains for as long again.
        """
        self.path.parent.mkdir(parents=True, exist_ok=True)
        partial = self.path.with_suffix(".partial")
        state = {
            "step": self.step,
            "minutes": 0.0 if done else self.pace.minutes(),
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

    @torch.no_grad()
    def take_gradients(self) -> None:
        """Hands the modules' gradients to the float32 copies, clipped to a norm of 1 together."""
        for master, parameter in zip(self.masters, self.parameters, strict=True):
            master.grad = None if parameter.grad is None else _flat(parameter.grad).float()
            parameter.grad = None
        torch.nn.utils.clip_grad_norm_(self.masters, 1.0)

    @torch.no_grad()
    def publish(self) -> None:
        """Copies the float32 weights into the modules, and takes them into the average."""
        self._publish(self.masters)
        if self.step % 4 == 0:
            decay = min(self.ema_decay, (1 + self.step) / (10 + self.step)) ** 4
            torch._foreach_lerp_(self.average, self.masters, 1 - decay)  # pyright: ignore

    def _update(self) -> None:
        for group in [group for optimiser in self.optimisers for group in optimiser.param_groups]:
            group["lr"] = self.pace.learning_rate()
        self.take_gradients()
        for optimiser in self.optimisers:
            optimiser.step()
        self.publish()

    def run(self, loss_of_batch: Callable[[random.Random], Tensor], finish: Callable[[], None]) -> None:
        """Trains until the plan is fulfilled; every five minutes writes a checkpoint and calls `finish` (export)."""
        started = saved = time.monotonic()
        first, losses = self.step, []
        done = self.plan.minutes is None and self.pace.done()  # by the clock there is always time for one step
        while not done:
            loss = loss_of_batch(self.plan.rng(self.step))
            loss.backward()
            self._update()
            self.pace.step += 1
            losses.append(loss.detach())  # not as a number yet: a GPU would be waited for
            done = self.pace.done()
            if self.step % _REPORT_STEPS == 0 or done:
                pace = (self.step - first) * self.plan.batch / (time.monotonic() - started)
                mean = torch.stack(losses).float().mean()
                print(f"step {self.step} loss {mean:.4f} {pace:.1f} samples/s", flush=True)
                losses.clear()
            if done or time.monotonic() - saved > EXPORT_SECONDS:
                self.save(done=done)
                self.averaged(finish)
                saved = time.monotonic()

    def averaged(self, action: Callable[[], None]) -> None:
        """Runs an action with the averaged weights in the modules, then puts the trained ones back."""
        self._publish(self.average)
        try:
            action()
        finally:
            self._publish(self.masters)
