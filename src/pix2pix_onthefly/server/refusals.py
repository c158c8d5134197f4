"""Why a request gets no picture, in the form that OpenAI's clients read: {"error": {message, type, param, code}}."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..errors import InputError, ModelUnavailableError, NotUnderstoodError, OnTheFlyError, OptionError
from ..records import EditCaptions

BAD_REQUEST, SERVER_ERROR = "invalid_request_error", "server_error"
_NO_RETRY = {"x-should-retry": "false"}  # OpenAI's clients try errors of the server again otherwise


class FullError(OnTheFlyError):
    """So many requests wait that no more are taken.

    Args:
        seconds: after how many there is likely to be room.
    """

    def __init__(self, seconds: int) -> None:
        super().__init__(f"too many requests are waiting; come again in {seconds} s")
        self.seconds = seconds


class ClosingError(OnTheFlyError):
    """The server is about to end."""


class TooLongError(OnTheFlyError):
    """A request took longer than it may."""


class Refusal(Exception):
    """An answer that is an error.

    Args:
        status: of HTTP.
        message: one sentence.
        param: the field that it is about.
        code, kind: for programs.
        headers: of HTTP.
        more: further fields of the error.
    """

    def __init__(
        self,
        status: int,
        message: str,
        *,
        param: str | None = None,
        code: str | None = None,
        kind: str = BAD_REQUEST,
        headers: Mapping[str, str] | None = None,
        more: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(message)
        self.status, self.headers = status, dict(headers or {})
        self.content = {
            "error": {"message": message, "type": kind, "param": param, "code": code, **(more or {})},
        }


def refusal_of(error: Exception, param: str | None = None) -> Refusal:
    """The answer that tells of an error.

    Args:
        param: the field that it is about, where that is known.
    """
    message = str(error)
    match error:
        case Refusal():
            return error
        case NotUnderstoodError():
            known = error.captions if isinstance(error.captions, EditCaptions) else None
            more = {"question": known.question, "candidates": list(known.candidates)} if known else {}
            return Refusal(400, message, param="prompt", code="not_understood", more=more)
        case InputError() | OptionError():
            return Refusal(400, message, param=param, code="invalid_value")
        case FullError():
            headers = {"Retry-After": str(error.seconds)}
            return Refusal(429, message, code="queue_full", kind="rate_limit_error", headers=headers)
        case ClosingError():
            return Refusal(503, message, code="closing", kind=SERVER_ERROR, headers={"Retry-After": "30"})
        case TooLongError():
            return Refusal(504, message, code="time_limit", kind=SERVER_ERROR, headers=_NO_RETRY)
        case ModelUnavailableError():
            return Refusal(503, message, code="model_unavailable", kind=SERVER_ERROR, headers=_NO_RETRY)
        case OnTheFlyError():
            return Refusal(503, message, code="not_possible_now", kind=SERVER_ERROR, headers=_NO_RETRY)
        case _:
            message = "the program failed at this edit; its log has more"
            return Refusal(500, message, code="internal", kind=SERVER_ERROR, headers=_NO_RETRY)
