"""Requests that take more than one step to read: left and right, two edits in one."""

from __future__ import annotations

import random
from dataclasses import replace

from pix2pix_onthefly.world.vocabulary import COLOURS, with_article

from . import more_phrasings as more
from .requests_of_the_world import Request, Sight, any_noun, any_place, beside_another, fill, kind_word, mention_of


def at_a_side(rng: random.Random) -> Request:
    """Left and right: of two objects, or of one that gets a neighbour, or two that change places."""
    left = any_noun(rng)
    right, place, draw = any_noun(rng, left), any_place(rng, "").phrase, rng.random()
    both = Sight((left, right), place)
    if draw < 0.3:
        side, old, new = rng.randrange(2), left, right
        before, nouns = Sight((old,), place), (new, old) if side == 0 else (old, new)
        return Request(fill(rng, rng.choice(more.ADD_AT_SIDE[side]), old, new), before, Sight(nouns, place))
    if draw < 0.42:
        words = {"a_": mention_of(rng, left), "b_": mention_of(rng, right)}
        return Request(rng.choice(more.EXCHANGES).format(**words), both, Sight((right, left), place))
    side = rng.randrange(2)
    mention = rng.choice(more.SIDES[side]).format(k=kind_word(both.nouns[side]))
    return _clause_on(rng, both, side, mention)


def _clause_on(rng: random.Random, sight: Sight, which: int, mention: str) -> Request:
    """Replaces, recolours or removes one object of a sight, which the instruction calls as told."""
    noun = sight.nouns[which]
    kind = rng.choices(("replace", "recolour", "remove"), weights=(2, 2, 2 if len(sight.nouns) > 1 else 0))[0]
    template, nouns = rng.choice(more.CLAUSES[kind]), list(sight.nouns)
    if kind == "remove":
        del nouns[which]
        return Request(template.format(x=mention), sight, replace(sight, nouns=tuple(nouns)))
    if kind == "recolour":
        colour = rng.choice([word for word in COLOURS if not noun.startswith(word)])
        nouns[which] = f"{colour} {kind_word(noun)}"
        return Request(template.format(m=mention, c=colour), sight, replace(sight, nouns=tuple(nouns)))
    nouns[which] = any_noun(rng, *sight.nouns)
    text = template.format(m=mention, b=with_article(nouns[which]))
    return Request(text, sight, replace(sight, nouns=tuple(nouns)))


def two_edits(rng: random.Random) -> Request:
    """Two clauses, the second about what the first left."""
    before = beside_another(rng, any_noun(rng))
    first, kind = _clause(rng, before)
    second, _ = _clause(rng, first.after, kind, first)
    instruction = first.instruction + rng.choice(more.JOINTS) + second.instruction
    return Request(instruction, before, second.after)


def _clause(
    rng: random.Random, sight: Sight, done: str | None = None, first: Request | None = None
) -> tuple[Request, str]:
    """One clause and its kind; `done` and `first` are those of the clause before it."""
    pair = len(sight.nouns) > 1
    untouched = [i for i, noun in enumerate(sight.nouns) if first is None or noun in first.before.nouns]
    kinds = ["replace", "recolour", "background", "background", "add", "remove"]
    possible = {"add": not pair, "remove": pair and done != "add", "background": done != "background"}
    if done and not untouched:  # what was just changed is not changed again
        possible |= {"replace": False, "recolour": False, "remove": False}
    kind = rng.choice([kind for kind in kinds if possible.get(kind, True)])
    which = rng.choice(untouched) if done and untouched else rng.randrange(len(sight.nouns))
    noun = sight.nouns[which]
    single = len(sight.nouns) == 1
    mention = f"the {mention_of(rng, noun)}"
    if single and done != "remove" and rng.random() < (0.5 if done else 0.2):
        mention = "it"
    nouns, place, fields = list(sight.nouns), None, {"m": mention, "x": mention}
    if kind == "remove":
        del nouns[which]
    elif kind == "add":
        nouns.append(any_noun(rng, *nouns))
        fields["b"] = with_article(nouns[-1])
    elif kind == "background":
        place = any_place(rng, sight.place)
        fields |= {"p": place.name, "q": place.short, "pp": place.phrase}
    elif kind == "recolour":
        fields["c"] = rng.choice([word for word in COLOURS if not noun.startswith(word)])
        nouns[which] = f"{fields['c']} {kind_word(noun)}"
    else:
        nouns[which] = any_noun(rng, *sight.nouns)
        fields["b"] = with_article(nouns[which])
    templates = more.CLAUSES[kind]
    if kind == "background" and not single:
        templates = tuple(text for text in templates if "background" in text)
    if (
        first
        and first.instruction.startswith(("make", "turn"))
        and kind in more.SHORT_CLAUSES
        and mention != "it"
        and rng.random() < 0.5
    ):
        templates = more.SHORT_CLAUSES[kind]
    text = rng.choice(templates).format(**fields)
    return Request(text, sight, Sight(tuple(nouns), place.phrase if place else sight.place)), kind
