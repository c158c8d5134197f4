"""How long each stage took."""

from __future__ import annotations

import time
from collections.abc import Generator
from contextlib import contextmanager

from ..records import Progress, no_progress


class Clock:
    """Seconds spent in each stage.

    Args:
        progress: told that a stage begins, before its model is loaded.
    """

    def __init__(self, progress: Progress = no_progress) -> None:
        self.seconds: dict[str, float] = {}
        self._progress = progress

    @contextmanager
    def stage(self, name: str, *, announced: bool = True) -> Generator[None]:
        """Times what runs inside."""
        if announced:
            self._progress(name, 0, 1)
        started = time.perf_counter()
        yield
        self.seconds[name] = time.perf_counter() - started
