"""Edits of the world: a scene, an instruction in one of many phrasings, the scene it leads to.

Phrasings marked as unseen never occur in training text; MiniBrush and the rewriter's held-out figure use them.
"""

from __future__ import annotations

import random
from dataclasses import dataclass

from .captions import describe_object
from .changes import EDIT_TYPES as EDIT_TYPES
from .changes import Change, sample_change
from .phrasings import SEEN, UNSEEN, UNSPECIFIED_SEEN, UNSPECIFIED_UNSEEN
from .phrasings import phrasing_count as phrasing_count
from .scenes import PAIR_SHARE, Scene, SceneObject
from .vocabulary import BACKGROUNDS


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


def fitting_phrasings(change: Change, *, seen: bool, specified: bool) -> tuple[str, ...]:
    """The templates whose words are true of the change; empty where the type or the scene allows none.

    "It" means nothing beside a second object, and one of two objects does not change its background alone.
    """
    table = (SEEN if seen else UNSEEN) if specified else (UNSPECIFIED_SEEN if seen else UNSPECIFIED_UNSEEN)
    templates = table.get(change.type, ())
    if len(change.source.objects) == 1:
        return templates
    if not specified:
        return ()
    if change.type == "background":
        return tuple(template for template in templates if "background" in template)
    return templates


def phrase(rng: random.Random, change: Change, template: str, *, seen: bool, specified: bool) -> Edit:
    """The edit with an instruction made from one of its `fitting_phrasings`."""
    instruction = _fill(rng, template, change.old, change.new, change.target.background)
    return Edit(change.type, change.source, change.target, instruction, template, seen, specified)


def sample_edit(
    rng: random.Random,
    edit_type: str,
    *,
    seen: bool,
    unspecified_share: float = 0.25,
    pair_share: float = PAIR_SHARE,
) -> Edit:
    """Draws a scene, an edit of the given type, and a phrasing for it.

    Args:
        rng: the source of all chance.
        edit_type: one of `EDIT_TYPES`.
        seen: whether the phrasing comes from the training tables or from the held-out ones.
        unspecified_share: how often the instruction names no object, where the type has such phrasings and the scene
            holds just one object.
        pair_share: how often the scene holds two objects, where the edit leaves the choice.
    """
    change = sample_change(rng, edit_type, pair_share)
    unnamed = fitting_phrasings(change, seen=seen, specified=False)
    if unnamed and rng.random() < unspecified_share:
        return phrase(rng, change, rng.choice(unnamed), seen=seen, specified=False)
    template = rng.choice(fitting_phrasings(change, seen=seen, specified=True))
    return phrase(rng, change, template, seen=seen, specified=True)
