"""What this machine can run: its devices, memory and disk, and which families fit. Loads no model."""

from __future__ import annotations

import os
import platform
import shutil
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

from . import download, families, hub
from .families import EDIT_ROLES, Family

if TYPE_CHECKING:
    import torch

MEGABYTE = 10**6
ALLOWANCE_MEGABYTES = 1000
"""For the libraries themselves, temporary buffers, the decoder and the language model's cache."""
PATIENCE = 2.0
"""Seconds that the hub is given to answer."""
_LIBRARIES = ("torch", "diffusers", "transformers")


@dataclass(frozen=True)
class Device:
    """A device and its memory in megabytes; on a CPU, and on a Mac, that is the machine's own.

    Attributes:
        name: for `--device`.
        description: of the hardware.
        precision: the one chosen for it.
        total, free: memory.
    """

    name: str
    description: str
    precision: str
    total: int
    free: int


@dataclass(frozen=True)
class Fit:
    """Whether a family can be used here.

    Attributes:
        cached: `bundled`, `yes`, `partly` or `no`, for all that an edit needs.
        needed, needed_low_vram: estimated megabytes at the peak of an edit at 512 pixels, without and with
            `--low-vram`.
        fits: `yes`, `with --low-vram` or `no`.
        gated: the hub gives some of it only to people who have accepted a licence.
        unchecked: the estimate is from sizes that were written down from memory.
    """

    cached: str
    needed: int
    needed_low_vram: int
    fits: str
    gated: bool = False
    unchecked: bool = False


def peak_megabytes(family: Family, bytes_per_weight: int, *, low_vram: bool = False) -> int:
    """An estimate of the most memory that an edit at 512 pixels takes on its device.

    Weights w(model) = millions of parameters x bytes per weight. Working memory a = what the guided step keeps for its
    gradient, as the table has it for half precision and two rows, x bytes / 2. With all three models held at once the
    peak is w(diffusion) + w(captioner) + w(rewriter) + a; one at a time, and one row of the guided step at a time, it
    is the larger of w(diffusion) + a / 2, w(captioner) and w(rewriter). An allowance of 1000 MB is added to both.
    """
    diffusion, captioner, rewriter = (getattr(family, role).parameters * bytes_per_weight for role in EDIT_ROLES)
    working = family.diffusion.working_megabytes * bytes_per_weight / 2
    if low_vram:
        return round(max(diffusion + working / 2, captioner, rewriter)) + ALLOWANCE_MEGABYTES
    return round(diffusion + captioner + rewriter + working) + ALLOWANCE_MEGABYTES


def examine() -> dict[str, object]:
    """All that `onthefly doctor` tells, as plain data: memory and disk in megabytes."""
    import psutil

    from .devices import pick_device, pick_dtype

    memory = psutil.virtual_memory()
    best = pick_device()
    device, bytes_per_weight = describe_device(best), pick_dtype("auto", best).itemsize
    return {
        "python": platform.python_version(),
        **{name: version(name) for name in _LIBRARIES},
        "device": vars(device),
        "memory": {"total": memory.total // MEGABYTE, "available": memory.available // MEGABYTE},
        "cores": os.cpu_count(),
        "cache": _cache(),
        "families": {name: vars(judge(family, device, bytes_per_weight)) for name, family in families.FAMILIES.items()},
    }


def judge(family: Family, device: Device, bytes_per_weight: int) -> Fit:
    """Whether a family is on this machine and fits into the device's free memory."""
    states = {hub.presence(getattr(family, role), role).state for role in EDIT_ROLES}
    cached = states.pop() if len(states) == 1 else "partly"
    needed = peak_megabytes(family, bytes_per_weight)
    needed_low_vram = peak_megabytes(family, bytes_per_weight, low_vram=True)
    fits = "yes" if needed <= device.free else "with --low-vram" if needed_low_vram <= device.free else "no"
    gated = any(getattr(family, role).gated for role in EDIT_ROLES)
    unchecked = any("sizes" in getattr(family, role).unchecked for role in EDIT_ROLES)
    return Fit(cached, needed, needed_low_vram, fits, gated, unchecked)


def describe_device(device: torch.device) -> Device:
    """The device with its memory."""
    import psutil
    import torch

    from .devices import pick_dtype

    precision = str(pick_dtype("auto", device)).removeprefix("torch.")
    if device.type == "cuda":
        free, total = torch.cuda.mem_get_info(device)
        return Device("cuda", torch.cuda.get_device_name(device), precision, total // MEGABYTE, free // MEGABYTE)
    memory = psutil.virtual_memory()
    description = platform.processor() or platform.machine()
    return Device(device.type, description, precision, memory.total // MEGABYTE, memory.available // MEGABYTE)


def _cache() -> dict[str, object]:
    """The hub's cache: where it is, room on its disk, and whether downloads are possible."""
    from huggingface_hub import constants

    folder = Path(constants.HF_HUB_CACHE)
    there = next((path for path in (folder, *folder.parents) if path.is_dir()), Path("/"))
    return {
        "folder": str(folder),
        "free": shutil.disk_usage(there).free // MEGABYTE,
        "downloads": _downloads(),
    }


def _downloads() -> str:
    from huggingface_hub import constants, is_offline_mode

    if is_offline_mode():
        return "no: HF_HUB_OFFLINE is set"
    return "yes" if download.hub_answers(PATIENCE) else f"no: {constants.ENDPOINT} does not answer"
