"""What changes between two captions: the first phrase that differs, with all of its noun phrase."""

from __future__ import annotations

import re
from difflib import SequenceMatcher

_ARTICLES = frozenset(["a", "an", "the", "some", "his", "her", "its", "their"])
_PLACES = frozenset(
    "in on at under over above below beneath by near behind inside outside along against during".split()
)
_OTHERS = frozenset("of to and or with next beside from for into as is are while that which".split())
_LITTLE_WORDS = _ARTICLES | _PLACES | _OTHERS
_LONG_ENOUGH_FOR_A_PARTICIPLE = 5


def changed_phrases(before: str, after: str) -> tuple[str, str] | None:
    """The old phrase and the new one, neither of them empty; None where the captions say the same.

    `a fox in the snow`, `a cat in the snow` -> `a fox`, `a cat`. An adjective brings its noun along, a place its
    preposition (`on the beach`). Where something is added or removed, the phrase beside it stands on both sides
    (`a fox`, `a fox next to a cat`). Verbs are told from nouns by their endings only.
    """
    one, other = _words(before), _words(after)
    if one == other:
        return None
    start, end, other_end, shared = _first_difference(one, other)
    start -= _to_the_left(one[start:end], other[start:other_end], one[:start])
    more = _to_the_right(one[start:end], other[start:other_end], one[end : end + shared])
    old, new = " ".join(one[start : end + more]), " ".join(other[start : other_end + more])
    return (old, new) if old and new else None


def is_place(phrase: str) -> bool:
    """Whether a phrase tells where, or on what, something is."""
    return phrase.split()[0] in _PLACES


def _words(caption: str) -> list[str]:
    return re.findall(r"[\w'-]+", caption.lower())


def _first_difference(one: list[str], other: list[str]) -> tuple[int, int, int, int]:
    """Where it starts in both, where it ends in either, and how many words behind it are the same again.

    Little words alone make no difference: they are joined with the next one (`in a field`, `on a beach`).
    """
    steps = SequenceMatcher(None, one, other, autojunk=False).get_opcodes()  # equal and not, by turns
    (_, start, end, _, other_end), *rest = steps if steps[0][0] != "equal" else steps[1:]
    while len(rest) > 1 and {*one[start:end], *other[start:other_end]} <= _LITTLE_WORDS:
        (_, _, end, _, other_end), rest = rest[1], rest[2:]
    return start, end, other_end, rest[0][2] - end if rest else 0


def _to_the_left(old: list[str], new: list[str], ahead: list[str]) -> int:
    """How many of the words before a difference belong to its phrase."""
    taken = 0
    whole = old and new and (old[0] in _LITTLE_WORDS or new[0] in _LITTLE_WORDS)
    for belongs in (_is_content, _ARTICLES.__contains__, _PLACES.__contains__)[2 if whole else 0 :]:
        while taken < len(ahead) and belongs(ahead[-1 - taken]):
            taken += 1
    return taken


def _to_the_right(old: list[str], new: list[str], behind: list[str]) -> int:
    """How many of the words behind a difference belong to its phrase."""
    taken = 0
    while not (old and new) and taken < len(behind) and not _is_content(behind[taken]):
        taken += 1
    while taken < len(behind) and _is_content(behind[taken]) and not _is_participle(behind[taken]):
        taken += 1
    return taken


def _is_content(word: str) -> bool:
    return word not in _LITTLE_WORDS


def _is_participle(word: str) -> bool:
    return len(word) >= _LONG_ENOUGH_FOR_A_PARTICIPLE and word.endswith(("ing", "ed"))
