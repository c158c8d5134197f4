"""From what was typed to what is asked, and from the model's captions to what is done: never silently the wrong thing.

`read_wish` comes before the language model: it tidies the instruction, settles which object is meant, and turns away
what is no instruction. `judged` comes behind it: it keeps the pairs of captions that do what was asked. Where none
does, the outcome is `not understood`, and a caller decides with `check_understood`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from ..errors import NotUnderstoodError
from ..records import EditCaptions
from .english import CHANGING_VERBS, NO_CHANGE, SMUGGLED, words_of
from .judgement import NOT_UNDERSTOOD, NOTHING_CHANGED
from .judging import judge, kind_of
from .lexicon import Lexicon
from .mentions import Question, question_about
from .normalising import Tidied, tidy, with_colours, with_known_words

UNDERSTOOD_NOTHING = "not understood"
"""The outcome of captions that no edit should be made with."""


@dataclass(frozen=True)
class Wish:
    """What is asked of the language model.

    Attributes:
        text: the instruction, tidied, with the assumption in place of what it left open.
        refusal: a sentence, where the model need not be asked at all; empty otherwise.
        question: what the instruction leaves open.
        note: sentences about how it was read.
    """

    text: str
    refusal: str = ""
    question: Question | None = None
    note: str = ""


@dataclass(frozen=True)
class Judged:
    """What is left of a reply.

    Attributes:
        before, after: the pairs that do what was asked.
        problem: why there are none, or why some are not used; empty where all are.
        is_final: whether asking again would not help.
        note: what should be known although they do.
    """

    before: tuple[str, ...]
    after: tuple[str, ...]
    problem: str = ""
    is_final: bool = False
    note: str = ""


def read_wish(
    instruction: str,
    caption: str | None,
    lexicon: Lexicon | None,
    answer: str | None = None,
    *,
    as_typed: bool = False,
) -> Wish:
    """Reads an instruction.

    Args:
        instruction: as typed, on one line.
        caption: of the picture, if known.
        lexicon: the closed vocabulary of the family, if it has one.
        answer: to the question that the instruction leaves open, one of its candidates or other words.
        as_typed: whether the model gets the instruction as it is, as in the paper; then nothing is refused or assumed.
    """
    if as_typed:
        return Wish(instruction)
    if SMUGGLED.search(instruction):
        why = "This reads like captions, not like a change; give captions with --before and --after"
        return Wish(instruction, f"{why}. {NOTHING_CHANGED.capitalize()}.")
    tidied = Tidied(tidy(instruction))
    if lexicon:
        if not any(word.isascii() for word in words_of(instruction)):
            return Wish(tidied.text, f"I read English only; {NOTHING_CHANGED}.")
        known = with_known_words(tidied.text, lexicon, caption or "")
        painted = with_colours(known.text, lexicon, caption or "")
        tidied = Tidied(painted.text, " ".join(filter(None, (known.note, painted.note))))
    asks = NO_CHANGE.search(tidied.text.casefold()) is not None
    if asks and not (CHANGING_VERBS | {"should", "must"}) & set(words_of(tidied.text)):
        return Wish(
            tidied.text, f"This asks about the picture and names no change; {NOTHING_CHANGED}.", note=tidied.note
        )
    question = question_about(tidied.text, caption or "", lexicon)
    if question is None:
        return Wish(tidied.text, note=tidied.note)
    chosen = answer or question.likeliest
    assumed = "" if answer else f"I took {question.mention!r} to be {chosen}; it could also be {_others(question)}."
    note = " ".join(filter(None, (tidied.note, assumed)))
    return Wish(question.answered(tidied.text, chosen), question=None if answer else question, note=note)


def _others(question: Question) -> str:
    return " or ".join(text for text in question.candidates if text != question.likeliest)


def judged(wish: Wish, before: Sequence[str], after: Sequence[str], lexicon: Lexicon | None) -> Judged:
    """Keeps those pairs of captions that do what was asked."""
    kept: list[tuple[str, str]] = []
    problems: list[str] = []
    notes: list[str] = []
    is_final = False
    for old, new in zip(before, after, strict=False):
        found = judge(wish.text, old, new, lexicon)
        is_final |= found.is_final
        if found.problem:
            problems.append(found.problem)
        else:
            kept.append((old, new))
            notes.append(found.note)
    olds, news = tuple(old for old, _ in kept), tuple(new for _, new in kept)
    return Judged(olds, news, problems[0] if problems else "", is_final, next(filter(None, notes), ""))


def with_kind(captions: EditCaptions, instruction: str, lexicon: Lexicon | None) -> EditCaptions:
    """Captions that know what kind of edit they make, as those of a language model do; given ones are read for it."""
    if captions.kind or not (captions.before and captions.after):
        return captions
    return replace(captions, kind=kind_of(instruction, captions.before[0], captions.after[0], lexicon))


def with_wish(captions: EditCaptions, wish: Wish, lexicon: Lexicon | None) -> EditCaptions:
    """Captions with all that reading the instruction told."""
    note = " ".join(filter(None, (wish.note, captions.note)))
    kind = kind_of(wish.text, captions.before[0], captions.after[0], lexicon)
    if captions.outcome == UNDERSTOOD_NOTHING:
        kind = "other"
    question = wish.question
    asked = {"question": question.text, "candidates": question.candidates} if question else {}
    return replace(captions, kind=kind, note=note, **asked)


def forced(captions: EditCaptions) -> EditCaptions:
    """Captions that an edit can be made with although nothing was understood (`--force`)."""
    if captions.outcome != UNDERSTOOD_NOTHING:
        return captions
    after = " / ".join(captions.after)
    note = f"The instruction was not understood and the picture was edited all the same, towards: {after}"
    return replace(captions, outcome="fallback", note=note)


def check_understood(captions: EditCaptions) -> None:
    """To be called before any picture is made.

    Raises:
        NotUnderstoodError: there is nothing that an edit should be made of; the message says why.
    """
    if captions.outcome == UNDERSTOOD_NOTHING:
        raise NotUnderstoodError(captions.note or NOT_UNDERSTOOD, captions)
