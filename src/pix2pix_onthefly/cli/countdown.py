"""How far a long run has come, on stderr now and then, with an estimate of the rest."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from .console import STAGES, complain

if TYPE_CHECKING:
    from ..records import Progress

TELLING_PAUSE = 5.0
"""Seconds between two lines of progress, at least."""


def countdown() -> Progress:
    """Tells now and then how many edits are done and about how long the others will take."""
    started, first, told = 0.0, -1, 0.0

    def show(stage: str, done: int, total: int) -> None:
        nonlocal started, first, told
        now = time.monotonic()
        if first < 0:
            started, first = now, done
        elif now - told < TELLING_PAUSE and done < total:
            return
        told = now
        rate = (now - started) / (done - first) if done > first else None
        left = f", about {duration(rate * (total - done))} left" if rate and done < total else ""
        complain(f"{STAGES[stage]}: {done} of {total} edits done{left}")

    return show


def duration(seconds: float) -> str:
    """Seconds as people say them."""
    if seconds < 90:
        return f"{max(1, round(seconds))} s"
    return f"{round(seconds / 60)} min" if seconds < 90 * 60 else f"{seconds / 3600:.1f} h"
