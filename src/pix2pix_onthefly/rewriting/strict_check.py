"""Whether a pair of captions in a closed vocabulary does what the instruction says.

Such captions tell all there is in a picture, in few words, so that each word that comes or goes must be asked for.
"""

from __future__ import annotations

import re

from .english import POINTING, REMOVING, STOP_WORDS, is_stop_word, listed, with_article, words_of
from .judgement import NOT_UNDERSTOOD, NOTHING_CHANGED, Judgement, gone, same
from .lexicon import Lexicon
from .mentions import removed_nouns, shown_in
from .paint import BACKGROUND, painted_things

_KEEPS_ONE = re.compile(r"\b(?:only|just|alone|everything but|all but|everything except)\b")
_NOT_MEANT = re.compile(r"\b(?:not|no|without|instead of|rather than|than|never)(?: \w+){1,3}")
_SIDES = (("left", "left-hand", "leftmost"), ("right", "right-hand", "rightmost"))
_GIVES_A_SIDE = re.compile(r"\b(?:add|put|place|insert|draw)\b.*\b(?:left|right)\b|\b(?:left|right) of\b")
_EXCHANGES = re.compile(
    r"\b(?:swap|switch|exchange|change) (?:the two|them|their|(?:the )?\w+ (?:\w+ )?and)\b|\bplaces\b|\bmove\b|"
    r"\b(?:add|put|place|draw|insert|want|be)\b.*\bto the (?:left|right)\b|\b(?:be|stand) on the (?:left|right)\b"
)
_BRINGS_BESIDE = re.compile(
    r"\b(?:add|adding|insert|include|another|next to|beside|as well|join|missing|company|(?:left|right) of)\b"
)
_TAKES = re.compile(
    rf"\b(?:{REMOVING}|take|get|only|just|alone|but|not|don't|gone|go|goes|disappears?|vanish|vanishes|away|clean|clear|"
    r"kill|bothers|much|cut|keep|leave|lost|rid|needed|needs?|throw|rub|wipe|crop|pretend)\b|^-"
)
_BEFORE_IT = re.compile(r"\b(?:before|in front|first|other side)\b")
_NAMING = frozenset("a an the my some any another into with at".split())
_BRINGS = re.compile(
    r"\b(?:add|adding|put|place|insert|include|another|second|more|next|beside|besides|with|plus|also|too|as well|"
    r"bring|give|draw|paint|set|near|by|close|join|show|there|company|missing|needs?|gets?|want|like|love|have|left|right|in|"
    r"before|after|pair|combine|room|here|picture|scene|two)\b|^(?:and|\+)|\+|^the (?:\w+ )+and an?\b"
)
"""Words of which one stands in every instruction that brings in something new."""
_PUTS_BACK = r"\b(?:add|put|place|insert|include|draw|paste|beside|next|instead|give|show|want|but|no)\b"
_GRANTED = r"(?<!to )(?<!for )(?<!with )\b(?:the|that|this|my)"
"""What stands before an object that is taken to be there; `for the dog` may bring it in."""
_DOUBLES = re.compile(r"\b(?:another|second|two|more|both|twice|copy|double|them|everything|all)\b")


