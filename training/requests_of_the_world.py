"""Requests about scenes of the world, as text: an instruction, what is seen before it and after it."""

from __future__ import annotations

import random
from dataclasses import dataclass

from pix2pix_onthefly.rewriting.formats import Example
from pix2pix_onthefly.world.captions import STYLES, describe_object
from pix2pix_onthefly.world.phrasings import SEEN
from pix2pix_onthefly.world.scenes import Scene, sample_kind
from pix2pix_onthefly.world.vocabulary import BACKGROUNDS, with_article

from . import more_phrasings as more

COLOURLESS_SHARE = 0.12


@dataclass(frozen=True)
class Sight:
    """What captions tell of a scene: its objects from left to right (without articles), and its place as a phrase."""

    nouns: tuple[str, ...]
    place: str

    def caption(self, style: int) -> str:
        """As `world.captions.describe`, for objects and places that the world need not have."""
        return STYLES[style].format(objects=" next to ".join(map(with_article, self.nouns)), place=self.place)


@dataclass(frozen=True)
class Request:
    """An instruction with what it is said of and what it leads to."""

    instruction: str
    before: Sight
    after: Sight


@dataclass(frozen=True)
class Place:
    """A background: as it ends a caption, as a noun phrase, and as it follows "make the background"."""

    phrase: str
    name: str
    short: str


def sight_of(scene: Scene) -> Sight:
    """A scene as captions tell of it."""
    nouns = tuple(describe_object(item).split(" ", 1)[1] for item in scene.objects)
    return Sight(nouns, BACKGROUNDS[scene.background].phrase)


def example_of(rng: random.Random, request: Request, count: int, *, canonical_first: bool = True) -> Example:
    """Captions of both sights in `count` wordings; the first is the captioner's own wording."""
    styles = rng.sample(range(1, len(STYLES)), count - 1)
    styles = [0, *styles] if canonical_first else rng.sample(range(len(STYLES)), count)
    before = tuple(request.before.caption(style) for style in styles)
    return Example(request.instruction, before, tuple(request.after.caption(style) for style in styles))


def strange_word(rng: random.Random) -> str:
    """A word that nobody knows."""
    return "".join(rng.choice("abcdefghijklmnoprstuvwy") for _ in range(rng.randint(2, 9)))


def kind_word(noun: str) -> str:
    return noun.split(" ")[-1]


def mention_of(rng: random.Random, noun: str) -> str:
    return kind_word(noun) if rng.random() < 0.4 else noun


def any_noun(rng: random.Random, *exclude: str, strange: float = 0.0) -> str:
    if rng.random() < strange:
        return strange_word(rng)
    kind, colour = sample_kind(rng, exclude=tuple(map(kind_word, exclude)))
    # People say "add a cap" and do not care which.
    return kind if colour is None or rng.random() < COLOURLESS_SHARE else f"{colour} {kind}"


def place_of(rng: random.Random, word: str) -> Place:
    row = BACKGROUNDS[word]
    name = rng.choice(row.names)
    return Place(row.phrase, name, rng.choice((word, name)) if row.is_plain else name)


def any_place(rng: random.Random, phrase: str, strange: float = 0.0) -> Place:
    """A background that differs from the one of a phrase."""
    if rng.random() < strange:
        word = strange_word(rng)
        if rng.random() < 0.4:
            return Place(f"on {with_article(word)} background", f"{with_article(word)} background", word)
        preposition, article = rng.choice(("in", "at", "on")), rng.choice(("the ", with_article(word)[: -len(word)]))
        return Place(f"{preposition} {article}{word}", article + word, article + word)
    return place_of(rng, rng.choice([word for word, row in BACKGROUNDS.items() if row.phrase != phrase]))


def fill(
    rng: random.Random, template: str, old: str, new: str = "", colour: str = "", place: Place | None = None
) -> str:
    """Fills a template of any table; nouns without articles."""
    place = place or Place("", "", "")
    return template.format(
        a=with_article(mention_of(rng, old)),
        a_=mention_of(rng, old),
        k=kind_word(old),
        b=with_article(new) if new else "",
        b_=mention_of(rng, new) if "{a" not in template and new and _is_removal(template) else new,
        c=colour,
        p=place.name,
        q=place.short,
        pp=place.phrase,
    )


def _is_removal(template: str) -> bool:
    return template in more.MORE["remove"] or template in SEEN["remove"]


def beside_another(rng: random.Random, noun: str) -> Sight:
    """A sight of an object, alone or beside another."""
    nouns = [noun]
    if rng.random() < 0.3:
        nouns.insert(rng.randrange(2), any_noun(rng, noun))
    return Sight(tuple(nouns), any_place(rng, "").phrase)
