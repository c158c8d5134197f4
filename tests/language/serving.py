"""Servers for the tests of endpoints: `transformers serve` over a model in a folder, and one that misbehaves."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Callable, Generator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from pix2pix_onthefly.models.rows import MINI_REWRITER

CHAT_TEMPLATE = """
{%- for message in messages %}
{%- if message.role == 'user' %}
{%- set parts = message.content.split('\n\nBegin your answer with:\n\n') %}
{{- 'Instruct: ' + parts[0] + '\nOutput: ' }}
{%- if parts | length > 1 %}{{ parts[1] + ('' if parts[1].endswith('Caption 1:') else '\n') }}{% endif %}
{%- else %}{{ message.content + '\n\n' }}
{%- endif %}
{%- endfor %}"""
"""Lays a conversation out as the bundled rewriter knows it, which goes on with an answer instead of beginning one."""
PATIENCE = 500.0
"""Seconds that a real server may take to start on a busy machine."""
Reply = tuple[int, str | dict[str, Any]]
"""Status, and text or JSON."""


def save_chat_model(folder: Path) -> Path:
    """The bundled rewriter as a model with a chat template."""
    assert MINI_REWRITER.folder is not None
    shutil.copytree(MINI_REWRITER.folder, folder)
    (folder / "chat_template.jinja").write_text(CHAT_TEMPLATE)
    return folder


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


@contextmanager
def transformers_serve(folder: Path) -> Generator[str, None, None]:
    """The address of a real server over a model in a folder."""
    port = free_port()
    command = [sys.executable, "-m", "transformers.cli.transformers", "serve", str(folder)]
    command += ["--host", "127.0.0.1", "--port", str(port), "--device", "cpu", "--log-level", "error"]
    quiet = {**os.environ, "HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1"}
    log = folder.parent / "server.log"
    with open(log, "wb") as written, subprocess.Popen(command, env=quiet, stdout=written, stderr=written) as server:
        try:
            _wait_for(f"http://127.0.0.1:{port}/health", server, log)
            yield f"http://127.0.0.1:{port}/v1"
        finally:
            server.terminate()
            with suppress(subprocess.TimeoutExpired):
                server.wait(10)
            server.kill()


def _wait_for(address: str, server: subprocess.Popen[bytes], log: Path) -> None:
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end and server.poll() is None:
        with suppress(OSError), urllib.request.urlopen(address, timeout=2) as answer:
            if answer.status == 200:
                return
        time.sleep(0.2)
    raise AssertionError(f"the server did not start: {log.read_text()[-2000:]}")


@dataclass
class OddServer:
    """A server that answers as a test wants, and notes what it is sent."""

    address: str
    requests: list[dict[str, Any]] = field(default_factory=list)
    keys: list[str] = field(default_factory=list)


@contextmanager
def odd_server(answer: Callable[[dict[str, Any]], Reply]) -> Generator[OddServer, None, None]:
    """A local server whose answers a function of the request makes."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            noted.requests.append(body)
            noted.keys.append(self.headers.get("Authorization", ""))
            status, content = answer(body)
            made = (content if isinstance(content, str) else json.dumps(content)).encode()
            with suppress(OSError):  # who asked may have lost patience
                self.send_response(status)
                self.send_header("Content-Type", "text/html" if isinstance(content, str) else "application/json")
                self.send_header("Content-Length", str(len(made)))
                self.end_headers()
                self.wfile.write(made)

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    noted = OddServer(f"http://127.0.0.1:{server.server_port}/v1")
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield noted
    finally:
        server.shutdown()
        server.server_close()


def completion(text: str | None, *, reason: str = "stop", **message: Any) -> Reply:
    """A whole answer as the protocol has it."""
    said = {"role": "assistant", "content": text, **message}
    choice = {"index": 0, "finish_reason": reason, "message": said}
    return 200, {"id": "1", "object": "chat.completion", "created": 0, "model": "m", "choices": [choice]}


def complaint(status: int, message: str) -> Reply:
    """A refusal as the protocol has it."""
    return status, {"error": {"message": message, "type": "error", "param": None, "code": None}}
