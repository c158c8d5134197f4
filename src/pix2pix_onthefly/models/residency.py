"""The models of one family, loaded when their step needs them and, where memory is short, gone when it is over."""

from __future__ import annotations

import ctypes
import gc
from collections.abc import Callable
from contextlib import suppress
from functools import cached_property
from typing import TYPE_CHECKING, Any

import torch

from ..backbones.stable_diffusion import LatentDiffusion
from ..captioning.blip import Captioner
from ..rewriting.rewriter import Rewriter
from . import loading

if TYPE_CHECKING:
    from .families import Family


def _give_memory_back() -> None:
    """Hands freed memory back to the system, where the C library can be told to (glibc); it keeps gigabytes else."""
    gc.collect()
    with suppress(OSError, AttributeError, TypeError):
        ctypes.CDLL(None).malloc_trim(0)


class Models:
    """Loads each model once.

    Args:
        family: the rows.
        device, dtype: where the networks run and in which precision.
        low_vram: keep one model at a time on the device. On an accelerator the others wait in the host's memory; on a
            CPU they are dropped, and loaded again when needed.
    """

    def __init__(self, family: Family, device: torch.device, dtype: torch.dtype, *, low_vram: bool = False) -> None:
        self.family, self.device, self.dtype, self.low_vram = family, device, dtype, low_vram
        self._loaded: dict[str, Any] = {}
        self._latest = ""

    @property
    def diffusion(self) -> LatentDiffusion:
        """The latent diffusion model."""
        return self._get("diffusion", lambda: self._diffusion())

    @property
    def captioner(self) -> Captioner:
        """The captioning model."""
        return self._get("captioner", lambda: loading.load_captioner(self.family.captioner, self.device, self.dtype))

    @property
    def rewriter(self) -> Rewriter:
        """The language model."""
        rows, words = (self.family.rewriter, self.family.pool), self.family.lexicon
        return self._get("rewriter", lambda: loading.load_rewriter(*rows, self.device, self.dtype, words))

    @cached_property
    def sizes(self) -> tuple[int, int]:
        """Side in pixels of the pictures the diffusion model was trained on, and pixels along a side of a latent cell;
        read without loading the model, which might have to make room again at once."""
        return loading.read_sizes(self.family.diffusion, self.dtype)

    def _diffusion(self) -> LatentDiffusion:
        model = loading.load_diffusion(self.family.diffusion, self.device, self.dtype)
        model.gradient_rows = 1 if self.low_vram else None
        return model

    def _get(self, role: str, load: Callable[[], Any]) -> Any:
        changes = self.low_vram and role != self._latest
        if changes:
            self._make_room(role)
        if role not in self._loaded:
            self._loaded[role] = load()
        elif changes:
            self._loaded[role].to(self.device)
        self._latest = role
        return self._loaded[role]

    def _make_room(self, role: str) -> None:
        for other in [name for name in self._loaded if name != role]:
            if self.device.type == "cpu":
                del self._loaded[other]
                _give_memory_back()
            else:
                self._loaded[other].to(torch.device("cpu"))
        if self.device.type == "cuda":
            torch.cuda.empty_cache()
