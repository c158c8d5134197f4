"""A Ray of two CPUs on this machine for tests, its workers as processes, and what they can be given to do."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import psutil
import pytest

from pix2pix_onthefly.errors import InputError, OnTheFlyError
from pix2pix_onthefly.workers.ray_cluster import Cluster, connected

PATIENCE = 300
"""Seconds a busy machine may take to start a process."""
needs_ray = pytest.mark.skipif(find_spec("ray") is None, reason="Ray is not installed: pip install -e '.[ray]'")


@pytest.fixture(scope="module")
def cluster() -> Generator[Cluster]:
    with connected(None, num_cpus=2) as found:
        yield found
    assert not workers_here()


def workers_here() -> list[psutil.Process]:
    """The processes of this test's workers that are at a unit, or have been."""
    below = psutil.Process().children(recursive=True)
    return [process for process in below if _title(process).startswith("ray::_Worker")]


def _title(process: psutil.Process) -> str:
    try:
        return " ".join(process.cmdline())
    except psutil.Error:
        return ""


def as_it_is(deed: Deed) -> Deed:
    """A unit that needs to be told nothing."""
    return deed


@dataclass(frozen=True)
class Deed:
    """A unit: what a worker is to do.

    Attributes:
        pieces: how many it gives; each is its process and its number.
        folder: where it marks that it was begun, so that others find out.
        deaths: how often a worker dies at it, after its first piece.
        company: how many processes must have begun in the folder, or files lie there, before it goes on.
        error: what it raises at its end.
    """

    pieces: int
    folder: Path
    deaths: int = 0
    company: int = 0
    error: str = ""


def do(deed: Deed) -> Iterator[tuple[int, int]]:
    for number in range(deed.pieces):
        yield os.getpid(), number
        (deed.folder / str(os.getpid())).touch()
        deadline = time.monotonic() + PATIENCE
        while len(list(deed.folder.iterdir())) < deed.company and time.monotonic() < deadline:
            time.sleep(0.05)
        if len(list(deed.folder.iterdir())) <= deed.deaths:
            os.kill(os.getpid(), 9)
    if deed.error:
        raise InputError(deed.error)


def elsewhere() -> Callable[[Deed], Iterator[tuple[int, int]]]:
    return do


def threads_elsewhere() -> Callable[[Deed], Iterator[tuple[str, str]]]:
    def tell(_: Deed) -> Iterator[tuple[str, str]]:
        yield os.environ["OMP_NUM_THREADS"], os.getcwd()

    return tell


def unable() -> Callable[[Deed], Iterator[tuple[int, int]]]:
    raise OnTheFlyError("the weights are not on this node")


def dying() -> Callable[[Deed], Iterator[tuple[int, int]]]:
    os.kill(os.getpid(), 9)
    raise AssertionError
