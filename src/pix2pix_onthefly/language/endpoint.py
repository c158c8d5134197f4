"""A language model behind an OpenAI-compatible endpoint: llama.cpp, vLLM, `transformers serve`, a paid service.

It is asked by the official client, one conversation a question. Servers know different parts of the protocol: what one
refuses is left out from then on. Where a server knows `response_format` the answer is held to a JSON schema; where it
does not, or takes no notice, the prompt alone says how to answer.
"""

from __future__ import annotations

import re
from collections.abc import Set
from typing import TYPE_CHECKING, Any

import torch

from .endpoint_failures import Server, refused, told
from .language_model import Sampling
from .prompts import USER, Prompt, as_text

if TYPE_CHECKING:
    from openai import OpenAI

RETRIES = 1
"""Of the client, after a time-out, a lost connection, 429 (when the server says so) and failures of the server."""
DISPENSABLE = ("response_format", "chat_template_kwargs", "seed", "stop", "temperature")
"""What a server need not know, what it most likely does not know first."""
LETTERS_A_TOKEN = 4
_THOUGHTS = re.compile(r"\A\s*<think>.*?</think>\s*", re.DOTALL)


class EndpointModel:
    """A `LanguageModel` behind an endpoint.

    Args:
        url: of the endpoint, up to and with its `/v1`.
        name: by which the server knows the model.
        key: for the server; empty where it wants none.
        seconds: that an answer may take.
    """

    has_chat_template = True
    begins_answers = False
    longest = None

    def __init__(self, url: str, name: str, *, key: str = "", seconds: float) -> None:
        from openai import OpenAI

        self.server = Server(url, name, bool(key), seconds)
        # The client will not be made without a key; servers that want none take any.
        self._client: OpenAI = OpenAI(base_url=url, api_key=key or "none", timeout=seconds, max_retries=RETRIES)
        self._unknown: frozenset[str] = frozenset()

    @property
    def can_constrain(self) -> bool:
        """Whether it can be held to a schema; it is taken to, until the server has refused one."""
        return "response_format" not in self._unknown

    def to(self, device: torch.device) -> None:
        """Nothing of it is on this machine."""

    def count_tokens(self, prompt: Prompt) -> int:
        """About as many as there are: only the server has the tokens."""
        return -(-len(as_text(prompt)) // LETTERS_A_TOKEN)

    def complete(self, prompt: Prompt, sampling: Sampling) -> str:
        """What the model answers. With a temperature of 0, or a seed that the server knows, the same each time.

        Raises:
            LanguageModelError: the server does not answer, or not as it should.
            RefusedAnswerError: the model will not answer, or has written nothing.
        """
        from openai import BadRequestError, InternalServerError, OpenAIError, UnprocessableEntityError

        left_out = self._unknown
        while True:
            sent = _request(prompt, sampling, left_out)
            try:
                answer = self._answer(sent)
            except (BadRequestError, UnprocessableEntityError, InternalServerError) as error:
                odd = _cause(str(error), sent, is_fault=isinstance(error, InternalServerError))
                if odd is None:
                    raise told(self.server, error) from error
                left_out = left_out | {odd}
            except (OpenAIError, ValueError) as error:
                raise told(self.server, error) from error
            else:
                self._unknown = left_out  # only now it is known that this was the reason
                return answer

    def _answer(self, request: dict[str, Any]) -> str:
        """The text of one answer.

        Raises:
            OpenAIError, ValueError: of the client.
            LanguageModelError, RefusedAnswerError: there is none.
        """
        own = {"chat_template_kwargs"} & request.keys()  # no part of the protocol, but of most servers
        extra = {name: request[name] for name in own}
        known = {name: value for name, value in request.items() if name not in own}
        made: Any = self._client.chat.completions.create(model=self.server.name, extra_body=extra, **known)
        choice: Any = (getattr(made, "choices", None) or [None])[0]
        message: Any = getattr(choice, "message", None)
        if message is None:
            raise told(self.server, None)
        text = _THOUGHTS.sub("", message.content or "")
        if getattr(message, "refusal", None) or choice.finish_reason == "content_filter" or not text.strip():
            raise refused(self.server, getattr(message, "refusal", None), choice.finish_reason)
        return text


def _request(prompt: Prompt, sampling: Sampling, left_out: Set[str]) -> dict[str, Any]:
    """The arguments of a question, by their names in the protocol, but for those that the server does not know."""
    turns = [(USER, prompt)] if isinstance(prompt, str) else [(message.role, message.text) for message in prompt]
    request: dict[str, Any] = {
        "messages": [{"role": role, "content": text} for role, text in turns],
        # The first is the older name, which more servers know.
        "max_completion_tokens" if "max_tokens" in left_out else "max_tokens": sampling.room,
        "temperature": sampling.temperature,
        "seed": sampling.seed % 2**31,
        # Captions need no pages of thought before them; templates that know no thinking take no notice.
        "chat_template_kwargs": {"enable_thinking": False},
    }
    if sampling.stops:
        request["stop"] = list(sampling.stops)
    if sampling.schema is not None:
        held = {"name": "captions", "strict": True, "schema": dict(sampling.schema)}
        request["response_format"] = {"type": "json_schema", "json_schema": held}
    return {name: value for name, value in request.items() if name not in left_out}


def _cause(complaint: str, sent: dict[str, Any], *, is_fault: bool) -> str | None:
    """What to leave out of a request that was refused: what the server names, else what it may not have known; None
    where nothing is left to blame.

    Args:
        complaint: what the server said.
        sent: the request.
        is_fault: the server fell over it, which counts only where it names what it fell over.
    """
    named = [name for name in (*DISPENSABLE, "max_tokens") if name in sent and re.search(rf"\b{name}\b", complaint)]
    if named or is_fault:
        return named[0] if named else None
    return next((name for name in DISPENSABLE[:2] if name in sent), None)
