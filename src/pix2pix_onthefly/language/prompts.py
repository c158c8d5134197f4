"""What a language model can be given: a text that it goes on with, or a conversation."""

from __future__ import annotations

from dataclasses import dataclass

USER = "user"
ASSISTANT = "assistant"


@dataclass(frozen=True)
class Message:
    """One turn of a conversation.

    Attributes:
        role: `USER` or `ASSISTANT`.
        text: what is said. The assistant's text at the end of a conversation is the beginning of the answer.
    """

    role: str
    text: str


Prompt = str | tuple[Message, ...]
"""A text for a model without a chat template, or a conversation for one with a template."""


def as_text(prompt: Prompt) -> str:
    """The prompt as one text, for recipes, for people and for keys of caches; of a conversation, who says what."""
    if isinstance(prompt, str):
        return prompt
    return "\n\n".join(f"[{message.role}]\n{message.text}" for message in prompt)
