"""How long something takes, to the last kernel."""

from __future__ import annotations

import time
from collections.abc import Callable

import torch
from torch import Tensor


def timed(action: Callable[[], Tensor], device: torch.device) -> tuple[float, Tensor]:
    """Seconds, and the picture on the CPU."""
    started = time.perf_counter()
    picture = action().cpu()
    if device.type == "cuda":
        torch.cuda.synchronize()
    return time.perf_counter() - started, picture
