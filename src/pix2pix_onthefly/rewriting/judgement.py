"""What is said of a pair of captions, by the strict check and by the loose one, and what both look at."""

from __future__ import annotations

from dataclasses import dataclass

from .english import words_of
from .mentions import Shown, Thing

NOTHING_CHANGED = "nothing was changed"
NOT_UNDERSTOOD = f"I did not understand this; {NOTHING_CHANGED}."


@dataclass(frozen=True)
class Judgement:
    """What is to be said of a pair of captions.

    Attributes:
        problem: a sentence about why they do not do what was asked; empty where they do.
        is_final: whether asking the model again would not help.
        note: a sentence about what should be known although they do.
    """

    problem: str = ""
    is_final: bool = False
    note: str = ""


def same(one: str, other: str) -> bool:
    """Whether two captions say the same in the same words."""
    return words_of(one) == words_of(other)


def gone(old: Shown, new: Shown) -> list[Thing]:
    """Objects of one caption that the other does not show."""
    return [thing for thing in old.things if thing not in new.things]
