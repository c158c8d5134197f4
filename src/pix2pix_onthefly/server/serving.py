"""One request's way through the queue: waiting for its edit, unless the client goes or it takes too long."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator

from PIL import Image
from starlette.requests import Request

from ..editor import Editor
from ..pictures.digest import picture_digest
from ..records import EditResult, Progress, no_progress
from .answers import completed_events, event, partial_event
from .edit_queue import EditQueue, Ticket
from .forms import Wish
from .previews import Previews
from .refusals import TooLongError, refusal_of

_LOOK = 0.25
"""Seconds between two looks whether the client is still there."""


class ClientGoneError(Exception):
    """Nobody waits for the answer."""


class Service:
    """Takes wishes to the queue and waits for what becomes of them.

    Args:
        editor: whose executor the queue works with.
        queue: where requests wait.
        time_limit: seconds that a request may take.
    """

    def __init__(self, editor: Editor, queue: EditQueue, time_limit: float) -> None:
        self.editor, self.queue, self.time_limit = editor, queue, time_limit

    def submitted(self, wish: Wish, progress: Progress = no_progress) -> Ticket:
        """A wish's place in the queue.

        Raises:
            FullError, ClosingError: there is none.
        """
        digest = picture_digest(wish.job.picture) if isinstance(wish.job.picture, Image.Image) else ""
        deadline = time.monotonic() + self.time_limit
        ticket = Ticket(wish.job, digest, deadline, progress, alone=progress is not no_progress)
        self.queue.submit(ticket)
        return ticket

    async def result(self, ticket: Ticket, request: Request) -> EditResult:
        """What was made for a request; an edit that nobody waits for any more is ended.

        Raises:
            OnTheFlyError: why nothing was made.
            ClientGoneError: the client has hung up.
        """
        made = asyncio.wrap_future(ticket.made)
        try:
            while not made.done():
                await asyncio.wait([made], timeout=_LOOK)
                if not made.done():
                    await self._check(ticket, request)
            return made.result()
        finally:
            ticket.cancel()

    async def events(self, wish: Wish, request: Request) -> AsyncIterator[str]:
        """The server-sent events of a request, the first of which comes when the edit is under way or done.

        Raises:
            FullError, ClosingError: before any event.
        """
        loop, shown = asyncio.get_running_loop(), asyncio.Queue[str]()

        def show(number: int, picture: Image.Image) -> None:
            loop.call_soon_threadsafe(shown.put_nowait, partial_event(picture, number, wish))

        picture = wish.job.picture
        assert isinstance(picture, Image.Image)
        previews = Previews(self.editor.models, wish.partial_images, picture.size, show)
        ticket = self.submitted(wish, previews if wish.partial_images else no_progress)
        return self._told(wish, ticket, request, shown)

    async def _told(
        self, wish: Wish, ticket: Ticket, request: Request, shown: asyncio.Queue[str]
    ) -> AsyncIterator[str]:
        made = asyncio.wrap_future(ticket.made)
        try:
            while not made.done() or not shown.empty():
                waiting = asyncio.ensure_future(shown.get())
                await asyncio.wait([made, waiting], timeout=_LOOK, return_when=asyncio.FIRST_COMPLETED)
                if waiting.done():
                    yield waiting.result()
                else:
                    waiting.cancel()
                    await self._check(ticket, request)
            for text in await asyncio.to_thread(lambda: list(completed_events(made.result(), wish))):
                yield text
        except ClientGoneError:
            return
        except Exception as error:
            yield event("error", refusal_of(error).content)
        finally:
            ticket.cancel()

    async def _check(self, ticket: Ticket, request: Request) -> None:
        """Raises where there is no sense in waiting on."""
        if await request.is_disconnected():
            raise ClientGoneError
        if not ticket.made.done() and time.monotonic() > ticket.deadline:
            raise TooLongError(f"the edit took longer than {self.time_limit:g} s; ask for fewer steps or come again")