class StrictCheck:
    """The check of one pair of captions against a closed vocabulary."""

    def __init__(self, instruction: str, before: str, after: str, lexicon: Lexicon) -> None:
        self.instruction, self.before, self.after, self.lexicon = instruction, before, after, lexicon
        self.said = words_of(instruction)
        self.old_words, self.new_words = set(words_of(before)), set(words_of(after))
        self.old, self.new = shown_in(before), shown_in(after)
        self.unknown = [word for word in self.said if not is_stop_word(word) and not self._meant(word)]

    def judgement(self) -> Judgement:
        """The first thing that is amiss, those that asking again does not mend first."""
        for problem in (self._strange_words(), self._absent(), self._no_change(), self._unpaintable()):
            if problem:
                return Judgement(problem, is_final=True)
        checks = (
            self._unchanged,
            self._left_out,
            self._made_up,
            self._lost,
            self._not_removed,
            self._wrong_number,
            self._looks_otherwise,
            self._wrong_background,
            self._doubled,
            self._wrong_side,
            self._other_places,
        )
        if any(is_wrong() for is_wrong in checks):
            return Judgement(NOT_UNDERSTOOD)
        if self.unknown:
            return Judgement(note=f"I do not know the word {listed(self._quoted())} and passed it over.")
        return Judgement()

    def _meant(self, word: str) -> tuple[str, ...]:
        found = self.lexicon.meant_by(word) or self.lexicon.meant_by(word.removesuffix("s"))
        return tuple(found)

    def _quoted(self) -> list[str]:
        return [repr(word) for word in dict.fromkeys(self.unknown)]

    def _strange_words(self) -> str:
        """Words that the models have never seen, where the edit hangs on them."""
        copied = self.new_words - self.lexicon.words - self.old_words
        names = re.compile(rf"\b(?:{'|'.join(_NAMING)})(?: \w+)? ({'|'.join(map(re.escape, self.unknown))})\b")
        if not self.unknown or 2 * len(self.unknown) > len(self.said):
            return NOT_UNDERSTOOD if self.unknown else ""
        if not copied and not names.search(self.instruction) and not same(self.before, self.after):
            return ""
        what = "word" if len(set(self.unknown)) == 1 else "words"
        wish = f"I understood {self.after!r}, but the" if copied <= set(self.unknown) and copied else "The"
        return f"{wish} models of this family do not know the {what} {listed(self._quoted())}; {NOTHING_CHANGED}."

    def _unchanged(self) -> bool:
        return same(self.before, self.after)

    def _no_change(self) -> str:
        """Why the captions are alike, where that can be told."""
        if not self._unchanged():
            return ""
        removed = [word for word in removed_nouns(self.instruction) if self._is_thing(word) or word in POINTING]
        if removed and len(self.old.things) == 1:
            return f"The {self.old.things[0]} is all that the picture shows and cannot be removed; {NOTHING_CHANGED}."
        named = [word for word in self.said if self._meant(word) and word not in STOP_WORDS]
        is_shown = all(set(self._meant(word)) & self.old_words for word in named)
        if named and is_shown and not removed and not self._adds():
            return f"The picture shows that already ({self.before}); {NOTHING_CHANGED}."
        return ""

    def _unpaintable(self) -> str:
        """An object in a colour that the models have never seen it in."""
        for thing in (thing for thing in self.new.things if thing not in self.old.things):
            asked = [word for word in thing.adjectives if word in self.lexicon.colours and word in self.said]
            if asked and thing.noun not in self.lexicon.coloured:
                wish = f"I understood {self.after!r}, but the models of this family know"
                return f"{wish} {with_article(thing.noun)} in its own colour only; {NOTHING_CHANGED}."
        return ""

    def _is_thing(self, word: str) -> bool:
        return any(meaning in self.lexicon.things for meaning in self._meant(word))

    def _adds(self) -> bool:
        return re.search(r"\b(?:add|adding|insert|include|another)\b", self.instruction) is not None

    def _missing(self) -> list[str]:
        """Known words of the instruction that neither caption holds, but for those it does not want."""
        unwanted = set(words_of(" ".join(found[0] for found in _NOT_MEANT.finditer(self.instruction))))
        unwanted -= set(removed_nouns(self.instruction))
        both = self.old_words | self.new_words
        named = [word for word in self.said if word not in STOP_WORDS and word not in unwanted]
        return [word for word in named if self._meant(word) and not set(self._meant(word)) & both]

    def _absent(self) -> str:
        """An object that the instruction takes for granted and that is not there."""
        gone = [word for word in removed_nouns(self.instruction) if self._is_thing(word)]
        for word in dict.fromkeys(filter(self._is_thing, self.said)):
            named = re.escape(word)
            granted = re.search(
                rf"(?<!to )(?<!for )(?<!with )\b(?:the|that|this|my)(?: \w+)? {named}\b", self.instruction
            )
            brought = re.search(rf"\b(?:an?|another)(?: \w+)? {named}\b", self.instruction)
            if set(self._meant(word)) & self.old_words or brought or not (granted or word in gone):
                continue
            if granted and self._is_adjective_behind(granted[0].split()):
                continue
            return f"There is no {word} in the picture ({self.before}); {NOTHING_CHANGED}."
        return ""

    def _is_adjective_behind(self, words: list[str]) -> bool:
        """Whether `the cat dog` is read where `the cat (should be a) dog` stands: two objects in a row."""
        return len(words) == 3 and self._is_thing(words[1])

    def _left_out(self) -> bool:
        return bool(self._missing())

    def _licensed(self) -> set[str]:
        """Words that the instruction asks for, with those that stand beside them in captions."""
        meanings = {meaning for word in self.said for meaning in self._meant(word)}
        return meanings.union(*(self.lexicon.together.get(meaning, ()) for meaning in meanings))

    def _made_up(self) -> bool:
        """Words in the new caption that nobody asked for."""
        came = self.new_words - self.old_words
        return bool({word for word in came if word not in STOP_WORDS} - self._licensed() or came - self.lexicon.words)

    def _lost(self) -> bool:
        """Objects that are gone, or look different, though the instruction does not speak of them."""
        if len(self.old.things) < 2 or _KEEPS_ONE.search(self.instruction) or set(self.said) & POINTING:
            return False
        if _points_at_a_side(self.said):
            return False
        spoken_of = {meaning for word in self.said for meaning in self._meant(word)}
        return any(thing.noun not in spoken_of for thing in gone(self.old, self.new))

    def _not_removed(self) -> bool:
        removed = {meaning for word in removed_nouns(self.instruction) for meaning in self._meant(word)}
        kept = {thing.noun for thing in self.new.things if thing in self.old.things}
        return bool(removed & kept) and not re.search(r"\bno more\b", self.instruction)

    def _wrong_number(self) -> bool:
        """More objects than before though nothing was to come, or as many though something was to go, and so on."""
        brings, more = _BRINGS.search(self.instruction), len(self.new.things) - len(self.old.things)
        if more > 0:
            return brings is None
        if more < 0:
            return _TAKES.search(self.instruction) is None
        removed = [word for word in removed_nouns(self.instruction) if self._is_thing(word) or word in POINTING]
        if removed and not re.search(_PUTS_BACK, self.instruction):
            return more == 0
        takes = re.search(rf"\b(?:{REMOVING}|take|instead)\b", self.instruction)
        beside = len(self.old.things) == 1 and _BRINGS_BESIDE.search(self.instruction)
        return bool(self._adds() or beside) and not takes and more <= 0

    def _looks_otherwise(self) -> bool:
        """A new or changed object with a look that nobody asked for."""
        said = {meaning for word in self.said for meaning in self._meant(word)}
        painted = painted_things(self.instruction, self.lexicon)
        for thing in (thing for thing in self.new.things if thing not in self.old.things):
            before = {word for old in self.old.things if old.noun == thing.noun for word in old.adjectives}
            if any(thing.noun not in painted.get(colour, {thing.noun}) for colour in {*thing.adjectives} - before):
                return True
            if {*thing.adjectives} - said - before or (before and {*thing.adjectives} <= before):
                return True
        return False

    def _wrong_background(self) -> bool:
        """A background that nobody asked for, or in a colour that the instruction gives to an object."""
        painted = painted_things(self.instruction, self.lexicon)
        fresh = {word for word in {*self.new.place} - {*self.old.place} if word not in STOP_WORDS}
        return bool(fresh - self._licensed()) or any(
            BACKGROUND not in painted.get(colour, {BACKGROUND}) for colour in fresh
        )

    def _doubled(self) -> bool:
        """An object twice that was there once, or not at all."""
        twice = {thing for thing in self.new.things if self.new.things.count(thing) > self.old.things.count(thing) > 0}
        twice |= {thing for thing in self.new.things if self.new.things.count(thing) > 1}
        return bool(twice) and not _DOUBLES.search(self.instruction)

    def _wrong_side(self) -> bool:
        sides = [side for side in (0, 1) if set(self.said) & set(_SIDES[side])]
        if len(sides) != 1 or not self.old.things or not self.new.things:
            return False
        side = sides[0]
        if len(self.old.things) == 1 and _GIVES_A_SIDE.search(self.instruction):
            return self.new.things[-1 if side == 0 else 0].noun != self.old.things[0].noun
        if len(self.old.things) == 2 and not _EXCHANGES.search(self.instruction):
            other = self.old.things[1 - side]
            return other not in self.new.things or (len(self.new.things) == 2 and self.new.things[1 - side] != other)
        return False

    def _other_places(self) -> bool:
        """Objects that stand elsewhere though no place was named."""
        if _points_at_a_side(self.said) or _EXCHANGES.search(self.instruction) or _BEFORE_IT.search(self.instruction):
            return False
        old, new = ([thing.noun for thing in shown.things] for shown in (self.old, self.new))
        if len(new) != 2 or len(old) > 2 or removed_nouns(self.instruction):
            return False
        return any(noun in new and new.index(noun) != place for place, noun in enumerate(old) if old.count(noun) == 1)


def _points_at_a_side(said: list[str]) -> bool:
    return any(word in said for side in _SIDES for word in side)
