"""How long each stage took."""

from __future__ import annotations

import time
from collections.abc import Generator
from contextlib import contextmanager


class Clock:
    """Seconds spent in each stage."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}

    @contextmanager
    def stage(self, name: str) -> Generator[None]:
        """Times what runs inside."""
        started = time.perf_counter()
        yield
        self.seconds[name] = time.perf_counter() - started
