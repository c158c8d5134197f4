"""Tidies what people type before a language model is asked: shouting, politeness, marks, slips of the pen.

An instruction that is tidy already, as every one of MagicBrush and MiniBrush is at heart, keeps its wording. Spelling
and synonyms are only for families with a closed vocabulary: elsewhere every word may be meant.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass

from rapidfuzz.distance import OSA

from .english import CHANGING_VERBS, STOP_WORDS, is_stop_word, with_article, words_of
from .lexicon import Lexicon

_OPENINGS = re.compile(
    r"^(?:(?:hey|hi|hello|ok|okay|well|so|now|please|pls|plz|kindly|maybe)\b[ ,.!]*|"
    r"(?:could|can|would|will) (?:you|u)(?: please| pls| kindly)?(?: be so kind (?:as to|and))? |would you mind |"
    r"(?:i|we)(?: want| need|'d like| would like|'d love) (?:you )?to |go ahead and )+",
    re.IGNORECASE,
)
_ENDINGS = re.compile(
    r"(?:[ ,.!?]*\b(?:please|pls|plz|thanks|thank you|thx|cheers|asap|if you can|if possible|for me)|[ .!?,;~…]|"
    r"[:;]-?[)(DP]|<3)+$",
    re.IGNORECASE,
)
_SHORT = 6
"""In words with fewer letters only swapped and doubled letters count as slips: `bean` is not `bear`."""


@dataclass(frozen=True)
class Tidied:
    """An instruction as it is sent to the model.

    Attributes:
        text: the instruction.
        note: a sentence about words that were read as other ones; empty where none were.
    """

    text: str
    note: str = ""


def tidy(instruction: str) -> str:
    """Without shouting, smileys, repeated marks and politeness; what would be left empty stays as it is."""
    text = unicodedata.normalize("NFKC", instruction)
    letters = [letter for letter in text if letter.isalpha()]
    if sum(letter.isupper() for letter in letters) > 0.6 * len(letters) and len(letters) > 3:
        text = text.lower()
    bare = _ENDINGS.sub("", _OPENINGS.sub("", text.strip(), count=1))
    return " ".join((bare or text).split())


def with_known_words(instruction: str, lexicon: Lexicon, caption: str = "") -> Tidied:
    """The instruction in lower case and in the words of a closed vocabulary, where slips and synonyms can be told.

    Args:
        instruction: a tidy one.
        lexicon: the vocabulary.
        caption: of the picture; where a word has several meanings, those that it shows come first.
    """
    shown, read = set(words_of(caption)), dict[str, str]()

    def known(found: re.Match[str]) -> str:
        word = found[0]
        lower = word.casefold()
        if lower in ("i", "i'd", "i'm", "i'll"):
            return word.capitalize()
        if lower.isascii() and len(lower) > 1 and _is_unknown(lower, lexicon):
            is_noun = re.search(r"\b(?:a|an|the|my|that|this) $", instruction[: found.start()], re.IGNORECASE)
            slip = _slip_of(lower, lexicon, can_be_verb=is_noun is None)
            if slip:
                read[lower] = slip
                lower = slip
        meanings = lexicon.synonyms.get(lower, ())
        seen = [meaning for meaning in meanings if meaning in shown]
        if len(seen) > 1:  # which of them is a question of its own
            return lower
        return (seen or list(meanings) or [lower])[0]

    text = re.sub(r"[^\W\d_]+(?:['’-][^\W\d_]+)*", known, instruction)
    text = re.sub(r"\b(an?)(?= (\w))", lambda found: "an" if found[2] in "aeiou" else "a", text)
    pairs = [f"{word!r} as {meant!r}" for word, meant in read.items() if meant not in STOP_WORDS]
    return Tidied(text, f"I read {', '.join(pairs)}." if pairs else "")


def with_colours(instruction: str, lexicon: Lexicon, caption: str = "") -> Tidied:
    """New objects that come in colours get one where none is named: `add a cap` -> `add a red cap`."""
    shown, chosen = set(words_of(caption)), list[str]()
    if not caption or {*words_of(instruction)} & {*lexicon.colours}:
        return Tidied(instruction)
    colour = next((colour for colour in lexicon.colours if colour not in shown), lexicon.colours[0])

    def painted(found: re.Match[str]) -> str:
        if found[1] in shown:
            return found[0]
        chosen.append(found[1])
        return f"{with_article(colour)} {found[1]}"

    things = "|".join(map(re.escape, sorted(lexicon.coloured)))
    text = re.sub(rf"\ban? ({things})\b", painted, instruction)
    return Tidied(text, f"You named no colour, so I took {with_article(colour)} {chosen[0]}." if chosen else "")


def _is_unknown(word: str, lexicon: Lexicon) -> bool:
    plain = word.removesuffix("'s")
    return not is_stop_word(plain) and not lexicon.meant_by(plain) and not lexicon.meant_by(plain.removesuffix("s"))


def _slip_of(word: str, lexicon: Lexicon, *, can_be_verb: bool) -> str:
    """The known word that a misspelled one was to be; empty where none is near enough."""
    targets = sorted({*lexicon.words, *lexicon.synonyms, *lexicon.implied, *STOP_WORDS})
    near = [target for target in targets if _is_slip(word, target)]
    if can_be_verb and not near:  # a verb read wrongly names no wrong object
        near = [verb for verb in sorted(CHANGING_VERBS) if _is_slip_of_a_verb(word, verb)]
    return min(near, key=lambda target: (OSA.distance(word, target), target)) if near else ""


def _is_slip(word: str, target: str) -> bool:
    distance = OSA.distance(word, target, score_cutoff=2)
    if len(target) < 3 or distance > 2:
        return False
    if distance == 1 and (sorted(word) == sorted(target) or _undoubled(word) == _undoubled(target)):
        return True
    long_enough = min(len(word), len(target)) >= (_SHORT if distance == 1 else _SHORT + 2)
    return long_enough and word[0] == target[0]


def _is_slip_of_a_verb(word: str, verb: str) -> bool:
    return len(word) > 3 and word[0] == verb[0] and OSA.distance(word, verb, score_cutoff=1) == 1


def _undoubled(word: str) -> str:
    return re.sub(r"(.)\1", r"\1", word)
