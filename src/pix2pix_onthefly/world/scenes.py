"""Scenes: what stands where. A scene is a value; `sample_scene` draws one from a seed."""

from __future__ import annotations

import random
from dataclasses import dataclass

from .vocabulary import BACKGROUNDS, COLOURS, KINDS

HELD_OUT_SEED = 7_000_000
"""Seeds from here on belong to evaluation: training never draws from them."""
PAIR_SHARE = 0.25
"""How many scenes of the world at large hold two objects."""


@dataclass(frozen=True)
class SceneObject:
    """An object in a scene.

    Attributes:
        kind: a word of `KINDS`.
        colour: a word of `COLOURS`, for kinds that come in colours; otherwise None.
        x, y: centre, as fractions of the picture's side.
        size: side of the square the sprite fills, as a fraction of the picture's side.
    """

    kind: str
    colour: str | None
    x: float
    y: float
    size: float

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise ValueError(f"the world has no kind {self.kind!r}")
        if KINDS[self.kind].comes_in_colours != (self.colour is not None):
            raise ValueError(f"a {self.kind} {'needs a' if self.colour is None else 'has no'} colour")
        if self.colour is not None and self.colour not in COLOURS:
            raise ValueError(f"the world has no colour {self.colour!r}")


@dataclass(frozen=True)
class Scene:
    """A background and one or two objects, from left to right."""

    background: str
    objects: tuple[SceneObject, ...]

    def __post_init__(self) -> None:
        if self.background not in BACKGROUNDS:
            raise ValueError(f"the world has no background {self.background!r}")


def sample_kind(rng: random.Random, exclude: tuple[str, ...] = ()) -> tuple[str, str | None]:
    """A random kind with its colour. Coloured kinds weigh double: they have more looks to learn."""
    words = [word for word in KINDS if word not in exclude]
    kind = rng.choices(words, weights=[2.0 if KINDS[word].comes_in_colours else 1.0 for word in words])[0]
    return kind, rng.choice(list(COLOURS)) if KINDS[kind].comes_in_colours else None


def place_in_the_middle(rng: random.Random, kind: str, colour: str | None) -> SceneObject:
    """An object at the size and place of most single ones."""
    x, y = rng.uniform(0.43, 0.57), rng.uniform(0.49, 0.58)
    return SceneObject(kind, colour, x, y, rng.uniform(0.56, 0.68))


def place_in_slot(rng: random.Random, kind: str, colour: str | None, slot: int) -> SceneObject:
    """An object at the size and place that leaves room for a neighbour; slot 0 is left, 1 is right."""
    x, y = (0.27, 0.73)[slot] + rng.uniform(-0.025, 0.025), rng.uniform(0.52, 0.60)
    return SceneObject(kind, colour, x, y, rng.uniform(0.38, 0.46))


def stands_in_the_middle(item: SceneObject) -> bool:
    """Whether an object stands where a single one mostly does, not where it leaves room for a neighbour."""
    return abs(item.x - 0.5) < 0.15


def is_beside_an_empty_place(scene: Scene) -> bool:
    """Whether the only object leaves room for a neighbour."""
    return len(scene.objects) == 1 and not stands_in_the_middle(scene.objects[0])


def sample_scene(rng: random.Random, pair_share: float = PAIR_SHARE, slot_share: float = 0.15) -> Scene:
    """Draws a scene: a pair, a single object beside an empty place, or (mostly) a single object in the middle."""
    background = rng.choice(list(BACKGROUNDS))
    kind, colour = sample_kind(rng)
    draw = rng.random()
    if draw < pair_share:
        other, other_colour = sample_kind(rng, exclude=(kind,))
        left, right = place_in_slot(rng, kind, colour, 0), place_in_slot(rng, other, other_colour, 1)
        return Scene(background, (left, right))
    if draw < pair_share + slot_share:
        return Scene(background, (place_in_slot(rng, kind, colour, rng.randrange(2)),))
    return Scene(background, (place_in_the_middle(rng, kind, colour),))
