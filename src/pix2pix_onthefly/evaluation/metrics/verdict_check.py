"""Checks the exact judge on pictures whose verdict is known.

The target pictures of MiniBrush must be judged as done, also a little spoilt; its source pictures, and pictures that
are wrong in one respect, as not done. `onthefly check-judge` prints the table.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from PIL import Image, ImageFilter

from ...world.changes import change_scene, is_possible
from ...world.instructions import Edit
from ...world.renderer import render
from ...world.scenes import Scene, place_in_slot, place_in_the_middle, stands_in_the_middle
from ...world.vocabulary import BACKGROUNDS
from ..data.minibrush_sessions import PICTURE_SIDE, SPLITS, make_sessions
from .preservation import changed_objects
from .verdicts import judge

_SHIFT = 2
_TINT = (10, -8, 6)

Spoil = Callable[[Image.Image], Image.Image]
Maker = Callable[[Edit, random.Random], Image.Image | None]
"""Draws a picture for an edit; None where the edit allows no such picture."""


@dataclass(frozen=True)
class ErrorRate:
    """How often pictures of one make are judged as done.

    Attributes:
        name: what the pictures are.
        judged: how many.
        done: how many of them were judged as done.
        bar: the share that is required.
        at_most: whether the bar is an upper bound: the pictures are wrong.
    """

    name: str
    judged: int
    done: int
    bar: float
    at_most: bool

    @property
    def rate(self) -> float:
        """Share judged as done."""
        return self.done / max(1, self.judged)

    @property
    def passed(self) -> bool:
        """Whether the rate is on the right side of the bar."""
        return self.rate <= self.bar if self.at_most else self.rate >= self.bar


def judge_error_rates(edits: Sequence[Edit], autoencoder: Spoil | None = None) -> list[ErrorRate]:
    """Judges right, spoilt and wrong pictures of the given edits.

    Args:
        edits: of MiniBrush.
        autoencoder: encodes and decodes a picture; None leaves these rows out.
    """
    rows: list[tuple[str, Maker, float, bool]] = [
        ("target", _target(), 0.99, False),
        (f"target moved by {_SHIFT} pixels", _moved, 0.95, False),
        ("target blurred", _target(lambda picture: picture.filter(ImageFilter.GaussianBlur(1))), 0.95, False),
        ("target tinted", _target(_tinted), 0.95, False),
        ("source", lambda edit, _: render(edit.source, PICTURE_SIDE), 0.01, True),
        ("target with another object in the region", _other_object, 0.01, True),
        ("target with another colour in the region", _other_colour, 0.01, True),
        ("target with another background", _other_background, 0.01, True),
        ("target with its other object replaced", _other_neighbour, 0.01, True),
        ("target with its first object in another layout", _other_layout, 0.01, True),
        ("target a third of the way", _third, 0.01, True),
    ]
    if autoencoder is not None:
        rows.insert(4, ("target through the autoencoder", _target(autoencoder), 0.95, False))
        rows.insert(
            6, ("source through the autoencoder", lambda e, _: autoencoder(render(e.source, PICTURE_SIDE)), 0.01, True)
        )
    return [_error_rate(edits, *row) for row in rows]


def _error_rate(edits: Sequence[Edit], name: str, make: Maker, bar: float, at_most: bool) -> ErrorRate:
    judged = done = 0
    for index, edit in enumerate(edits):
        picture = make(edit, random.Random(index))
        if picture is not None:
            judged += 1
            done += judge(picture, edit).success
    return ErrorRate(name, judged, done, bar, at_most)


def _target(spoil: Spoil = lambda picture: picture) -> Maker:
    return lambda edit, _: spoil(render(edit.target, PICTURE_SIDE))


def _moved(edit: Edit, rng: random.Random) -> Image.Image:
    """The whole picture, its edges repeated."""
    pixels = np.pad(np.asarray(render(edit.target, PICTURE_SIDE)), ((_SHIFT,) * 2, (_SHIFT,) * 2, (0, 0)), mode="edge")
    top, left = (rng.choice((0, 2 * _SHIFT)) for _ in range(2))
    return Image.fromarray(pixels[top : top + PICTURE_SIDE, left : left + PICTURE_SIDE])


def _tinted(picture: Image.Image) -> Image.Image:
    return Image.fromarray(np.clip(np.asarray(picture).astype(np.int64) + _TINT, 0, 255).astype(np.uint8))


def _third(edit: Edit, _: random.Random) -> Image.Image:
    return Image.blend(render(edit.source, PICTURE_SIDE), render(edit.target, PICTURE_SIDE), 1 / 3)


def _other_object(edit: Edit, rng: random.Random) -> Image.Image | None:
    return _changed_again(edit, rng, "replace", edited=True)


def _other_colour(edit: Edit, rng: random.Random) -> Image.Image | None:
    return _changed_again(edit, rng, "recolour", edited=True)


def _other_neighbour(edit: Edit, rng: random.Random) -> Image.Image | None:
    return _changed_again(edit, rng, "replace", edited=False)


def _changed_again(edit: Edit, rng: random.Random, edit_type: str, *, edited: bool) -> Image.Image | None:
    """The target with one more change: to the edited object, or to the one that should stay."""
    changed = changed_objects(edit)
    objects = tuple(item for item in edit.target.objects if (item in changed) == edited)
    part = replace(edit.target, objects=objects)
    if not objects or not is_possible(part, edit_type):
        return None
    change = change_scene(rng, part, edit_type)
    rest = [change.new if item == change.old else item for item in edit.target.objects]
    return render(Scene(edit.target.background, tuple(rest)), PICTURE_SIDE)


def _other_background(edit: Edit, rng: random.Random) -> Image.Image:
    words = [word for word in BACKGROUNDS if word != edit.target.background]
    return render(replace(edit.target, background=rng.choice(words)), PICTURE_SIDE)


def _other_layout(edit: Edit, rng: random.Random) -> Image.Image:
    """A large object in the middle becomes a small one at a side, and the other way round."""
    item = edit.target.objects[0]
    if stands_in_the_middle(item):
        item = place_in_slot(rng, item.kind, item.colour, rng.randrange(2))
    else:
        item = place_in_the_middle(rng, item.kind, item.colour)
    return render(replace(edit.target, objects=(item,)), PICTURE_SIDE)


def edits_of_all_splits(count: int) -> list[Edit]:
    """So many edits of each split of MiniBrush, at most."""
    return [
        edit
        for split in SPLITS.values()
        for edit in [edit for session in make_sessions(split) for edit in session.edits][:count]
    ]


def bundled_autoencoder() -> Spoil:
    """What the bundled family's autoencoder makes of a picture."""
    import torch

    from ...models.families import FAMILIES
    from ...models.loading import load_diffusion
    from ...pictures.fitting import to_image, to_tensor

    diffusion = load_diffusion(FAMILIES["mini"].diffusion, torch.device("cpu"), torch.float32)
    return lambda picture: to_image(diffusion.decode(diffusion.encode(to_tensor(picture))))
