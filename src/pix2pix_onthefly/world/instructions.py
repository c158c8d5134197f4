"""Edits of the world: a scene, an instruction in one of many phrasings, the scene it leads to.

Phrasings marked as unseen never occur in training text; the benchmark and the rewriter's held-out figure use them.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, replace

from .captions import describe_object
from .scenes import Scene, SceneObject, place_in_slot, sample_kind, sample_scene
from .vocabulary import BACKGROUNDS, COLOURS, KINDS

EDIT_TYPES = ("replace", "recolour", "background", "add", "remove")


@dataclass(frozen=True)
class Edit:
    """One edit with its exact outcome.

    Attributes:
        type: one of `EDIT_TYPES`.
        source, target: the scene before and after.
        instruction: what a person would type.
        phrasing: the template the instruction was made from.
        seen: whether training text may hold that phrasing.
        specified: False where the instruction leaves the object unnamed ("make it red", paper 5.4).
    """

    type: str
    source: Scene
    target: Scene
    instruction: str
    phrasing: str
    seen: bool
    specified: bool = True


# In templates: {a} the object as the caption names it, {a_} the same without its article, {b} and {b_} the new object,
# {c} the new colour, {p} the new place or background as a noun phrase, {pp} the same as it ends a caption.
SEEN: dict[str, tuple[str, ...]] = {
    "replace": (
        "make the {a_} {b}",
        "turn the {a_} into {b}",
        "change the {a_} to {b}",
        "change the {a_} into {b}",
        "replace the {a_} with {b}",
        "swap the {a_} for {b}",
        "let the {a_} be {b}",
        "the {a_} should be {b}",
        "have it be {b} instead of {a}",
        "put {b} in place of the {a_}",
        "put {b} where the {a_} is",
        "I want {b} instead of the {a_}",
        "I would like {b} instead of the {a_}",
        "could you make the {a_} {b}?",
        "can you turn the {a_} into {b}?",
        "please replace the {a_} with {b}",
        "please change the {a_} to {b}",
        "what if the {a_} were {b}?",
        "what if it was {b} instead of {a}?",
        "use {b} rather than the {a_}",
        "transform the {a_} into {b}",
        "convert the {a_} to {b}",
        "exchange the {a_} for {b}",
        "substitute {b} for the {a_}",
        "make it {b} instead of {a}",
        "show {b} instead of the {a_}",
        "edit the {a_} so that it is {b}",
        "the {a_} needs to become {b}",
        "switch the {a_} to {b}",
        "switch out the {a_} for {b}",
        "trade the {a_} for {b}",
        "it should be {b}, not {a}",
        "not {a} but {b}",
        "give me {b} instead of the {a_}",
        "let's have {b} instead of the {a_}",
        "I'd rather see {b} than the {a_}",
        "take the {a_} and make it {b}",
        "would you change the {a_} into {b}?",
        "redraw the {a_} as {b}",
        "how about {b} instead of the {a_}?",
    ),
    "recolour": (
        "make the {a_} {c}",
        "turn the {a_} {c}",
        "paint the {a_} {c}",
        "colour the {a_} {c}",
        "color the {a_} {c}",
        "change the {a_} to {c}",
        "change the colour of the {a_} to {c}",
        "change the color of the {a_} to {c}",
        "the {a_} should be {c}",
        "let the {a_} be {c}",
        "I want the {a_} to be {c}",
        "I would like the {a_} in {c}",
        "could you make the {a_} {c}?",
        "can you paint the {a_} {c}?",
        "please make the {a_} {c}",
        "what if the {a_} were {c}?",
        "give the {a_} a {c} colour",
        "have the {a_} be {c}",
        "recolour the {a_} {c}",
        "recolor the {a_} to {c}",
        "dye the {a_} {c}",
        "make the {k} {c}",
        "paint the {k} {c}",
        "change the {k} to {c}",
        "turn the {k} {c}",
        "the {k} should be {c}",
        "make the colour of the {k} {c}",
        "what if the {k} was {c}?",
        "I'd like the {k} to be {c}",
        "let's have the {k} in {c}",
    ),
    "background": (
        "change the background to {p}",
        "make the background {p}",
        "put it {pp}",
        "put the {a_} {pp}",
        "place the {a_} {pp}",
        "move the {a_} to {p}",
        "let the {a_} be {pp}",
        "have the {a_} {pp}",
        "show the {a_} {pp}",
        "the {a_} should be {pp}",
        "replace the background with {p}",
        "turn the background into {p}",
        "I want the {a_} {pp}",
        "I would like the {a_} {pp}",
        "could you put the {a_} {pp}?",
        "can you change the background to {p}?",
        "please put the {a_} {pp}",
        "what if the {a_} was {pp}?",
        "use {p} as the background",
        "set the background to {p}",
        "give it {p} as background",
        "swap the background for {p}",
        "let's see the {a_} {pp}",
        "the background should be {p}",
        "draw the {a_} {pp}",
        "make it look like the {a_} is {pp}",
        "how about {p} as the background?",
        "take the {a_} to {p}",
        "bring the {a_} to {p}",
        "I'd like to see the {a_} {pp}",
    ),
    "add": (
        "add {b}",
        "add {b} next to the {a_}",
        "put {b} next to the {a_}",
        "place {b} beside the {a_}",
        "add {b} beside the {a_}",
        "draw {b} next to the {a_}",
        "let there be {b} next to the {a_}",
        "I want {b} next to the {a_}",
        "I would like {b} beside the {a_}",
        "could you add {b}?",
        "can you put {b} next to the {a_}?",
        "please add {b}",
        "please add {b} next to the {a_}",
        "what if there was {b} next to the {a_}?",
        "give the {a_} {b} as company",
        "include {b}",
        "insert {b} next to the {a_}",
        "there should be {b} next to the {a_}",
        "have {b} next to the {a_}",
        "show {b} next to the {a_}",
        "let's have {b} as well",
        "also put {b} in the picture",
        "add {b} to the picture",
        "bring in {b}",
        "I'd like {b} too",
    ),
    "remove": (
        "remove the {b_}",
        "delete the {b_}",
        "take the {b_} away",
        "take away the {b_}",
        "erase the {b_}",
        "get rid of the {b_}",
        "let the {b_} disappear",
        "make the {b_} disappear",
        "the {b_} should be gone",
        "I don't want the {b_}",
        "could you remove the {b_}?",
        "can you take out the {b_}?",
        "please remove the {b_}",
        "please delete the {b_}",
        "what if there was no {b_}?",
        "leave out the {b_}",
        "have only the {a_}",
        "keep only the {a_}",
        "remove the {b_} from the picture",
        "take the {b_} out of the picture",
        "there should be no {b_}",
        "hide the {b_}",
        "I want the {b_} gone",
        "let's not have the {b_}",
        "show the {a_} without the {b_}",
    ),
}

UNSEEN: dict[str, tuple[str, ...]] = {
    "replace": (
        "could the {a_} become {b}?",
        "let {b} take the place of the {a_}",
        "instead of the {a_}, show {b}",
        "I think {b} would look better than the {a_}",
        "can we have {b} where the {a_} was?",
        "get rid of the {a_} and draw {b} there",
    ),
    "recolour": (
        "could the {a_} be {c}?",
        "give me the {a_} but {c}",
        "I think the {k} would look better in {c}",
        "repaint the {k} so it is {c}",
        "can we have the {a_} in {c}?",
        "use {c} for the {k}",
    ),
    "background": (
        "could the {a_} be {pp}?",
        "let the background be {p}",
        "imagine the {a_} {pp}",
        "have {p} behind the {a_}",
        "can we have {p} as the background?",
        "instead, show the {a_} {pp}",
    ),
    "add": (
        "could there be {b} next to the {a_}?",
        "let {b} join the {a_}",
        "can we have {b} beside the {a_}?",
        "the {a_} wants {b} beside it",
        "draw in {b} as well",
    ),
    "remove": (
        "could the {b_} go away?",
        "let the {b_} be gone",
        "wipe the {b_} out",
        "can we lose the {b_}?",
        "the {b_} is not needed",
    ),
}

UNSPECIFIED_SEEN: dict[str, tuple[str, ...]] = {
    "replace": ("make it {b}", "turn it into {b}", "change it to {b}", "it should be {b}", "let it be {b}"),
    "recolour": ("make it {c}", "turn it {c}", "paint it {c}", "it should be {c}", "change the colour to {c}"),
    "background": ("make it {pp}", "move it to {p}", "what if it was {pp}?", "let it be {pp}", "place it {pp}"),
}
UNSPECIFIED_UNSEEN: dict[str, tuple[str, ...]] = {
    "replace": ("could it be {b}?", "have {b} here instead"),
    "recolour": ("could it be {c}?", "I want it in {c}"),
    "background": ("could it be {pp}?", "imagine it {pp}"),
}


def phrasing_count() -> int:
    """How many ways to phrase an instruction training text may hold."""
    return sum(len(group) for table in (SEEN, UNSPECIFIED_SEEN) for group in table.values())


def _noun(item: SceneObject) -> str:
    return describe_object(item).split(" ", 1)[1]


def _place_names(rng: random.Random, background: str) -> tuple[str, str]:
    row = BACKGROUNDS[background]
    return rng.choice(row.names), row.phrase


def _fill(rng: random.Random, template: str, old: SceneObject, new: SceneObject, background: str) -> str:
    """Fills a template. A coloured object is called by its full name, sometimes by its kind alone."""
    noun = old.kind if rng.random() < 0.3 else _noun(old)
    gone = new.kind if "{b_}" in template and rng.random() < 0.3 else _noun(new)
    names, phrase = _place_names(rng, background)
    fields = {"a": describe_object(old), "a_": noun, "b": describe_object(new), "b_": gone, "k": old.kind}
    return template.format(**fields, c=new.colour, p=names, pp=phrase)


def _replaced(rng: random.Random) -> tuple[Scene, Scene, SceneObject, SceneObject]:
    source = sample_scene(rng)
    index = rng.randrange(len(source.objects))
    old = source.objects[index]
    kind, colour = sample_kind(rng, exclude=tuple(item.kind for item in source.objects))
    new = replace(old, kind=kind, colour=colour)
    objects = tuple(new if item is old else item for item in source.objects)
    return source, replace(source, objects=objects), old, new


def _recoloured(rng: random.Random) -> tuple[Scene, Scene, SceneObject, SceneObject]:
    while True:
        source = sample_scene(rng)
        coloured = [item for item in source.objects if KINDS[item.kind].comes_in_colours]
        if coloured:
            break
    old = rng.choice(coloured)
    new = replace(old, colour=rng.choice([colour for colour in COLOURS if colour != old.colour]))
    objects = tuple(new if item is old else item for item in source.objects)
    return source, replace(source, objects=objects), old, new


def _moved(rng: random.Random) -> tuple[Scene, Scene, SceneObject, SceneObject]:
    source = sample_scene(rng, pair_share=0.0)
    background = rng.choice([word for word in BACKGROUNDS if word != source.background])
    return source, replace(source, background=background), source.objects[0], source.objects[0]


def _added(rng: random.Random) -> tuple[Scene, Scene, SceneObject, SceneObject]:
    source = sample_scene(rng, pair_share=0.0, slot_share=1.0)
    old = replace(source.objects[0], x=0.27)
    kind, colour = sample_kind(rng, exclude=(old.kind,))
    new = place_in_slot(rng, kind, colour, 1)
    return replace(source, objects=(old,)), replace(source, objects=(old, new)), old, new


def _removed(rng: random.Random) -> tuple[Scene, Scene, SceneObject, SceneObject]:
    source = sample_scene(rng, pair_share=1.0)
    gone = rng.randrange(2)
    kept = source.objects[1 - gone]
    return source, replace(source, objects=(kept,)), kept, source.objects[gone]


_MAKERS: dict[str, Callable[[random.Random], tuple[Scene, Scene, SceneObject, SceneObject]]] = {
    "replace": _replaced,
    "recolour": _recoloured,
    "background": _moved,
    "add": _added,
    "remove": _removed,
}


def sample_edit(rng: random.Random, edit_type: str, *, seen: bool, unspecified_share: float = 0.25) -> Edit:
    """Draws a scene, an edit of the given type, and a phrasing for it.

    Args:
        rng: the source of all chance.
        edit_type: one of `EDIT_TYPES`.
        seen: whether the phrasing comes from the training tables or from the held-out ones.
        unspecified_share: how often the instruction names no object, where the type has such phrasings and the scene
            holds just one object.
    """
    source, target, old, new = _MAKERS[edit_type](rng)
    tables = (SEEN, UNSPECIFIED_SEEN) if seen else (UNSEEN, UNSPECIFIED_UNSEEN)
    unspecified = len(source.objects) == 1 and edit_type in tables[1] and rng.random() < unspecified_share
    template = rng.choice(tables[1 if unspecified else 0][edit_type])
    instruction = _fill(rng, template, old, new, target.background)
    return Edit(edit_type, source, target, instruction, template, seen, not unspecified)
