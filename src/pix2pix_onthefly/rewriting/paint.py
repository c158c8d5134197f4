"""Which object of an instruction each colour belongs to: `make the cap blue and the red tulip green`."""

from __future__ import annotations

from .english import words_of
from .lexicon import Lexicon

BACKGROUND = "background"
_LINKS = frozenset("and the both a an its".split())


def painted_things(instruction: str, lexicon: Lexicon) -> dict[str, set[str]]:
    """For each colour that is named, the nouns it may belong to; no entry where that can't be told.

    A colour belongs to the noun right behind it, else to the last one before it and those that an "and" joins to that.
    """
    words = words_of(instruction)
    found: dict[str, set[str]] = {}
    loose: set[str] = set()
    for place, colour in enumerate(words):
        if colour not in lexicon.colours:
            continue
        behind = _noun(words[place + 1], lexicon) if place + 1 < len(words) else ""
        nouns = {behind} if behind else _nouns_before(words[:place], lexicon)
        found.setdefault(colour, set()).update(nouns)
        if not nouns:
            loose.add(colour)
    return {colour: nouns for colour, nouns in found.items() if colour not in loose}


def _nouns_before(words: list[str], lexicon: Lexicon) -> set[str]:
    """The last noun, and those that stand before it with nothing but an "and" between."""
    nouns: set[str] = set()
    joined = False
    for word in reversed(words):
        noun = _noun(word, lexicon)
        if noun and (joined or not nouns):
            nouns.add(noun)
            joined = False
        elif word == "it" or (nouns and word not in _LINKS and (joined or word not in lexicon.colours)):
            break
        joined |= bool(nouns) and word == "and"
    return nouns


def _noun(word: str, lexicon: Lexicon) -> str:
    if word == BACKGROUND:
        return word
    return next((meaning for meaning in lexicon.meant_by(word) if meaning in lexicon.things), "")
