"""What the language model is asked for one edit: instruction, caption, examples, and the prompt made of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from ..language.prompts import Prompt
from .formats import Example, build_prompt
from .instructions import check_instruction
from .pool import sample_examples


class RewritingSettings(Protocol):
    """The settings that captions depend on (options.py): any record that has them."""

    @property
    def captions(self) -> int: ...
    @property
    def shots(self) -> int: ...
    @property
    def wording(self) -> str: ...
    @property
    def lock_first_caption(self) -> bool: ...
    @property
    def attempts(self) -> int: ...
    @property
    def temperature(self) -> float: ...
    @property
    def constrain(self) -> bool | None: ...
    @property
    def as_typed(self) -> bool: ...


@dataclass(frozen=True)
class Request:
    """One question to the language model.

    Attributes:
        instruction: what should change, on one line.
        caption: of the picture, on one line; None where there is none.
        locked: the caption, where the answer is to begin with it (paper 5.4).
        captions: how many are asked for on each side.
        prompt: what the model is given.
    """

    instruction: str
    caption: str | None
    locked: str | None
    captions: int
    prompt: Prompt


def build_request(
    instruction: str,
    caption: str | None,
    options: RewritingSettings,
    *,
    seed: int,
    examples: Sequence[Example],
    format: str,
) -> Request:
    """The request with the examples that belong to it and to this seed (paper 5.3). Needs no model.

    Raises:
        InputError: the instruction is blank or too long.
        OptionError: more shots than there are examples.
    """
    instruction = check_instruction(instruction)
    caption = " ".join((caption or "").split()) or None
    locked = caption if options.lock_first_caption else None
    shown = sample_examples(
        examples, options.shots, options.captions, seed=seed, instruction=instruction, caption=caption
    )
    prompt = build_prompt(
        instruction,
        count=options.captions,
        wording=options.wording,
        examples=shown,
        first_caption=locked,
        format=format,
    )
    return Request(instruction, caption, locked, options.captions, prompt)
