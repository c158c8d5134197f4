"""What a training step of the diffusion model costs on this machine's CPU, part by part; nothing is saved.

python -m training.step_cost --batch 32 --fused-attention    # as the libraries have it
python -m training.step_cost --batch 96 --compile            # as `training.diffusion --compile` has it

Processor time of one thread, medians: what other processes do on the other cores hardly shows in it.
"""

from __future__ import annotations

import argparse
import time
import warnings
from collections.abc import Callable
from statistics import median
from typing import TypeVar

import torch

from .captioned_batches import CaptionedScenes
from .diffusion import EMPTY_CAPTIONS, TOKENS, Denoising, load_or_build
from .plan import Plan
from .trainer import Trainer

_UNMEASURED = 2
"""First steps: they compile, and make the optimisers' buffers."""
_BATCHES_BEFORE = 60
"""Drawn at the start, so that a step finds nearly all sprites drawn, as most steps of a long run do."""
_Result = TypeVar("_Result")


class Stopwatch:
    """Collects how long the parts of a step took, in seconds of processor time."""

    def __init__(self) -> None:
        self.seconds: dict[str, list[float]] = {}

    def time(self, part: str, action: Callable[[], _Result]) -> _Result:
        """Does it, and notes how long it took."""
        started = time.process_time()
        result = action()
        self.seconds.setdefault(part, []).append(time.process_time() - started)
        return result

    def table(self, batch: int) -> str:
        """Medians in milliseconds as Markdown, and pictures a second."""
        medians = {part: median(found[_UNMEASURED:]) for part, found in self.seconds.items()}
        total = sum(medians.values())
        lines = [f"| part of a step of {batch} | ms | share |", "|---|---|---|"]
        lines += [f"| {part} | {value * 1000:.0f} | {value / total:.1%} |" for part, value in medians.items()]
        return "\n".join([*lines, f"| together | {total * 1000:.0f} | {batch / total:.1f} pictures/s |"])


def measure(plan: Plan, *, fused_attention: bool) -> Stopwatch:
    """Trains for the planned steps in memory."""
    watch = Stopwatch()
    unet, text_encoder, tokenizer = load_or_build(fresh=False)
    trainer = Trainer("step_cost", {"unet": unet, "text_encoder": text_encoder}, plan)
    denoising = Denoising(plan, unet, text_encoder, fused_attention=fused_attention)
    scenes = CaptionedScenes(plan, tokenizer, TOKENS, EMPTY_CAPTIONS)
    adamw, muon = trainer.optimisers
    for step in range(_BATCHES_BEFORE):
        denoising.renderer.draw(scenes[plan.steps + _UNMEASURED + step].layout)
    for step in range(plan.steps + _UNMEASURED):
        batch = watch.time("scenes, captions, tokens", lambda step=step: scenes[step])
        noised = watch.time("pictures, latents, noise", lambda batch=batch: denoising.noised(batch))
        context = watch.time("text encoder, forward", lambda batch=batch: denoising.context(batch))
        given = context.detach().requires_grad_()
        loss = watch.time("UNet, forward", lambda noised=noised, given=given: denoising.error(noised, given))
        watch.time("UNet, backward", loss.backward)
        watch.time("text encoder, backward", lambda context=context, given=given: context.backward(given.grad))
        watch.time("gradients to float32, clipping", trainer.take_gradients)
        watch.time("AdamW", adamw.step)
        watch.time("Muon", muon.step)
        watch.time("weights to bfloat16, average", trainer.publish)
    return watch


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--batch", type=int, default=96)
    parser.add_argument("--steps", type=int, default=6)
    parser.add_argument("--compile", action="store_true", help="compile the UNet: minutes before the first step")
    parser.add_argument("--fused-attention", action="store_true", help="as the libraries have it by themselves")
    given = parser.parse_args()
    if min(given.batch, given.steps) < 1:
        parser.error("--batch and --steps must be at least 1")
    torch.set_num_threads(1)
    warnings.filterwarnings("ignore")
    plan = Plan(given.steps, given.batch, 1e-5, 1, fresh=True, compiled=given.compile)
    print(measure(plan, fused_attention=given.fused_attention).table(given.batch))


if __name__ == "__main__":
    main()
