"""What one edit costs: rows of the UNet, and seconds from latents and captions to pixels."""

from __future__ import annotations

import statistics
import time
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

from torch import nn

from pix2pix_onthefly.editor import Editor
from pix2pix_onthefly.records import EditResult
from pix2pix_onthefly.running.jobs import Job


@dataclass(frozen=True)
class Cost:
    """Medians over some edits made one at a time.

    Attributes:
        rows: forward rows of the UNet, backward passes not counted.
        seconds: inversion, edit, decoding and, where candidates are ranked, ranking.
    """

    rows: float
    seconds: float


@contextmanager
def rows_counted(network: nn.Module) -> Generator[list[int]]:
    """While active, the number of rows of every forward pass of a network is added to the list."""
    rows: list[int] = []

    def count(module: nn.Module, arguments: tuple[Any, ...], named: dict[str, Any]) -> None:
        rows.append(len(arguments[0] if arguments else named["sample"]))

    handle = network.register_forward_pre_hook(count, with_kwargs=True)
    try:
        yield rows
    finally:
        handle.remove()


def cost_of(editor: Editor, jobs: Sequence[Job]) -> Cost:
    """The cost of edits, after one that is not counted.

    Args:
        jobs: with caption and captions given, so that nothing is asked of captioner and language model, and with as
            many candidates as are to count.
    """
    rows: list[int] = []
    seconds: list[float] = []
    network: Any = getattr(editor.models.diffusion, "unet", None)
    for number, job in enumerate([jobs[0], *jobs]):
        with rows_counted(network) as counted:
            started = time.perf_counter()
            (result,) = editor.executor.map([replace(job)])
            spent = time.perf_counter() - started
        if not isinstance(result, EditResult):
            raise result
        if number:
            rows.append(sum(counted))
            seconds.append(spent)
    return Cost(statistics.median(rows), statistics.median(seconds))
