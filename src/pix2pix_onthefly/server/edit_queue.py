"""Requests in order of their coming, one thread that edits, edits of one picture together."""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Sequence
from concurrent.futures import Future, InvalidStateError
from contextlib import suppress
from dataclasses import dataclass, field

from torch import Tensor

from ..errors import OnTheFlyError
from ..records import EditResult, Progress, no_progress, show_latents
from ..running.jobs import Executor, Job
from .refusals import ClosingError, FullError, TooLongError

MOST_RETRY_AFTER = 119
"""Seconds: clients of OpenAI wait no longer than two minutes."""
_log = logging.getLogger(__name__)


class StoppedError(Exception):
    """Raised by progress to end edits that nobody waits for any more."""


@dataclass(frozen=True, eq=False)
class Ticket:
    """One request's place in the queue.

    Attributes:
        job: what is asked for.
        picture: digest of its picture; tickets of one picture are edited together.
        deadline: on the monotonic clock, after which nobody waits for it.
        progress: told of every step, in the thread that edits.
        alone: it is edited with no other, because its progress looks at latents.
        made: its result.
    """

    job: Job
    picture: str
    deadline: float
    progress: Progress = no_progress
    alone: bool = False
    made: Future[EditResult] = field(default_factory=Future[EditResult])

    @property
    def over(self) -> bool:
        """Whether nobody waits for it."""
        return self.made.done() or time.monotonic() > self.deadline

    def cancel(self) -> None:
        """Its client is gone."""
        self.made.cancel()

    def settle(self, result: EditResult | BaseException) -> None:
        """Gives the result to whoever waits."""
        with suppress(InvalidStateError):  # nobody does
            if isinstance(result, BaseException):
                self.made.set_exception(result)
            else:
                self.made.set_result(result)


class EditQueue:
    """Waiting requests and the thread that edits them.

    Args:
        executor: makes the edits.
        longest: how many may wait.
        together: how many are edited at once, at most.
    """

    def __init__(self, executor: Executor, *, longest: int, together: int) -> None:
        self._executor, self._longest, self._together = executor, longest, together
        self._waiting: deque[Ticket] = deque()
        self._changed = threading.Condition()  # re-entrant: a signal may come while its own thread holds it
        self._closing = False
        self._seconds = 2.0  # an edit takes about so long
        self.running = 0
        self._thread = threading.Thread(target=self._work, name="edits", daemon=True)

    def __len__(self) -> int:
        """How many wait."""
        return len(self._waiting)

    def start(self) -> None:
        """Begins to edit."""
        self._thread.start()

    def submit(self, ticket: Ticket) -> None:
        """Puts a request at the end.

        Raises:
            FullError, ClosingError: no more are taken.
        """
        with self._changed:
            if self._closing:
                raise ClosingError("the server is about to end; call another, or come again")
            self._waiting = deque(one for one in self._waiting if not one.over)
            if len(self._waiting) >= self._longest:
                raise FullError(self.retry_after())
            self._waiting.append(ticket)
            self._changed.notify()

    def retry_after(self) -> int:
        """Seconds after which there is likely to be room."""
        return min(MOST_RETRY_AFTER, max(1, round(len(self._waiting) * self._seconds / 2)))

    def refuse_waiting(self) -> None:
        """Takes no more; who waits is told so, and what runs goes on."""
        with self._changed:
            self._closing = True
            for ticket in self._waiting:
                ticket.settle(ClosingError("the server is about to end; call another, or come again"))
            self._waiting.clear()
            self._changed.notify()

    def close(self) -> None:
        """Ends when what runs is done."""
        self.refuse_waiting()
        if self._thread.is_alive():
            self._thread.join()

    def _work(self) -> None:
        while tickets := self._next():
            started = time.monotonic()
            self.running = len(tickets)
            self._edit(tickets)
            self.running = 0
            self._seconds += 0.3 * ((time.monotonic() - started) / len(tickets) - self._seconds)

    def _next(self) -> list[Ticket]:
        """The first that somebody waits for, with others of its picture; none when the queue closes."""
        with self._changed:
            while not self._closing:
                while self._waiting:
                    first = self._waiting.popleft()
                    if first.over:
                        first.settle(TooLongError("the request waited longer than it may; come again later"))
                        continue
                    return [first, *self._alike(first)]
                self._changed.wait()
            return []

    def _alike(self, first: Ticket) -> list[Ticket]:
        if first.alone:
            return []
        alike = [one for one in self._waiting if one.picture == first.picture and not one.alone and not one.over]
        alike = alike[: self._together - 1]
        for ticket in alike:
            self._waiting.remove(ticket)
        return alike

    def _edit(self, tickets: Sequence[Ticket]) -> None:
        try:
            results = self._executor.map([ticket.job for ticket in tickets], _Shared(tickets))
        except StoppedError:
            for ticket in tickets:
                ticket.settle(TooLongError("the edit took longer than a request may; ask for fewer steps"))
        except Exception as error:
            if len(tickets) > 1:  # perhaps the fault of one alone
                for ticket in tickets:
                    self._edit([ticket])
                return
            if not isinstance(error, OnTheFlyError):
                _log.exception("an edit failed")
            tickets[0].settle(error)
        else:
            for ticket, result in zip(tickets, results, strict=True):
                ticket.settle(result)


class _Shared:
    """The progress of edits that are made together, which ends them when nobody waits."""

    def __init__(self, tickets: Sequence[Ticket]) -> None:
        self._tickets = tickets

    def __call__(self, stage: str, done: int, total: int) -> None:
        if all(ticket.over for ticket in self._tickets):
            raise StoppedError
        for ticket in self._tickets:
            ticket.progress(stage, done, total)

    def preview(self, latents: Sequence[Tensor]) -> None:
        """Latents under way, for a ticket that is alone."""
        if len(self._tickets) == 1:
            show_latents(self._tickets[0].progress, latents)
