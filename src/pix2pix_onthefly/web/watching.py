"""An edit under way: made in a thread of its own, watched from another, stopped within a step."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from PIL import Image
from torch import Tensor

_Made = TypeVar("_Made")
_PAUSE = 4
"""So many times as long as a preview took to decode, none is decoded."""


class StoppedError(Exception):
    """Raised by progress where an edit is to stop: no error of the user's, and none of the edit. Says where."""


@dataclass(frozen=True)
class Seen:
    """How far an edit is.

    Attributes:
        stage, done, total: as of `records.Progress`.
        preview: the picture on its way, where the way of editing shows one.
    """

    stage: str
    done: int
    total: int
    preview: Image.Image | None = None


class Watch:
    """A `records.Progress` that remembers the latest, and ends the edit when it is told to.

    An executor that finds the method `preview` hands it the latents of every step.

    Args:
        stop: set by whoever wants it to end.
        decode: makes a picture of latents [1, channels, h, w].
        clock: seconds.

    Attributes:
        seen: the latest.
        stages: those that were entered.
    """

    def __init__(
        self,
        stop: threading.Event,
        decode: Callable[[Tensor], Image.Image] | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.seen = Seen("load", 0, 1)
        self.stages: list[str] = []
        self._stop, self._decode, self._clock = stop, decode, clock
        self._due = clock()
        self._changed = threading.Event()

    def __call__(self, stage: str, done: int, total: int) -> None:
        if self._stop.is_set():
            raise StoppedError(f"Stopped at step {done} of {total}." if total > 1 else "Stopped.")
        if stage not in self.stages:
            self.stages.append(stage)
        preview = self.seen.preview if stage == self.seen.stage else None
        self._tell(Seen(stage, done, total, preview))

    def preview(self, latents: Sequence[Tensor]) -> None:
        """Shows the first of the latents of edits under way, of methods whose latents are near a picture, as often as
        decoding them leaves most of the time for the edit."""
        started = self._clock()
        # The last step's picture is the edit itself.
        if self._decode is None or self.seen.done >= self.seen.total or started < self._due:
            return
        picture = self._decode(latents[0])
        now = self._clock()
        self._due = now + _PAUSE * (now - started)
        self._tell(Seen(self.seen.stage, self.seen.done, self.seen.total, picture))

    def wait(self, seconds: float) -> bool:
        """Whether something has changed since the last call, within so many seconds."""
        changed = self._changed.wait(seconds)
        self._changed.clear()
        return changed

    def wake(self) -> None:
        """Ends a wait."""
        self._changed.set()

    def _tell(self, seen: Seen) -> None:
        self.seen = seen
        self._changed.set()


class Watched(Generic[_Made]):
    """Work in a thread of its own. Whoever iterates sees how far it is; then `made` has what came of it.

    Args:
        work: what is done; it gets the watch as its progress.
        watch: how far it is.
        stop: set where nobody looks any more.
    """

    def __init__(self, work: Callable[[Watch], _Made], watch: Watch, stop: threading.Event) -> None:
        self._work, self._watch, self._stop = work, watch, stop
        self._result: _Made | None = None
        self._error: BaseException | None = None

    def __iter__(self) -> Iterator[Seen]:
        thread = threading.Thread(target=self._run, name="edit", daemon=True)
        thread.start()
        try:
            while thread.is_alive():
                if self._watch.wait(0.25):
                    yield self._watch.seen
            thread.join()
        finally:
            if thread.is_alive():  # the page was closed
                self._stop.set()
                thread.join()

    @property
    def made(self) -> _Made:
        """What came of it.

        Raises:
            StoppedError: it was stopped.
            Exception: what went wrong.
        """
        if self._error is not None:
            raise self._error
        assert self._result is not None, "it is over"
        return self._result

    def _run(self) -> None:
        try:
            self._result = self._work(self._watch)
        except BaseException as error:  # told to whoever watches
            self._error = error
        finally:
            self._watch.wake()
