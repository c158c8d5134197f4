"""A server in this process, on a port of its own, with the tiny family."""

from __future__ import annotations

import io
import socket
import threading
import time
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import httpx2
import uvicorn
from openai import OpenAI
from PIL import Image

from pix2pix_onthefly.editor import Editor
from pix2pix_onthefly.server.app import make_app
from pix2pix_onthefly.server.edit_queue import EditQueue
from pix2pix_onthefly.server.settings import ServeOptions

QUICK: dict[str, Any] = {
    "method": "sdedit",
    "steps": 3,
    "size": "64",
    "before": ["a cat"],
    "after": ["a dog"],
    "caption": "a cat",
}
"""Fields of an edit that leaves nothing to captioner and language model."""


@dataclass(frozen=True)
class Running:
    """A server that listens.

    Attributes:
        address: without a path.
        queue: its requests.
    """

    address: str
    queue: EditQueue
    server: uvicorn.Server

    def client(self, key: str = "none") -> OpenAI:
        """An official client."""
        return OpenAI(base_url=f"{self.address}/v1", api_key=key, max_retries=0)

    def get(self, path: str, **more: Any) -> httpx2.Response:
        return httpx2.get(self.address + path, timeout=60, **more)

    def edits(self, data: dict[str, Any], image: bytes | None = None) -> httpx2.Response:
        """Sends a form as it is."""
        files = {"image": ("a.png", image, "image/png")} if image is not None else None
        return httpx2.post(f"{self.address}/v1/images/edits", data=data, files=files, timeout=60)


@contextmanager
def running(editor: Editor, key: str | None = None, **options: Any) -> Generator[Running]:
    """A server until the block ends."""
    app = make_app(editor, ServeOptions(**options), key)
    server = uvicorn.Server(uvicorn.Config(app, log_level="warning"))
    listening = socket.create_server(("127.0.0.1", 0))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
    thread.start()
    try:
        while not server.started:
            assert thread.is_alive()
            time.sleep(0.02)
        yield Running(f"http://127.0.0.1:{listening.getsockname()[1]}", app.state.queue, server)
    finally:
        server.should_exit = True
        thread.join()
        listening.close()


def png(picture: Image.Image) -> bytes:
    """A picture's file."""
    made = io.BytesIO()
    picture.save(made, "PNG")
    return made.getvalue()
