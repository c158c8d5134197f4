"""Listening for requests until a signal ends it; what runs then is finished."""

from __future__ import annotations

import socket
from collections.abc import Callable
from types import FrameType

import uvicorn
from fastapi import FastAPI

from ..errors import InputError
from .edit_queue import EditQueue
from .settings import ServeOptions


class _Server(uvicorn.Server):
    """Refuses what waits as soon as a signal comes, and lets what runs come to its end."""

    def __init__(self, config: uvicorn.Config, queue: EditQueue) -> None:
        super().__init__(config)
        self._queue = queue

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        self._queue.refuse_waiting()
        super().handle_exit(sig, frame)


def listen(app: FastAPI, options: ServeOptions, tell: Callable[[str], None]) -> None:
    """Serves until a signal comes.

    Args:
        tell: told the address, when it is listened at.

    Raises:
        InputError: the address cannot be listened at.
    """
    family = socket.AF_INET6 if ":" in options.host else socket.AF_INET
    try:
        listening = socket.create_server((options.host, options.port), family=family, backlog=128)
    except (OSError, OverflowError) as error:
        reason = getattr(error, "strerror", None) or error
        raise InputError(f"{options.host}:{options.port} cannot be listened at ({reason}); give another") from error
    host = f"[{options.host}]" if ":" in options.host else options.host
    tell(f"http://{host}:{listening.getsockname()[1]}")
    config = uvicorn.Config(app, log_level="warning", access_log=False)
    with listening:
        _Server(config, app.state.queue).run([listening])
