"""What an edit changes: from a scene at hand to the one it leads to."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, replace

from .scenes import PAIR_SHARE, Scene, SceneObject, is_beside_an_empty_place, place_in_slot, sample_kind, sample_scene
from .vocabulary import BACKGROUNDS, COLOURS, KINDS

EDIT_TYPES: tuple[str, ...] = ("replace", "recolour", "background", "add", "remove")


@dataclass(frozen=True)
class Change:
    """A scene before and after, and the objects an instruction speaks of.

    Attributes:
        type: one of `EDIT_TYPES`.
        source, target: the scene before and after.
        old: the object that is replaced, recoloured or moved; the one that stays where another comes or goes.
        new: what `old` becomes, or the object that comes or goes.
    """

    type: str
    source: Scene
    target: Scene
    old: SceneObject
    new: SceneObject


def is_possible(scene: Scene, edit_type: str) -> bool:
    """Whether an edit of this type leads from the scene to one the world could have drawn.

    Only an object on the left has room for another: instructions and captions name the new one last.
    """
    if edit_type == "add":
        return is_beside_an_empty_place(scene) and scene.objects[0].x < 0.5
    if edit_type == "remove":
        return len(scene.objects) == 2
    return edit_type != "recolour" or bool(_coloured(scene))


def change_scene(rng: random.Random, scene: Scene, edit_type: str) -> Change:
    """Draws an edit of the given type that starts from the given scene.

    Raises:
        ValueError: `is_possible` says no.
    """
    if not is_possible(scene, edit_type):
        raise ValueError(f"{edit_type!r} cannot start from {scene}")
    return _CHANGES[edit_type](rng, scene)


def sample_change(rng: random.Random, edit_type: str, pair_share: float = PAIR_SHARE) -> Change:
    """Draws a scene that allows the edit, and the edit.

    Args:
        pair_share: how often the scene holds two objects, where the edit leaves the choice.
    """
    return _CHANGES[edit_type](rng, _SOURCES[edit_type](rng, pair_share))


def _coloured(scene: Scene) -> list[SceneObject]:
    return [item for item in scene.objects if KINDS[item.kind].comes_in_colours]


def _exchanged(edit_type: str, source: Scene, old: SceneObject, new: SceneObject) -> Change:
    objects = tuple(new if item is old else item for item in source.objects)
    return Change(edit_type, source, replace(source, objects=objects), old, new)


def _replaced(rng: random.Random, source: Scene) -> Change:
    old = source.objects[rng.randrange(len(source.objects))]
    kind, colour = sample_kind(rng, exclude=tuple(item.kind for item in source.objects))
    return _exchanged("replace", source, old, replace(old, kind=kind, colour=colour))


def _recoloured(rng: random.Random, source: Scene) -> Change:
    old = rng.choice(_coloured(source))
    new = replace(old, colour=rng.choice([colour for colour in COLOURS if colour != old.colour]))
    return _exchanged("recolour", source, old, new)


def _moved(rng: random.Random, source: Scene) -> Change:
    background = rng.choice([word for word in BACKGROUNDS if word != source.background])
    target = replace(source, background=background)
    return Change("background", source, target, source.objects[0], source.objects[0])


def _added(rng: random.Random, source: Scene) -> Change:
    old = source.objects[0]
    kind, colour = sample_kind(rng, exclude=(old.kind,))
    new = place_in_slot(rng, kind, colour, 1)
    return Change("add", source, replace(source, objects=(old, new)), old, new)


def _removed(rng: random.Random, source: Scene) -> Change:
    gone = rng.randrange(2)
    kept = source.objects[1 - gone]
    return Change("remove", source, replace(source, objects=(kept,)), kept, source.objects[gone])


def _with_a_coloured_object(rng: random.Random, pair_share: float) -> Scene:
    while not _coloured(scene := sample_scene(rng, pair_share)):
        pass
    return scene


def _beside_an_empty_place(rng: random.Random, _: float) -> Scene:
    scene = sample_scene(rng, pair_share=0.0, slot_share=1.0)
    return replace(scene, objects=(replace(scene.objects[0], x=0.27),))


_SOURCES: dict[str, Callable[[random.Random, float], Scene]] = {
    "replace": sample_scene,
    "recolour": _with_a_coloured_object,
    "background": sample_scene,
    "add": _beside_an_empty_place,
    "remove": lambda rng, _: sample_scene(rng, pair_share=1.0),
}
_CHANGES: dict[str, Callable[[random.Random, Scene], Change]] = {
    "replace": _replaced,
    "recolour": _recoloured,
    "background": _moved,
    "add": _added,
    "remove": _removed,
}
