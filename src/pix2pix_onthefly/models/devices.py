"""Where networks compute, and in which precision."""

from __future__ import annotations

import warnings

import torch

from ..errors import InputError


def pick_device(name: str | None = None) -> torch.device:
    """The device asked for, or the fastest one here.

    Raises:
        InputError: the device is not usable on this machine.
    """
    if name is None:
        usable = ("cuda", torch.cuda.is_available()), ("mps", torch.backends.mps.is_available())
        return torch.device(next((kind for kind, is_there in usable if is_there), "cpu"))
    try:
        with warnings.catch_warnings(action="ignore"):  # about kinds of devices that torch has given up
            device = torch.device(name)
            (torch.ones(1, device=device) + 1).item()  # read back: `meta` makes tensors, but no numbers
    except Exception as error:  # torch's backends raise whatever they like, from AssertionError to ImportError
        raise InputError(f"the device {name!r} cannot be used on this machine; leave it out to choose one") from error
    return device


def pick_dtype(precision: str, device: torch.device) -> torch.dtype:
    """The dtype of a precision's name.

    `auto` is half precision where it is known to work well, on CUDA: bfloat16 on GPUs that compute in it, for the
    gradients of attention maps, near 1e-6, are lost in float16's range; float16 on older GPUs.
    """
    if precision == "auto":
        if device.type != "cuda":
            return torch.float32
        # Emulated, as torch offers it on older GPUs, bfloat16 is slower than float32.
        return torch.bfloat16 if torch.cuda.is_bf16_supported(including_emulation=False) else torch.float16
    return {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}[precision]


def is_half(dtype: torch.dtype) -> bool:
    """Whether a number takes two bytes, so that a half-precision variant of the files is enough."""
    return dtype.itemsize == 2
