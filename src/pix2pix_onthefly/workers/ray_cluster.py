"""A connection to Ray: what it offers to workers, and how one is started there."""

from __future__ import annotations

import logging
import os
import signal
import socket
import threading
from collections.abc import Generator
from contextlib import contextmanager
from importlib import import_module
from typing import Any

from ..errors import InputError, OnTheFlyError, OptionError
from ..extras import import_extra

_PATIENCE = 10.0
"""Seconds within which a cluster must answer."""
_STORE = 100 * 2**20
"""Bytes of shared memory of a Ray that is started here: what workers send is small, pictures are files."""
_OURS = "ONTHEFLY_"
"""Environment variables of this program, which workers get too."""


class Cluster:
    """A Ray that this process is connected to.

    Args:
        ray: the library.
        device: where models are to run, if that was asked for.

    Attributes:
        on_gpus: whether a worker has a GPU of its own; else it has a CPU core.
    """

    def __init__(self, ray: Any, device: str | None) -> None:
        self.ray = ray
        self.on_gpus = (device is None or device.startswith("cuda")) and self._count("GPU") > 0

    def _nodes(self) -> list[dict[str, float]]:
        """What each living node has."""
        return [node["Resources"] for node in self.ray.nodes() if node["Alive"]]

    def _count(self, kind: str) -> int:
        return sum(int(node.get(kind, 0)) for node in self._nodes())

    def offered(self) -> int:
        """How many workers there is room for by now: one a GPU, or one a CPU core."""
        return self._count("GPU" if self.on_gpus else "CPU")

    @property
    def threads(self) -> int:
        """Threads of a worker: its share of the cores of its node, on the node where that is least."""
        if not self.on_gpus:
            return 1
        shares = [int(node.get("CPU", 0)) // int(node["GPU"]) for node in self._nodes() if int(node.get("GPU", 0))]
        return max(1, min(shares, default=1))

    def start(self, kind: type) -> Any:
        """A worker, as an actor of a class that takes threads, the current folder and environment variables.

        It may take a while to be there; a node that is still coming up gets it once it is.
        """
        own = {name: value for name, value in os.environ.items() if name.startswith(_OURS)}
        room = {"num_gpus": 1, "num_cpus": 0} if self.on_gpus else {"num_cpus": 1}
        return self.ray.remote(kind).options(**room).remote(self.threads, os.getcwd(), own)


@contextmanager
def connected(address: str | None, device: str | None = None, **started: Any) -> Generator[Cluster]:
    """A Ray that runs already in this process or at an address; without one a Ray of this machine alone, which ends
    here.

    Args:
        address: `host:port` of a cluster's head, or `auto` for the cluster that this machine is part of.
        device: as of `Cluster`.
        started: further arguments of `ray.init` for a Ray that is started here, such as `num_cpus`.

    Raises:
        OnTheFlyError: Ray is not installed, does not answer, or offers nothing.
    """
    listening = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # else a Ray that is started here tells its makers
    ray = import_extra("ray", "ray")
    ours = not ray.is_initialized()
    try:
        if ours:
            _connect(ray, address, started)
        if threading.current_thread() is threading.main_thread():
            for number, handler in listening.items():  # Ray has put its own in their place
                signal.signal(number, handler)
        cluster = Cluster(ray, device)
        if not cluster.offered():
            raise OnTheFlyError(
                f"{_named(address)} offers neither a GPU nor a CPU; start a worker node first, or leave --workers out"
            )
        yield cluster
    finally:
        if ours:
            ray.shutdown()


def _connect(ray: Any, address: str | None, started: dict[str, Any]) -> None:
    own: dict[str, Any] = {"include_dashboard": False, "object_store_memory": _STORE, **started}
    if address is not None:
        _check(address)
        own = {}
    try:
        ray.init(address=address or "local", log_to_driver=False, logging_level=logging.ERROR, **own)
    except Exception as error:  # from ConnectionError to RuntimeError for another version of Ray or Python
        reason = str(error).strip().split("\n")[0].rstrip(".") or type(error).__name__
        raise OnTheFlyError(f"{_named(address)} cannot be used ({reason}); look at what 'ray status' says") from error
    _keep_off_standard_output()


def _check(address: str) -> None:
    """Ray itself would try for minutes.

    Raises:
        OptionError: this is no address.
        InputError: nobody answers there.
    """
    if address == "auto":
        return
    host, _, port = address.rpartition(":")
    if "//" in address or not host or not port.isdecimal() or not 0 < int(port) < 2**16:
        raise OptionError(
            f"the address {address!r} is not of the form HOST:PORT, such as ray:10.0.0.1:6379; run this on a machine "
            "of the cluster, where ray:auto finds it"
        )
    try:
        socket.create_connection((host.strip("[]"), int(port)), timeout=_PATIENCE).close()
    except OSError as error:
        raise InputError(
            f"no Ray answers at {address} ({error.strerror or error}); start its head with 'ray start --head', or look "
            "at the address"
        ) from error


def _named(address: str | None) -> str:
    return "Ray on this machine" if address is None else f"the Ray at {address}"


def _keep_off_standard_output() -> None:
    """Ray prints what it has to say of workers that died between our results, whatever it is told about logs; they are
    in its own log files, and we tell of them in our own words."""
    worker: Any = import_module("ray._private.worker")
    if hasattr(worker, "print_to_stdstream"):
        worker.print_to_stdstream = _say_nothing


def _say_nothing(*_: object, **__: object) -> None:
    """In place of printing."""
