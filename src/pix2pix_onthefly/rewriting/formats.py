"""Every text that is sent to the language model (paper 3.2, Fig. 3 to 6, and 5.1), and nothing else.

The paper's prompt shows the model a task and the beginning of its answer. With a locked first caption (5.4, Fig. 6):

    Instruct: Given the transformation 'Make it a dog', generate 2 image captions (...)
    Output: Before transformation

    Caption 1: A photo of an orange cat.

`Instruct:` and `Output:` are Phi-2's own marks. A model with a chat template has marks of its own: it gets the same
task as a user's message, and the same beginning as the beginning of its answer, or the request to begin so. Few-shot
examples (5.3) are whole exchanges of task and answer before the request, in the form of Fig. 5.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ..language.prompts import ASSISTANT, USER, Message, Prompt

TRANSFORMATION = "[TRANSFORMATION]"
NUMBER = "[NUMBER]"

WORDINGS: dict[str, str] = {
    "terse": (
        f"Given the transformation '{TRANSFORMATION}', generate {NUMBER} image captions for before and after the "
        "transformation."
    ),
    "detailed": (
        f"Employing the specified method '{TRANSFORMATION}', craft {NUMBER} pairs of descriptive captions delineating "
        "the images both prior to and following the application of the transformation process, elucidating the "
        "changes brought about."
    ),
}
"""The two wordings of the task (paper 5.1). Section 5.1 prints the terse one without its comma, Fig. 3 to 6 with it."""

BEFORE_HEADER = "Before transformation"
AFTER_HEADER = "After transformation"


@dataclass(frozen=True)
class Example:
    """An instruction with captions before and after it, pairwise.

    Attributes:
        instruction: what should change.
        before, after: one caption or more each, and as many on both sides.
    """

    instruction: str
    before: tuple[str, ...]
    after: tuple[str, ...]


@dataclass(frozen=True)
class PromptFormat:
    """How tasks and answers are laid out for a kind of language model: a row of `FORMATS`.

    Attributes:
        task_mark, answer_mark: what stands before a task and before its answer; empty where a chat template says it.
        is_conversation: whether the prompt is a conversation, which the model's chat template lays out.
        stops: texts at which the model has begun a task of its own invention.
        begin_with: how the task asks for the beginning of the answer, where it can't be given as such.
        of_picture: what the task says of the picture that the model sees; empty where it sees none.
    """

    task_mark: str
    answer_mark: str
    is_conversation: bool
    stops: tuple[str, ...]
    begin_with: str = ""
    of_picture: str = ""


FORMATS: dict[str, PromptFormat] = {
    "paper": PromptFormat("Instruct: ", "Output: ", is_conversation=False, stops=("Instruct:",)),
    "chat": PromptFormat("", "", is_conversation=True, stops=()),
    "dialogue": PromptFormat("", "", is_conversation=True, stops=(), begin_with="Begin your answer with:"),
    "picture": PromptFormat(
        "",
        "",
        is_conversation=True,
        stops=(),
        of_picture=(
            "The first caption before the transformation describes this picture as it is now, in one short sentence."
        ),
    ),
}
"""`paper` for models without a chat template (Phi-2), `chat` for those with one, `dialogue` for those behind an
endpoint, which begin every answer themselves, `picture` for those that see the picture."""


def task(instruction: str, count: int, wording: str) -> str:
    """The task in one of `WORDINGS`; the number of captions is a figure (Fig. 4 and 5)."""
    return WORDINGS[wording].replace(NUMBER, str(count)).replace(TRANSFORMATION, instruction)


def caption_mark(place: int) -> str:
    """What stands before a caption."""
    return f"Caption {place}:"


def answer(before: Sequence[str], after: Sequence[str]) -> str:
    """A whole answer in the form of Fig. 5, ended by a line end."""
    return f"{BEFORE_HEADER}\n\n{_lines(before)}\n{AFTER_HEADER}\n\n{_lines(after)}"


def beginning(first_caption: str | None) -> str:
    """The beginning of the answer, which the model is given: it goes on with the first caption, or below it (5.4)."""
    if first_caption is None:
        return f"{BEFORE_HEADER}\n\n{caption_mark(1)}"
    return f"{BEFORE_HEADER}\n\n{_lines([first_caption])}"


def _lines(captions: Sequence[str]) -> str:
    return "".join(f"{caption_mark(place)} {caption}\n" for place, caption in enumerate(captions, 1))


def build_prompt(
    instruction: str,
    *,
    count: int,
    wording: str = "terse",
    examples: Sequence[Example] = (),
    first_caption: str | None = None,
    format: str = "paper",
) -> Prompt:
    """The whole prompt, ending where the model is to go on.

    Args:
        instruction: what should change, as typed.
        count: how many captions are asked for on each side.
        wording: a key of `WORDINGS`.
        examples: few-shot examples, shown with all captions they hold; `pool.sample_examples` cuts them to size.
        first_caption: the first before-caption, locked to this text (paper 5.4); None leaves it to the model.
        format: a key of `FORMATS`.

    Returns:
        A text in the format `paper`, a conversation in the others.
    """
    exchanges = [
        (task(example.instruction, len(example.before), wording), answer(example.before, example.after))
        for example in examples
    ]
    layout = FORMATS[format]
    asked = " ".join(filter(None, [task(instruction, count, wording), layout.of_picture]))
    exchanges.append((asked, beginning(first_caption)))
    if layout.is_conversation:
        return _conversation(exchanges, layout.begin_with)
    marked = (f"{layout.task_mark}{asked}\n{layout.answer_mark}{said}" for asked, said in exchanges)
    return "\n".join(marked)  # an answer ends with its line, so that this makes an empty one


def _conversation(exchanges: Sequence[tuple[str, str]], begin_with: str) -> tuple[Message, ...]:
    messages: list[Message] = []
    for asked, said in exchanges:
        messages += [Message(USER, asked), Message(ASSISTANT, said)]
    if begin_with:
        *before, task, beginning = messages
        return *before, Message(USER, f"{task.text}\n\n{begin_with}\n\n{beginning.text.rstrip()}")
    # A finished turn needs no line end; one that the model goes on with keeps it.
    return (*(Message(message.role, message.text.rstrip("\n")) for message in messages[:-1]), messages[-1])


def expected_reply(before: Sequence[str], after: Sequence[str], *, locked: bool) -> str:
    """What a perfect model writes after `build_prompt`: the rest of the answer, ended by an empty line."""
    return answer(before, after).removeprefix(beginning(before[0] if locked else None)) + "\n"
