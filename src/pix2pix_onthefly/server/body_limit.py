"""Requests that are too large are refused before they are read."""

from __future__ import annotations

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from .refusals import Refusal


class BodyLimit:
    """ASGI middleware: stops reading a request at a number of bytes.

    What is read beyond raises a `Refusal` in whoever reads, which the app answers.
    """

    def __init__(self, app: ASGIApp, most_bytes: int) -> None:
        self._app, self._most = app, most_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        told = dict(scope["headers"]).get(b"content-length", b"0")
        read = int(told) if told.isdigit() and int(told) > self._most else 0

        async def counted() -> Message:
            nonlocal read
            message = await receive() if read <= self._most else None
            if message is not None:
                read += len(message.get("body", b""))
            if message is None or read > self._most:
                words = f"the request is larger than {self._most / 1e6:g} MB; scale the picture down first"
                raise Refusal(413, words, param="image", code="too_large")
            return message

        await self._app(scope, counted, send)
