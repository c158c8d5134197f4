"""The words that a family with a closed vocabulary knows, and other words for them (`lexicons/`).

A family whose diffusion model was trained on few words draws nothing sensible for any other; its captions tell all that
there is in a picture. A family without a lexicon (every one for photographs) is taken to know any word.
"""

from __future__ import annotations

import functools
import json
from dataclasses import dataclass
from importlib import resources
from typing import Any

from ..errors import InputError, OptionError

LEXICONS = ("world",)


@dataclass(frozen=True)
class Lexicon:
    """A closed vocabulary.

    Attributes:
        words: all words that captions can hold.
        things: those of them that name an object.
        colours: those that objects can have, in the order in which one is taken where none is named.
        coloured: those of `things` that come in these colours; all others have one look.
        synonyms: other words, to those of `words` that they stand for; the first is the likeliest.
        implied: words of another kind (`winter`), to those of `words` that they ask for (`snow`).
        together: words, to those that stand beside them in captions without being asked for (`field`: `grassy`).
    """

    words: frozenset[str]
    things: frozenset[str]
    colours: tuple[str, ...]
    coloured: frozenset[str]
    synonyms: dict[str, tuple[str, ...]]
    implied: dict[str, tuple[str, ...]]
    together: dict[str, tuple[str, ...]]

    def meant_by(self, word: str) -> tuple[str, ...]:
        """The words of captions that a word may stand for; empty for one that is not known."""
        if word in self.words:
            return (word,)
        return self.synonyms.get(word) or self.implied.get(word) or ()


@functools.cache
def load_lexicon(name: str) -> Lexicon:
    """A lexicon by its name.

    Raises:
        OptionError: there is none of that name.
        InputError: the file is not what it should be.
    """
    if name not in LEXICONS:
        raise OptionError(f"there is no lexicon {name!r}; the lexicons are {', '.join(LEXICONS)}")
    file = resources.files("pix2pix_onthefly.rewriting") / "lexicons" / f"{name}.json"
    try:
        content: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
        return Lexicon(
            words=frozenset(content["words"]),
            things=frozenset(content["things"]),
            colours=tuple(content["colours"]),
            coloured=frozenset(content["coloured"]),
            synonyms=_table(content["synonyms"]),
            implied=_table(content["implied"]),
            together=_table(content["together"]),
        )
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise InputError(f"the lexicon {name!r} cannot be read ({error}); install the package anew") from error


def _table(rows: dict[str, list[str]]) -> dict[str, tuple[str, ...]]:
    return {word: tuple(known) for word, known in rows.items()}
