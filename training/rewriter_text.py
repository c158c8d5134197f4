"""What the rewriter is trained on: instructions about scenes of the world, with the captions they lead to.

Half of it are the world's own edits in its own phrasings, which is what the held-out figures measure. The rest is what
people type besides: other phrasings, two edits in one, left and right, requests that change nothing, words that the
world does not have (they are copied), other words for what it has, politeness.
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from pix2pix_onthefly.rewriting.formats import Example
from pix2pix_onthefly.rewriting.lexicon import load_lexicon
from pix2pix_onthefly.world.captions import describe_object
from pix2pix_onthefly.world.changes import Change, sample_change
from pix2pix_onthefly.world.instructions import EDIT_TYPES, sample_edit
from pix2pix_onthefly.world.phrasings import SEEN, UNSPECIFIED_SEEN
from pix2pix_onthefly.world.scenes import sample_scene
from pix2pix_onthefly.world.vocabulary import BACKGROUNDS, COLOURS, KINDS, with_article

from . import more_phrasings as more
from .longer_requests import at_a_side, two_edits
from .requests_of_the_world import (
    Request,
    Sight,
    any_noun,
    any_place,
    beside_another,
    example_of,
    fill,
    kind_word,
    mention_of,
    place_of,
    sight_of,
    strange_word,
)

TYPED_FILES = sorted(Path(__file__).parent.glob("typed_instructions*.json"))
TYPE_WEIGHTS = (4, 2, 3, 2, 2)
PAIRS_TO_TRAIN_ON = 0.5  # chains of edits hold more pairs than the world at large
STRANGE_WORD_SHARE = 0.10
STRANGE_KIND_SHARE = 0.06
POLITE_SHARE = 0.25
SYNONYM_SHARE = 0.05


def _world_edit(rng: random.Random) -> Request:
    edit_type = rng.choices(EDIT_TYPES, weights=TYPE_WEIGHTS)[0]
    edit = sample_edit(rng, edit_type, seen=True, pair_share=PAIRS_TO_TRAIN_ON)
    instruction = edit.instruction
    if rng.random() < STRANGE_WORD_SHARE:
        instruction = _with_strange_word(rng, instruction, edit.phrasing)
    return Request(instruction, sight_of(edit.source), sight_of(edit.target))


def _with_strange_word(rng: random.Random, instruction: str, phrasing: str) -> str:
    """Puts a strange word before, behind or into an instruction where it hides nothing that counts."""
    words = instruction.split()
    fixed = [i for i, word in enumerate(phrasing.split()) if "{" not in word]
    if rng.random() < 0.5 or len(phrasing.split()) != len(words) or not fixed:
        words.insert(rng.choice((0, len(words))), strange_word(rng))
    else:
        words[rng.choice(fixed)] = strange_word(rng)
    return " ".join(words)


def _other_phrasing(rng: random.Random) -> Request:
    """An edit of the world in one of the phrasings that only training holds."""
    edit_type = rng.choices(EDIT_TYPES, weights=TYPE_WEIGHTS)[0]
    change = sample_change(rng, edit_type, PAIRS_TO_TRAIN_ON)
    before, after = sight_of(change.source), sight_of(change.target)
    old, new = (describe_object(item).split(" ", 1)[1] for item in (change.old, change.new))
    place = place_of(rng, change.target.background)
    if edit_type == "background" and change.target.background in more.WEATHER and rng.random() < 0.3:
        name = rng.choice(more.WEATHER[change.target.background])
        return Request(rng.choice(more.WEATHER_TEMPLATES).format(w=name), before, after)
    template = rng.choice(_fitting(change, edit_type))
    return Request(fill(rng, template, old, new, change.new.colour or "", place), before, after)


def _fitting(change: Change, edit_type: str) -> tuple[str, ...]:
    """Templates whose words are true of the change: "it" means nothing beside a second object."""
    if len(change.source.objects) == 1:
        return more.MORE[edit_type] + more.UNSPECIFIED_MORE.get(edit_type, ())
    if edit_type == "background":
        return tuple(
            text for text in more.MORE[edit_type] if "background" in text or "every" in text or "scene" in text
        )
    return more.MORE[edit_type]


def _recoloured(rng: random.Random) -> Request:
    """Paints what has no colour in the world, or in a colour that the world does not have."""
    kind = rng.choice([word for word in KINDS if not KINDS[word].comes_in_colours])
    colour = rng.choice(list(COLOURS))
    old = kind
    if rng.random() < 0.4:
        kind = rng.choice([word for word in KINDS if KINDS[word].comes_in_colours])
        old, colour = f"{colour} {kind}", strange_word(rng)
    before = beside_another(rng, old)
    after = replace(before, nouns=tuple(f"{colour} {kind}" if noun == old else noun for noun in before.nouns))
    tables = [*SEEN["recolour"], *more.MORE["recolour"]]
    if len(before.nouns) == 1 and rng.random() < 0.4:
        tables = [*UNSPECIFIED_SEEN["recolour"], *more.UNSPECIFIED_MORE["recolour"]]
    return Request(fill(rng, rng.choice(tables), old, colour=colour), before, after)


def _changes_nothing(rng: random.Random) -> Request:
    """What is so already, what is not there, and what is no request: the captions stay as they are."""
    sight, draw = sight_of(sample_scene(rng, PAIRS_TO_TRAIN_ON)), rng.random()
    noun = rng.choice(sight.nouns)
    if draw < 0.2:
        return Request(rng.choice(more.NOT_AN_EDIT), sight, sight)
    if draw < 0.3:
        words = [strange_word(rng) for _ in range(rng.randint(1, 6))]
        return Request(" ".join(words), sight, sight)
    if draw < 0.4:
        place = next(row for row in BACKGROUNDS.values() if row.phrase == sight.place)
        templates = [text for text in (*SEEN["background"], *more.MORE["background"]) if "background" in text]
        if len(sight.nouns) == 1:
            templates = [*SEEN["background"], *more.MORE["background"], *UNSPECIFIED_SEEN["background"]]
        return Request(fill(rng, rng.choice(templates), noun, place=place_of(rng, place.word)), sight, sight)
    if draw < 0.6:
        table = "recolour" if " " in noun else "replace"
        colour = noun.split(" ")[0]
        return Request(fill(rng, rng.choice(SEEN[table]), noun, noun, colour), sight, sight)
    if draw < 0.68 and len(sight.nouns) == 1:
        mention = rng.choice(("it", f"the {mention_of(rng, noun)}"))
        return Request(rng.choice(more.CLAUSES["remove"]).format(x=mention), sight, sight)
    absent = any_noun(rng, *sight.nouns)
    kind = rng.choice(("remove", "remove", "recolour", "replace"))
    template = rng.choice(more.CLAUSES[kind])
    fields = {"b": with_article(any_noun(rng, absent)), "c": rng.choice(list(COLOURS))}
    return Request(template.format(m=f"the {kind_word(absent)}", x=f"the {absent}", **fields), sight, sight)


def _strange_new(rng: random.Random) -> Request:
    """A new object or place with a name that nobody knows: it is copied."""
    sight, draw = beside_another(rng, any_noun(rng)), rng.random()
    noun = sight.nouns[0]
    if draw < 0.3:
        place = any_place(rng, sight.place, strange=1.0)
        templates = [text for text in (*SEEN["background"], *more.MORE["background"]) if "background" in text]
        if len(sight.nouns) == 1:
            templates = [*SEEN["background"], *more.MORE["background"], *UNSPECIFIED_SEEN["background"]]
        return Request(fill(rng, rng.choice(templates), noun, place=place), sight, replace(sight, place=place.phrase))
    new = strange_word(rng)
    if draw < 0.65 or len(sight.nouns) > 1:
        template = rng.choice(SEEN["replace"] + more.MORE["replace"])
        after = replace(sight, nouns=(new, *sight.nouns[1:]))
    else:
        template = rng.choice(SEEN["add"] + more.MORE["add"])
        after = replace(sight, nouns=(noun, new))
    return Request(fill(rng, template, noun, new), sight, after)


def _another(rng: random.Random) -> Request:
    """A second object of the same kind."""
    noun = any_noun(rng)
    sight = Sight((noun,), any_place(rng, "").phrase)
    word = rng.choice(
        ("add another {}", "add one more {}", "put another {} next to it", "add a second {}", "two of it")
    )
    return Request(word.format(mention_of(rng, noun)), sight, replace(sight, nouns=(noun, noun)))


_GENERATORS: tuple[tuple[Callable[[random.Random], Request], float], ...] = (
    (_world_edit, 0.40),
    (_other_phrasing, 0.21),
    (two_edits, 0.14),
    (at_a_side, 0.08),
    (_changes_nothing, 0.07),
    (_recoloured, 0.05),
    (_strange_new, 0.04),
    (_another, 0.01),
)
_IMPERATIVES = frozenset(
    "make turn change replace swap let put have use transform convert exchange substitute show edit switch trade give "
    "take redraw paint colour color recolour recolor dye place move set bring draw add include insert remove delete "
    "erase get leave keep hide".split()
)


def _politely(rng: random.Random, instruction: str) -> str:
    if instruction.split(" ")[0] in _IMPERATIVES and rng.random() < 0.6:
        instruction = rng.choice(more.BEFORE_IMPERATIVES) + instruction
    if rng.random() < 0.6 and instruction[-1] not in ".!?":
        instruction += rng.choice(more.BEHIND_ANYTHING)
    return instruction


_OTHER_WORDS: dict[str, list[str]] = {}
for _other, _words in load_lexicon("world").synonyms.items():
    for _word in _words if len(_words) == 1 else ():
        _OTHER_WORDS.setdefault(_word, []).append(_other)


def _in_other_words(rng: random.Random, instruction: str) -> str:
    words = [rng.choice(_OTHER_WORDS[word]) if word in _OTHER_WORDS else word for word in instruction.split(" ")]
    for place in range(1, len(words)):
        if words[place - 1] in ("a", "an"):
            words[place - 1] = with_article(words[place])[: -len(words[place]) - 1]
    return " ".join(words)


def _renamed(rng: random.Random, request: Request) -> Request:
    """Gives one kind of object, wherever the request names it, a strange name."""
    kind = kind_word(rng.choice(request.before.nouns))
    name = strange_word(rng)
    words = request.instruction.split(" ")
    for index, word in enumerate(words):
        if word.rstrip("?,.!") == kind:
            words[index] = word.replace(kind, name)
            if index and words[index - 1] in ("a", "an"):
                words[index - 1] = with_article(name)[: -len(name) - 1]

    def sight(old: Sight) -> Sight:
        nouns = (" ".join([*noun.split(" ")[:-1], name]) if kind_word(noun) == kind else noun for noun in old.nouns)
        return replace(old, nouns=tuple(nouns))

    return Request(" ".join(words), sight(request.before), sight(request.after))


def typed_instructions() -> frozenset[str]:
    """The instructions that are kept for measuring, in lower case."""
    files = [json.loads(file.read_text(encoding="utf-8"))["instructions"] for file in TYPED_FILES]
    return frozenset(row["instruction"].casefold() for rows in files for row in rows)


_TYPED = typed_instructions()


def training_request(rng: random.Random) -> Request:
    """One request as the rewriter should see it in training."""
    generators, weights = zip(*_GENERATORS, strict=True)
    while True:
        request = rng.choices(generators, weights=weights)[0](rng)
        if rng.random() < STRANGE_KIND_SHARE:
            request = _renamed(rng, request)
        if rng.random() < SYNONYM_SHARE:
            request = replace(request, instruction=_in_other_words(rng, request.instruction))
        if rng.random() < POLITE_SHARE:
            request = replace(request, instruction=_politely(rng, request.instruction))
        if request.instruction.casefold() not in _TYPED:
            return request


def training_example(rng: random.Random, count: int) -> Example:
    """One edit as the rewriter should see it in training."""
    return example_of(rng, training_request(rng), count)


def words_of_instructions() -> list[str]:
    """Texts that hold every word of the training instructions but strange ones: for the tokenizer."""
    tables = (SEEN, UNSPECIFIED_SEEN, more.MORE, more.UNSPECIFIED_MORE, more.CLAUSES)
    texts = [text for table in tables for group in table.values() for text in group]
    texts += [text for group in (*more.SIDES, *more.ADD_AT_SIDE, *more.WEATHER.values()) for text in group]
    texts += [*more.WEATHER_TEMPLATES, *more.EXCHANGES, *more.JOINTS, *more.NOT_AN_EDIT]
    texts += [*more.BEFORE_IMPERATIVES, *more.BEHIND_ANYTHING, "another one more second two"]
    texts += [*load_lexicon("world").synonyms, *load_lexicon("world").implied]
    return texts
