"""Peak memory of a piece of work: what it takes beyond what was there when it began."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from types import TracebackType

import torch

_PAGE = 4096
_EVERY_SECONDS = 0.002


def resident_bytes() -> int:
    """Memory of this process that is in RAM."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * _PAGE


class PeakMemory:
    """Measures while active.

    On CUDA the allocator's own figure. On a CPU the process's resident memory, looked at every two milliseconds; only
    one thing may be measured in a process then, for memory that is free again stays resident.

    Attributes:
        before: bytes in use when it began.
        peak: most bytes in use since then.
    """

    def __init__(self, device: torch.device) -> None:
        self.device, self.before, self.peak = device, 0, 0
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    @property
    def taken(self) -> int:
        """Bytes beyond those in use before."""
        return self.peak - self.before

    def __enter__(self) -> PeakMemory:
        if self.device.type == "cuda":
            torch.cuda.synchronize()
            torch.cuda.reset_peak_memory_stats()
            self.before = torch.cuda.memory_allocated()
        else:
            self.before = self.peak = resident_bytes()
            self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.device.type == "cuda":
            torch.cuda.synchronize()
            self.peak = torch.cuda.max_memory_allocated()
        else:
            self._over.set()
            self._thread.join()

    def _watch(self) -> None:
        while not self._over.wait(_EVERY_SECONDS):
            self.peak = max(self.peak, resident_bytes())


def peak_of(work: Callable[[], object], device: torch.device) -> int:
    """Bytes that `work` takes at most, beyond what was in use before."""
    with PeakMemory(device) as memory:
        work()
    return memory.taken
