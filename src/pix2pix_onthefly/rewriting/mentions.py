"""What a caption shows and what an instruction points at: rough noun phrases, enough to ask which object is meant.

The paper names a dialogue that asks back as future work (section 7); this is its one question.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from .english import REMOVING, STOP_WORDS, listed, words_of
from .lexicon import Lexicon

_ARTICLES = frozenset("a an the two three four some several".split())
PLACING = frozenset("in on under at behind over above against inside near into through across by".split())
_ENDS = frozenset("and with next beside who which that is are has have while as to or".split()) | PLACING
_POINTS_AT_ONE = re.compile(r"\b(?:it|this|that)\b(?! (?:is|was|were|would|should|must|there)\b)")
_PUTS_SOMEWHERE = re.compile(
    r"\b(?:put|move|place|take|bring|show|set|have|let|send|draw)s? (?:it|this|that)(?: be)? (?:in|on|under|at|to)\b"
)
_DEFINITE = re.compile(r"\b(?:the|that|this|my)((?: [^\W\d_]+){1,3})")


@dataclass(frozen=True)
class Thing:
    """An object of a caption: its words before the noun, and the noun."""

    adjectives: tuple[str, ...]
    noun: str

    def __str__(self) -> str:
        return " ".join((*self.adjectives, self.noun))


@dataclass(frozen=True)
class Shown:
    """What a caption tells: its objects in order, and the words of where they are."""

    things: tuple[Thing, ...]
    place: tuple[str, ...]


@dataclass(frozen=True)
class Question:
    """What has to be known before an edit is made.

    Attributes:
        text: one short question.
        candidates: its answers.
        mention: the words of the instruction that the answer replaces.
        likeliest: the answer that is taken where nobody asks; empty where no candidate fits.
    """

    text: str
    candidates: tuple[str, ...]
    mention: str
    likeliest: str

    def answered(self, instruction: str, answer: str) -> str:
        """The instruction with the answer in place of the words that left it open."""
        return re.sub(rf"\b{re.escape(self.mention)}\b", answer, instruction, count=1)


def shown_in(caption: str) -> Shown:
    """Reads a caption: phrases that begin with an article are objects, those behind a preposition tell the place."""
    things: list[Thing] = []
    place: list[str] = []
    phrase: list[str] = []
    behind = open_phrase = False

    def close() -> None:
        nonlocal open_phrase
        if phrase and open_phrase:
            if behind:
                place.extend(phrase)
            else:
                things.append(Thing(tuple(phrase[:-1]), phrase[-1]))
        phrase.clear()
        open_phrase = False

    for word in _after_the_frame(words_of(caption)):
        if word in _ENDS or (phrase and _is_verbal(word)):
            close()
            behind = word in PLACING
        elif word in _ARTICLES:
            close()
            open_phrase = True
        elif open_phrase:
            phrase.append(word)
        elif behind:
            open_phrase = True
            phrase.append(word)
    close()
    return Shown(tuple(things), tuple(place))


def _is_verbal(word: str) -> bool:
    """Whether a word behind a noun tells what it does: `sitting`, `parked`, but not `red`."""
    return word.endswith("ing") or (word.endswith("ed") and len(word) > 5)


def _after_the_frame(words: list[str]) -> list[str]:
    """Without `a nice picture of` and the like."""
    if words[:1] and words[0] in _ARTICLES and "of" in words[:4]:
        start = words.index("of")
        if words[start - 1] in ("picture", "photo", "image", "view", "drawing", "painting", "photograph"):
            return words[start + 1 :]
    return words


def question_about(instruction: str, caption: str, lexicon: Lexicon | None) -> Question | None:
    """The question that an instruction leaves open: it fits two objects of the caption, or none.

    That none fits is only said where the captions tell all there is (a family with a lexicon).
    """
    things = shown_in(caption).things
    is_of_all = "background" in instruction or _PUTS_SOMEWHERE.search(instruction)
    if len(things) > 1 and not is_of_all:
        named = {thing.noun for thing in things} & set(words_of(instruction))
        for pointer in _POINTS_AT_ONE.finditer(instruction):
            behind = "" if pointer[0] == "it" else _next_words(instruction[pointer.end() :])
            texts = behind, instruction[: pointer.start()]
            if not any(_names_one(text, things, lexicon) for text in texts) and not named:
                return _which(things, pointer[0], _likeliest(instruction, things))
    for found in _DEFINITE.finditer(instruction):
        question = _about_noun(found[0], found[1].split(), instruction, things, lexicon)
        if question:
            return question
    return None


def _about_noun(
    mention: str, words: list[str], instruction: str, things: Sequence[Thing], lexicon: Lexicon | None
) -> Question | None:
    """The question about one mention with a definite article, if there is one."""
    for place, word in enumerate(words):
        meant = lexicon.meant_by(word) if lexicon else (word,)
        fitting = [thing for thing in things if thing.noun in meant]
        told = set(words[:place])
        fitting = [thing for thing in fitting if told <= set(thing.adjectives)] or fitting
        if len(fitting) > 1:
            words_there = " ".join([mention.split()[0], *words[: place + 1]])
            return _which(fitting, words_there, _likeliest(instruction, fitting))
    return None


def _next_words(text: str) -> str:
    """The words that could be what `that` belongs to: `that red cap`, but not `that a red cap`."""
    return re.split(r"\b(?:an?|the|to|into|in|on|with|for)\b", text)[0]


def _names_one(text: str, things: Sequence[Thing], lexicon: Lexicon | None) -> bool:
    """Whether a text names an object, old or new, that a later "it" can stand for."""
    words = words_of(text)
    nouns = {thing.noun for thing in things} | (lexicon.things if lexicon else frozenset())
    return any(meaning in nouns for word in words for meaning in (lexicon.meant_by(word) if lexicon else (word,)))


def _which(things: Sequence[Thing], mention: str, likeliest: Thing) -> Question:
    candidates = tuple(f"the {thing}" for thing in things)
    text = f"Which one do you mean: {listed(candidates, 'or')}?"
    return Question(text, candidates, mention, f"the {likeliest}")


def _likeliest(instruction: str, things: Sequence[Thing]) -> Thing:
    """The first object that the instruction would change: one that is not already called as it says."""
    words = set(words_of(instruction))
    return next((thing for thing in things if not words & {*thing.adjectives, thing.noun}), things[0])


def removed_nouns(instruction: str) -> list[str]:
    """The words behind a verb of removing, up to three a mention: `remove the red cap` -> `red`, `cap`."""
    found = re.findall(rf"\b(?:{REMOVING})\b(?: (?:the|that|this|my|a|an|any))?((?: [^\W\d_]+){{1,2}})", instruction)
    found += re.findall(r"\btake(?: (?:the|that|this|my|a|an))((?: [^\W\d_]+){1,2}) (?:away|out|off)\b", instruction)
    return [word for words in found for word in words.split()]


def removed_heads(instruction: str) -> list[str]:
    """Of each mention behind a verb of removing its last word that names something: `the red cap` -> `cap`."""
    return [word for word in removed_nouns(instruction)[-1:] if word not in STOP_WORDS]
