"""The least time an edit can take: its evaluations of the UNet and nothing else."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable

import torch

from pix2pix_onthefly.backbones.attention import NO_ROWS, record_cross_attention
from pix2pix_onthefly.backbones.stable_diffusion import LatentDiffusion
from pix2pix_onthefly.methods.attention_guidance import ROWS_PER_EDIT, guide
from pix2pix_onthefly.records import Conditioning

from .contenders import CAPTION, Job

TIMESTEP = 501


def median_seconds(action: Callable[[], object], device: torch.device, repeats: int = 7) -> float:
    """Of a few runs, after one that does not count."""
    spent: list[float] = []
    for _ in range(repeats + 1):
        started = time.perf_counter()
        action()
        if device.type == "cuda":
            torch.cuda.synchronize()
        spent.append(time.perf_counter() - started)
    return statistics.median(spent[1:])


def floor_seconds(diffusion: LatentDiffusion, job: Job) -> float:
    """Time of all evaluations of the UNet in one edit, each measured alone.

    A step of the inversion takes one row. A step of the edit takes two rows forward and backward for the gradient, and
    three rows forward: the edit's two and the reference's one, which is a step ahead.
    """
    latents, device = job.latents, diffusion.device
    rows = latents.repeat(ROWS_PER_EDIT, 1, 1, 1)
    three = latents.repeat(ROWS_PER_EDIT + 1, 1, 1, 1)
    contexts = {count: diffusion.embed([CAPTION] * count).to(diffusion.dtype) for count in (1, 2, 3)}
    with torch.no_grad(), record_cross_attention(diffusion.unet) as recorded:
        diffusion.predict_noise(latents, TIMESTEP, contexts[1])
        maps = [torch.zeros_like(layer) for layer in recorded.take()]
        recorded.rows = NO_ROWS
        one_row = median_seconds(lambda: diffusion.predict_noise(latents, TIMESTEP, contexts[1]), device)
        three_rows = median_seconds(lambda: diffusion.predict_noise(three, TIMESTEP, contexts[3]), device)
        gradient = median_seconds(
            lambda: guide(diffusion, recorded, rows, TIMESTEP, [Conditioning(contexts[2])], maps, 0.1), device
        )
    return job.options.steps * (one_row + gradient + three_rows)
