"""Workers that are actors of Ray: each loads the models once and is fed one unit after another.

Whatever dies costs what it was at: a unit whose worker dies goes to another one, so many times; another worker takes
the dead one's place as soon as there is room for it, on a node that has come up since, too.
"""

from __future__ import annotations

import os
import sys
import time
from collections import Counter, deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Generic

from ..errors import InputError, OnTheFlyError
from .ray_cluster import Cluster
from .workers import Lost, Made, Unit

ATTEMPTS = 3
"""How many workers a unit may cost."""
_STARTS = 3
"""How many workers in a row may die before they have begun."""
_LOOK_AGAIN = 5.0
"""Seconds after which it is looked again for room for more workers."""
_NO_ROOM = 300.0
"""Seconds without any worker, and without room for one, after which a run ends."""


@dataclass(frozen=True)
class _Ended:
    """In place of a piece: the run is over."""

    error: OnTheFlyError


class _Worker:
    """What runs in an actor. Its module imports nothing heavy, and what it works with comes after it is there: so the
    number of threads is known before torch is imported."""

    def __init__(self, threads: int, folder: str, variables: dict[str, str]) -> None:
        os.environ.update(variables, OMP_NUM_THREADS=str(threads))
        self.threads, self.folder = threads, folder
        self.do: Callable[[Any], Iterator[Any]] | None = None

    def begin(self, elsewhere: Callable[[], Callable[[Any], Iterator[Any]]]) -> _Ended | None:
        """Loads what units need. The current folder becomes the driver's, so that its file names hold."""
        try:
            os.chdir(self.folder)
            self.do = elsewhere()
        except OSError as error:
            sentence = f"a worker cannot reach {self.folder} ({error.strerror}); a cluster needs storage that all share"
            return _Ended(InputError(sentence))
        except OnTheFlyError as error:
            return _Ended(error)
        if (torch := sys.modules.get("torch")) is not None:
            torch.set_num_threads(self.threads)
        return None

    def carry_out(self, unit: Any) -> Iterator[Any]:
        """The pieces of a unit."""
        assert self.do is not None
        try:
            yield from self.do(unit)
        except OnTheFlyError as error:
            yield _Ended(error)


class RayWorkers:
    """As many actors as a cluster has room for."""

    def __init__(self, cluster: Cluster) -> None:
        self.cluster = cluster

    def each(
        self,
        do: Callable[[Unit], Iterator[Made]],
        elsewhere: Callable[[], Callable[[Unit], Iterator[Made]]],
        units: Sequence[Unit],
        pack: Callable[[Unit], Unit | None],
    ) -> Iterator[tuple[int, Made | Lost]]:
        """As of `workers.Workers`; what it gives of different units is mixed."""
        run: _Run[Unit, Made] = _Run(self.cluster, elsewhere, units, pack)
        try:
            yield from run.pieces()
        finally:
            run.end()


class _Run(Generic[Unit, Made]):
    """Units on their way through actors."""

    def __init__(
        self, cluster: Cluster, elsewhere: Callable[[], Any], units: Sequence[Unit], pack: Callable[[Unit], Unit | None]
    ) -> None:
        self._cluster, self._elsewhere, self._units, self._pack = cluster, elsewhere, units, pack
        self._ray, self._errors = cluster.ray, cluster.ray.exceptions
        # No worker is started for what is done: it would load the models for nothing.
        self._queue = deque(place for place, unit in enumerate(units) if pack(unit) is not None)
        self._deaths = Counter[int]()
        self._beginning: dict[Any, Any] = {}  # what is awaited, and the actor
        self._idle: list[Any] = []
        self._working: dict[Any, tuple[Any, int]] = {}  # a stream of pieces, the actor, the place of the unit
        self._failed_starts, self._looked, self._offered, self._last_room = 0, -_LOOK_AGAIN, 0, time.monotonic()

    def pieces(self) -> Iterator[tuple[int, Made | Lost]]:
        """All that is made, as it comes."""
        while self._queue or self._working:
            self._start_workers()
            self._feed()
            awaited = [*self._beginning, *self._working]
            if not awaited:
                time.sleep(_LOOK_AGAIN)
                continue
            ready, _ = self._ray.wait(awaited, timeout=_LOOK_AGAIN)
            for one in ready:
                if one in self._beginning:
                    self._begun(one)
                else:
                    yield from self._piece(one)

    def end(self) -> None:
        """Ends all actors."""
        for actor in (*self._beginning.values(), *self._idle, *(actor for actor, _ in self._working.values())):
            self._ray.kill(actor)

    def _start_workers(self) -> None:
        """As many as there is room and work for.

        Raises:
            OnTheFlyError: there has been no room for long.
        """
        now = time.monotonic()
        if now - self._looked >= _LOOK_AGAIN:
            self._looked, self._offered = now, self._cluster.offered()
        there = len(self._beginning) + len(self._idle) + len(self._working)
        for _ in range(min(self._offered, len(self._queue) + len(self._working)) - there):
            actor = self._cluster.start(_Worker)
            self._beginning[actor.begin.remote(self._elsewhere)] = actor
        if there or self._offered:
            self._last_room = now
        elif now - self._last_room > _NO_ROOM:
            raise OnTheFlyError("Ray has no room for a worker any more; look at 'ray status', then run the same again")

    def _feed(self) -> None:
        while self._queue and self._idle:
            place = self._queue.popleft()
            unit = self._pack(self._units[place])
            if unit is None:  # its worker died after its last piece
                continue
            actor = self._idle.pop()
            self._working[actor.carry_out.options(num_returns="streaming").remote(unit)] = actor, place

    def _begun(self, awaited: Any) -> None:
        """An actor is ready, or has died of getting ready, which happens.

        Raises:
            OnTheFlyError: it tells why it cannot be ready, or several have died in a row.
        """
        actor = self._beginning.pop(awaited)
        try:
            ended: _Ended | None = self._ray.get(awaited)
        except self._errors.RayTaskError:
            raise
        except self._errors.RayError as error:
            self._failed_starts += 1
            if self._failed_starts >= _STARTS:
                raise OnTheFlyError(
                    f"workers die while they load the models ({_first_line(error)}); there may be too little memory "
                    "for so many: see docs/clusters.md"
                ) from error
            return
        if ended is not None:
            raise ended.error
        self._failed_starts = 0
        self._idle.append(actor)

    def _piece(self, stream: Any) -> Iterator[tuple[int, Made | Lost]]:
        """The next piece of a unit; nothing at its end; that it is lost, where it has cost too many workers."""
        actor, place = self._working[stream]
        try:
            made: Made | _Ended = self._ray.get(next(stream))
        except StopIteration:
            del self._working[stream]
            self._idle.append(actor)
        except self._errors.RayTaskError:  # a fault of the program
            raise
        except self._errors.RayError:
            del self._working[stream]
            self._ray.kill(actor)
            self._deaths[place] += 1
            if self._deaths[place] < ATTEMPTS:
                self._queue.appendleft(place)
            elif self._pack(self._units[place]) is not None:
                yield place, Lost(f"{ATTEMPTS} workers died at it")
        else:
            if isinstance(made, _Ended):
                raise made.error
            yield place, made


def _first_line(error: Exception) -> str:
    return str(error).strip().split("\n")[0].rstrip(".")
