"""A language model that gives the replies of its script, for tests of what stands before and behind it."""

from __future__ import annotations

import torch

from pix2pix_onthefly.language.language_model import Sampling
from pix2pix_onthefly.language.prompts import Prompt, as_text


class Scripted:
    """Gives the replies in turn, the last one for ever, and notes how it was asked. A character is a token."""

    def __init__(
        self,
        *replies: str,
        longest: int | None = None,
        has_chat_template: bool = False,
        begins_answers: bool = True,
        can_constrain: bool = False,
    ) -> None:
        self.replies = replies
        self.longest = longest
        self.has_chat_template = has_chat_template
        self.begins_answers = begins_answers
        self.can_constrain = can_constrain
        self.calls: list[tuple[Prompt, Sampling]] = []
        self.device: torch.device | None = None

    def count_tokens(self, prompt: Prompt) -> int:
        return len(as_text(prompt))

    def complete(self, prompt: Prompt, sampling: Sampling) -> str:
        self.calls.append((prompt, sampling))
        return self.replies[min(len(self.calls), len(self.replies)) - 1]

    def to(self, device: torch.device) -> None:
        self.device = device

    @property
    def samplings(self) -> list[Sampling]:
        return [sampling for _, sampling in self.calls]
