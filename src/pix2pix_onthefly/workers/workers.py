"""The seam of workers: units go in, what was made of them comes out, whoever makes it.

A unit is plain data. What is made of it is kept in files by whoever makes it, so that a worker that dies, or a driver
that is killed, costs the units that were under way. Ray is imported where it is asked for, and nowhere else.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Protocol, TypeVar

from ..errors import OptionError

LOCAL, RAY = "local", "ray"
FORMS = "local|ray[:ADDRESS]"
"""How workers are named."""

Unit = TypeVar("Unit")
Made = TypeVar("Made")


@dataclass(frozen=True)
class Lost:
    """A unit that nothing, or no more, was made of.

    Attributes:
        reason: a sentence without its full stop.
    """

    reason: str


class Workers(Protocol):
    """Carry out units."""

    def each(
        self,
        do: Callable[[Unit], Iterator[Made]],
        elsewhere: Callable[[], Callable[[Unit], Iterator[Made]]],
        units: Sequence[Unit],
        pack: Callable[[Unit], Unit | None],
    ) -> Iterator[tuple[int, Made | Lost]]:
        """What is made of units, with the place of the unit: piece by piece, as it comes.

        Args:
            do: carries out a unit in this process.
            elsewhere: makes such a function in another process; it is sent there, as units are, so both are plain data.
            pack: a unit as it is carried out, asked for when that begins, again when its worker has died, and at other
                times: it may be told what is known by then; None where nothing is left of it to do.

        Raises:
            OnTheFlyError: whatever `do` raises and ends the run, or no worker can be had.
        """
        ...


class LocalWorkers:
    """This process, one unit after another."""

    def each(
        self,
        do: Callable[[Unit], Iterator[Made]],
        elsewhere: Callable[[], Callable[[Unit], Iterator[Made]]],
        units: Sequence[Unit],
        pack: Callable[[Unit], Unit | None],
    ) -> Iterator[tuple[int, Made | Lost]]:
        """As of `Workers`."""
        for place, unit in enumerate(units):
            if (packed := pack(unit)) is not None:
                for made in do(packed):
                    yield place, made


@contextmanager
def opened_workers(name: str, device: str | None = None) -> Generator[Workers]:
    """The workers of a name: `local`; `ray` for a Ray of this machine alone, which ends with the run; `ray:ADDRESS` for
    a cluster.

    Args:
        device: where models are to run, if that was asked for; on a `cpu` GPUs are left alone.

    Raises:
        OptionError: no such name.
        OnTheFlyError: Ray is not installed, does not answer, or has neither GPU nor CPU.
    """
    kind, colon, address = name.partition(":")
    if kind not in (LOCAL, RAY) or (colon and (kind == LOCAL or not address)):
        raise OptionError(f"workers must be {FORMS}, such as ray or ray:10.0.0.1:6379, not {name!r}")
    if kind == LOCAL:
        yield LocalWorkers()
        return
    from .ray_actors import RayWorkers
    from .ray_cluster import connected

    with connected(address or None, device) as cluster:
        yield RayWorkers(cluster)
