"""Every text that is sent to the language model (paper 5.1 to 5.4). The few-shot examples lie in `data/`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

NUMBER = "[NUMBER]"
BEFORE_HEADER = "Before transformation:"
AFTER_HEADER = "After transformation:"
INSTRUCTION_HEADER = "Instruction:"

WORDINGS: dict[str, str] = {
    "terse": (
        f"Write {NUMBER} of an image before a transformation and {NUMBER} of it after the transformation, "
        "given the instruction for the transformation."
    ),
    "detailed": (
        "An image is going to be edited as an instruction says. "
        f"First write {NUMBER} that could describe the image before the transformation. "
        "They must agree with the instruction but not mention the change. "
        f"Then write {NUMBER} that could describe the image after the transformation. "
        "They must show what the instruction changes and keep everything else as it was. "
        "Write one caption a line."
    ),
}
"""The two wordings of the task; `[NUMBER]` becomes `two (2) captions` and the like."""

_NUMBER_WORDS = (
    "one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen".split()
)


@dataclass(frozen=True)
class Example:
    """One few-shot example: an instruction with captions before and after it, pairwise."""

    instruction: str
    before: tuple[str, ...]
    after: tuple[str, ...]


def number_words(count: int) -> str:
    """`one (1) caption`, `two (2) captions`: the way the paper's code writes a number."""
    return f"{_NUMBER_WORDS[count - 1]} ({count}) caption{'' if count == 1 else 's'}"


def _captions(captions: Sequence[str]) -> str:
    return "".join(f"Caption {index}: {caption}\n" for index, caption in enumerate(captions, 1))


def _answer(before: Sequence[str], after: Sequence[str]) -> str:
    return f"{BEFORE_HEADER}\n{_captions(before)}{AFTER_HEADER}\n{_captions(after)}"


def build_prompt(
    instruction: str,
    *,
    count: int,
    wording: str = "terse",
    examples: Sequence[Example] = (),
    first_caption: str | None = None,
) -> str:
    """The whole prompt, ending where the model is to go on.

    Args:
        instruction: what should change.
        count: how many captions are asked for on each side, 1 to 16.
        wording: a key of `WORDINGS`.
        examples: few-shot examples; of each, the first `count` captions are shown.
        first_caption: the first before-caption, locked to this text (paper 5.4); None leaves it to the model.
    """
    parts = [WORDINGS[wording].replace(NUMBER, number_words(count)) + "\n\n"]
    for example in examples:
        answer = _answer(example.before[:count], example.after[:count])
        parts.append(f"{INSTRUCTION_HEADER} {example.instruction}\n{answer}\n")
    parts.append(f"{INSTRUCTION_HEADER} {instruction}\n{BEFORE_HEADER}\n")
    if first_caption is not None:
        parts.append(_captions([first_caption]))
    return "".join(parts)


def expected_reply(before: Sequence[str], after: Sequence[str], *, locked: bool) -> str:
    """What a perfect model answers to `build_prompt`: the rest of the answer, ended by an empty line."""
    rest = _answer(before, after).removeprefix(f"{BEFORE_HEADER}\n")
    return (rest.removeprefix(_captions(before[:1])) if locked else rest) + "\n"
