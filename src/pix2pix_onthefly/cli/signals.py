"""SIGTERM and SIGHUP end a command as Ctrl-C does: what is half-written is removed on the way out."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Generator
from contextlib import contextmanager

INTERRUPTED = 130
"""Exit code after Ctrl-C, by the shells' convention: 128 and the signal's number."""
_REPEATS = 2.0
"""Seconds in which the same wish often comes twice: from a terminal and its shell, a service and its manager."""


class EndedBySignalError(KeyboardInterrupt):
    """Raised in place of dying at once.

    Args:
        number: of the signal.
    """

    def __init__(self, number: int) -> None:
        super().__init__()
        self.number = number


def exit_code_and_word(interrupt: KeyboardInterrupt) -> tuple[int, str]:
    """The exit code after an interruption (130, 143 for SIGTERM, 129 for SIGHUP), and what to say."""
    if not isinstance(interrupt, EndedBySignalError):
        return INTERRUPTED, "Interrupted."
    word = "Terminated." if interrupt.number == signal.SIGTERM else "The terminal was closed."
    return 128 + interrupt.number, word


@contextmanager
def ending_cleanly() -> Generator[None, None, None]:
    """While this is open SIGTERM and SIGHUP raise `EndedBySignalError` in the main thread.

    A signal that something else listens to or that is ignored (by `nohup`) stays as it is, and so do all of them in
    other threads, which Python lets set none.
    """
    last: float | None = None

    def end(number: int, _: object) -> None:
        nonlocal last
        now = time.monotonic()
        if last is None or now - last >= _REPEATS:  # a second one would break off the cleaning up
            last = now
            raise EndedBySignalError(number)

    wanted = [getattr(signal, name) for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name)]
    ours = [number for number in wanted if signal.getsignal(number) is signal.SIG_DFL]
    if threading.current_thread() is not threading.main_thread():
        ours = []
    for number in ours:
        signal.signal(number, end)
    try:
        yield
    finally:
        if last is None:  # else the program is on its way out, undisturbed by a second signal
            for number in ours:
                signal.signal(number, signal.SIG_DFL)
