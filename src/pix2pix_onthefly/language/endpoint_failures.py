"""What is said where an endpoint fails: one sentence, with what to do."""

from __future__ import annotations

from dataclasses import dataclass

from ..errors import LanguageModelError, RefusedAnswerError

KEY_VARIABLES = ("ONTHEFLY_LANGUAGE_MODEL_KEY", "OPENAI_API_KEY")
"""Environment variables that the key is read from, the first that is set."""
LONGEST_COMPLAINT = 160
"""Letters of what a server says that are passed on."""
_NOT_COMPATIBLE = "does not answer as an OpenAI-compatible one; correct --language-model, which mostly ends in /v1"


@dataclass(frozen=True)
class Server:
    """An endpoint, for sentences about it.

    Attributes:
        url: of the endpoint.
        name: of the model there.
        has_key: whether a key is sent.
        seconds: that an answer may take.
    """

    url: str
    name: str
    has_key: bool
    seconds: float


def told(server: Server, error: Exception | None) -> LanguageModelError:
    """The sentence for a failure.

    Args:
        server: which has failed.
        error: of the client; None for an answer that is none.
    """
    import openai

    where = f"the language model's server {server.url}"
    if isinstance(error, openai.APITimeoutError):
        sentence = (
            f"did not answer within {server.seconds:g} seconds; try again, raise --language-model-timeout, or choose a "
            "smaller model"
        )
    elif isinstance(error, openai.APIConnectionError):
        sentence = "cannot be reached; start it, or correct --language-model"
    elif isinstance(error, openai.AuthenticationError | openai.PermissionDeniedError):
        wrong = "refuses the key" if server.has_key else "wants a key"
        sentence = f"{wrong}; set the environment variable {KEY_VARIABLES[0]} to a valid one"
    elif isinstance(error, openai.NotFoundError):
        sentence = (
            f"knows no model {server.name!r}, or has another path{_said(error)}; correct --language-model-name, or "
            "--language-model, which mostly ends in /v1"
        )
    elif isinstance(error, openai.RateLimitError):
        sentence = f"takes no more requests at present{_said(error)}; try again later, or look at your quota there"
    elif isinstance(error, openai.InternalServerError):
        sentence = f"has failed{_said(error)}; look at its log, or try again"
    elif isinstance(error, openai.APIStatusError):
        sentence = f"refuses the request{_said(error)}; correct --language-model-name, or lower --shots or --captions"
    else:
        sentence = _NOT_COMPATIBLE
    return LanguageModelError(f"{where} {sentence}")


def refused(server: Server, refusal: str | None, reason: str | None) -> RefusedAnswerError:
    """The sentence for an answer that was refused, filtered or is empty.

    Args:
        server: which has answered.
        refusal: what the model says instead, if it does.
        reason: why it stopped, as the protocol has it.
    """
    if refusal or reason == "content_filter":
        said = f" ({_brief(refusal)})" if refusal else ""
        return RefusedAnswerError(
            f"the language model {server.name} refuses to answer{said}; say it in other words, choose another model, "
            "or give captions with --before and --after"
        )
    cure = "; try another seed, or choose another model"
    if reason == "length":
        cure = " and may have thought for too long; switch its thinking off, or choose another model"
    return RefusedAnswerError(f"the language model {server.name} has written nothing{cure}")


def _said(error: object) -> str:
    """What the server says, if it says anything."""
    body = getattr(error, "body", None)
    detail = body.get("message") or body.get("detail") or body.get("error") if isinstance(body, dict) else None
    status = getattr(error, "status_code", "")
    return f" ({status}: {_brief(detail)})" if isinstance(detail, str) and detail.strip() else f" ({status})"


def _brief(text: str) -> str:
    return " ".join(text.split())[:LONGEST_COMPLAINT].rstrip(".: ")
