"""A few hundred sentences about anything, which differ only in the phrase they are about."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ..world.captions import STYLES
from ..world.vocabulary import BACKGROUNDS, KINDS, with_article
from .phrases import is_place


@dataclass(frozen=True)
class SentencePool:
    """What the sentences are made of.

    Attributes:
        wordings: with `{objects}` and `{place}`.
        subjects: what can be at a place.
        places: where a thing can be.
    """

    wordings: tuple[str, ...]
    subjects: tuple[str, ...]
    places: tuple[str, ...]

    def sentences(self, pair: tuple[str, str]) -> tuple[list[str], list[str]]:
        """Sentences about the first phrase and the same ones about the second: all things at a place, or a thing at all
        places, in all wordings."""
        if all(is_place(phrase) for phrase in pair):
            old, new = ([(subject, phrase) for subject in self.subjects] for phrase in pair)
        else:
            old, new = ([(phrase, place) for place in self.places] for phrase in pair)
        return self._filled(old), self._filled(new)

    def _filled(self, parts: Sequence[tuple[str, str]]) -> list[str]:
        return [wording.format(objects=thing, place=place) for wording in self.wordings for thing, place in parts]


_PLAIN_KINDS = tuple(with_article(kind.word) for kind in KINDS.values() if not kind.comes_in_colours)

POOLS: dict[str, SentencePool] = {
    "world": SentencePool(STYLES, _PLAIN_KINDS[::2], tuple(background.phrase for background in BACKGROUNDS.values())),
    "photographs": SentencePool(
        STYLES,
        tuple(
            with_article(word)
            for word in "man woman child dog cat horse bird car bicycle boat chair bag bottle book cup clock".split()
        ),
        (
            "in a room",
            "in a kitchen",
            "in a garden",
            "in a park",
            "in a field",
            "in the city",
            "in the mountains",
            "in front of a house",
            "on a street",
            "on a table",
            "on the grass",
            "on a beach",
            "near a window",
            "near the water",
            "at night",
            "at a station",
        ),
    ),
}
"""By the name of a family's few-shot pool."""
