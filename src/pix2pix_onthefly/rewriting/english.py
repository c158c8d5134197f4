"""What is known of English without a model: words that name nothing in a picture, and how words are taken apart.

The lists are for judging and tidying what people type and what language models answer; they are not sent to any model.
"""

from __future__ import annotations

import re

CHANGING_VERBS = frozenset(
    "add bring change clear color colour convert crop cut delete ditch draw drop dye edit eliminate erase exchange "
    "exclude fill forget get give have hide include insert keep kill leave let lose make modify morph move omit paint "
    "pair place pretend put recolor recolour redraw reimagine remove render replace repaint rub set shift show skip "
    "spray substitute swap switch take throw tint trade transform transport turn update use wipe".split()
)
"""Verbs that instructions begin with."""
REMOVING = (
    r"remove|delete|erase|get rid of|do away with|take (?:away|out|off)|leave out|cut out|crop out|edit out|rub out|"
    r"wipe out|throw (?:away|out)|clear away|hide|lose|ditch|drop|eliminate|omit|exclude|skip|without|minus|no more|no"
)
ADDING = re.compile(
    r"\b(?:add|adding|insert|include|another|as well|too|in addition|next to|beside|left of|right of)\b"
)
STYLES = re.compile(
    r"\b(?:style|painting|sketch|watercolou?r|cartoon|anime|drawing|pencil|comic|pixel art|photorealistic|black and "
    r"white|sepia|vintage|impressionist|cubist|poster|mosaic)\b"
)
NO_CHANGE = re.compile(
    r"^(?:what(?! if| about| would| does .* look like)|who|where|when|why(?! not)|which|how many|how much|how old)\b"
)
"""How questions begin that ask for no change."""
SMUGGLED = re.compile(
    r"caption\s*#?\d+\s*[:：]|\b(?:before|after) transformation\b|\b(?:instruct|output)\s*[:：]", re.IGNORECASE
)
"""Pieces of the answer's own form, which an instruction has no use for."""

STOP_WORDS = CHANGING_VERBS | frozenset(
    "a able about above after again all alone along also although always am among an and another any anything apply "
    "are around as ask at away back be became because become becomes been before behind being below beneath beside "
    "besides better between big bit both but by call can cannot colored colors coloured colours come company could "
    "course cut did different do does doing done don't down each either else enough even ever every everything except "
    "far few first for friend from further gets go goes going gone good gonna got great had has he hello help her here "
    "hers hey hi him his how however i i'd i'll i'm if image imagine in inside instead into is it it's item its itself "
    "join just kind kindly know last later left leftmost less let's like little ll location look looks lot love me "
    "missing more most move much must my near need needed needs never new next nice nicer no none nor not nothing now "
    "object objects of off ok okay on once one ones only onto or other ought our out over own paste perhaps photo "
    "picture piece please pls plus plz possible prefer quite rather re real really rid right rightmost room 's same "
    "scene second see seems shall she should side simply so some somehow something soon sort spot stand stands still "
    "such sure t take tell than thank thanks that that's the their them then there there's these they thing things "
    "think this those though three to together too toward try two u under until up upon us use ve very via view want "
    "wanted wants was way we well were what whatever when where whether which while who whole whose why will wish with "
    "within without wonderful would x yes yet you your background backdrop behind colour color place put "
    "beautiful bother bothers vanish disappear disappears company be belong belongs feel free maybe minus makes turns "
    "landscape dear computer mind wow great fine places scenes "
    "left-hand right-hand hot sunny seen shown placed drawing say says adding close drawn "
    "becoming vanishes ahead goes happens paint painted must asap ya".split()
)
"""Words that name neither an object, nor a colour, nor a place."""


def is_stop_word(word: str) -> bool:
    """Whether a word names nothing; `making` is taken as `make`."""
    base = word.removesuffix("ing")
    return word in STOP_WORDS or (base != word and bool({base, f"{base}e", base[:-1]} & CHANGING_VERBS))


POINTING = frozenset("it this that them him her one ones thing things object objects item both everything".split())
"""Words that stand for an object without naming it."""
_WORD = re.compile(r"[^\W\d_]+(?:['’-][^\W\d_]+)*")


def words_of(text: str) -> list[str]:
    """The words of a text in lower case, without numbers and marks; `cap's` gives `cap`."""
    found = (word.replace("’", "'") for word in _WORD.findall(text.casefold()))
    return [word.removesuffix("'s") if word not in STOP_WORDS else word for word in found]


def stem(word: str) -> str:
    """A word without the usual endings, so that `snowy`, `snowing` and `snow` meet; rough on purpose."""
    for ending in ("ing", "ies", "es", "ed", "s", "y", "e"):
        if word.endswith(ending) and len(word) - len(ending) >= 3:
            return word[: -len(ending)]
    return word


def with_article(words: str) -> str:
    """`owl` -> `an owl`."""
    return f"{'an' if words[:1] in 'aeiou' else 'a'} {words}"


def listed(texts: list[str] | tuple[str, ...], last: str = "and") -> str:
    """`a, b and c`."""
    return texts[0] if len(texts) == 1 else f"{', '.join(texts[:-1])} {last} {texts[-1]}"
