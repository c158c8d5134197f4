"""What the rewriter asks of a language model: the seam behind which transformers, or an endpoint, stands."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import torch

from .prompts import Prompt

INSTALL_CONSTRAINT = "pip install 'pix2pix-onthefly[constrain]'"
"""What `LanguageModel.can_constrain` needs where the model runs on this machine."""


@dataclass(frozen=True, kw_only=True)
class Sampling:
    """How one answer is drawn.

    Attributes:
        room: the most tokens that the answer may have.
        temperature: 0 takes the likeliest token each time.
        seed: of the draw.
        stops: texts behind which the answer ends, itself included.
        grammar: a grammar in Lark's notation that the answer can't leave; None leaves it free.
        schema: the same as a JSON schema, for models that know those and no grammars: their answer is JSON then.
    """

    room: int
    temperature: float = 0.0
    seed: int = 0
    stops: tuple[str, ...] = ()
    grammar: str | None = None
    schema: Mapping[str, Any] | None = None


class LanguageModel(Protocol):
    """A model that goes on with a text or a conversation."""

    @property
    def has_chat_template(self) -> bool:
        """Whether it wants a conversation instead of a text."""
        ...

    @property
    def begins_answers(self) -> bool:
        """Whether it goes on with an answer that is begun for it; else it can only be asked to begin so."""
        ...

    @property
    def can_constrain(self) -> bool:
        """Whether it can hold an answer to a grammar or to a schema, as far as is known yet."""
        ...

    @property
    def longest(self) -> int | None:
        """How many tokens prompt and answer may have together; None where no bound is known."""
        ...

    def count_tokens(self, prompt: Prompt) -> int:
        """How many tokens the prompt takes."""
        ...

    def complete(self, prompt: Prompt, sampling: Sampling) -> str:
        """What the model writes behind the prompt. The same arguments give the same text.

        Raises:
            LanguageModelError, RefusedAnswerError: it is behind an endpoint, and no answer was to be had.
        """
        ...

    def to(self, device: torch.device) -> None:
        """Moves the weights, where they are on this machine."""
        ...
