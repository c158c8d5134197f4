"""The models of one family, loaded when their step needs them and, where memory is short, gone when it is over."""

from __future__ import annotations

import ctypes
import gc
import threading
from collections import Counter
from collections.abc import Generator
from contextlib import AbstractContextManager, contextmanager, suppress
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal, overload

import torch

from ..backbones.backbone import Backbone
from ..captioning.captioner import Captioner
from ..rewriting.rewriter import Rewriter
from . import hub, loading
from .families import EDIT_ROLES
from .identity import weights_name
from .sizes import picture_sizes

if TYPE_CHECKING:
    from .families import Family

Role = Literal["diffusion", "captioner", "rewriter"]
HOST = torch.device("cpu")


def _give_memory_back() -> None:
    """Hands freed memory back to the system, where the C library can be told to (glibc); it keeps gigabytes else."""
    gc.collect()
    with suppress(OSError, AttributeError, TypeError):
        ctypes.CDLL(None).malloc_trim(0)


class Models:
    """Loads each model once, and lends it out.

    `using` is how a model is had for work: within it the model stays on its device and belongs to one thread. What
    `diffusion`, `captioner` and `rewriter` return may be moved away by the next call for another model, or be used by
    another thread.

    Args:
        family: the rows.
        device, dtype: where the networks run and in which precision.
        low_vram: keep one model at a time on the device. On an accelerator the others wait in the host's memory; on a
            CPU they are dropped, and loaded again when needed.
    """

    def __init__(self, family: Family, device: torch.device, dtype: torch.dtype, *, low_vram: bool = False) -> None:
        self.family, self.device, self.dtype, self.low_vram = family, device, dtype, low_vram
        self._loaded: dict[str, Any] = {}
        self._away: set[str] = set()
        self._used = Counter[str]()
        # Making room for one model touches the others.
        shared = threading.RLock()
        self._locks = {role: shared if low_vram else threading.RLock() for role in EDIT_ROLES}

    @overload
    def using(self, role: Literal["diffusion"]) -> AbstractContextManager[Backbone]: ...
    @overload
    def using(self, role: Literal["captioner"]) -> AbstractContextManager[Captioner]: ...
    @overload
    def using(self, role: Literal["rewriter"]) -> AbstractContextManager[Rewriter]: ...
    def using(self, role: Role) -> AbstractContextManager[Any]:
        """Lends a model: loaded, on its device, and this thread's alone until the block ends.

        A thread may borrow what it has borrowed already. It had better hold one model at a time: under `low_vram` a
        second one is on the device beside the first and leaves it at the end of its own block, and without `low_vram`
        two threads that each wait for the other's model wait for ever. The model must not be kept after the block.

        Raises:
            ModelUnavailableError: it cannot be loaded.
        """
        return self._lent(role)

    @property
    def diffusion(self) -> Backbone:
        """The text-to-image model."""
        return self._at_hand("diffusion")

    @property
    def captioner(self) -> Captioner:
        """The captioning model."""
        return self._at_hand("captioner")

    @property
    def rewriter(self) -> Rewriter:
        """The language model."""
        return self._at_hand("rewriter")

    @property
    def weights(self) -> str:
        """Names the diffusion model's weights, without loading them."""
        return weights_name(self.family.diffusion)

    @cached_property
    def sizes(self) -> tuple[int, int]:
        """Side in pixels of the pictures the diffusion model was trained on, and what sides are multiples
        of; known without its weights."""
        return picture_sizes(self.family.diffusion)

    @property
    def predicts_noise(self) -> bool:
        """Whether the diffusion model goes DDIM's path, and not a flow's; known without its weights. What a row's own
        loader makes is taken to, unless the row names a layout."""
        row = self.family.diffusion
        of_code = row.loader is not None and not row.layout
        return of_code or hub.layout_of(row).predicts_noise

    @contextmanager
    def _lent(self, role: Role) -> Generator[Any, None, None]:
        with self._locks[role]:
            model = self._at_hand(role)
            self._used[role] += 1
            try:
                yield model
            finally:
                self._used[role] -= 1
                others_wait = any(count for other, count in self._used.items() if other != role)
                if self.low_vram and others_wait and not self._used[role]:
                    self._send_away(role)

    def _at_hand(self, role: Role) -> Any:
        """The model on its device; under `low_vram` alone there, but for those that are lent out."""
        with self._locks[role]:
            if self.low_vram:
                for other in [name for name in self._loaded if name != role and not self._used[name]]:
                    self._send_away(other)
            if role not in self._loaded:
                self._loaded[role] = self._load(role)
            elif role in self._away:
                self._loaded[role].to(self.device)
            self._away.discard(role)
            return self._loaded[role]

    def _load(self, role: Role) -> Any:
        row = getattr(self.family, role)
        if role == "captioner":
            return loading.load_captioner(row, self.device, self.dtype)
        if role == "rewriter":
            return loading.load_rewriter(row, self.family.pool, self.device, self.dtype, self.family.lexicon)
        diffusion = loading.load_backbone(row, self.device, self.dtype)
        diffusion.gradient_rows = 1 if self.low_vram else None
        diffusion.weights = self.weights
        return diffusion

    def _send_away(self, role: str) -> None:
        if role in self._away:
            return
        if self.device.type == "cpu":
            del self._loaded[role]
            _give_memory_back()
            return
        self._away.add(role)  # before it moves: what fails half-way has to come back as a whole
        self._loaded[role].to(HOST)
        if self.device.type == "cuda":
            torch.cuda.empty_cache()
