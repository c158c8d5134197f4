"""Judges edits of MiniBrush exactly: by nearest rendering, without any network."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from PIL import Image

from ...errors import InputError
from ...pictures.fitting import as_rgb
from ...world.captions import describe_object
from ...world.instructions import Edit
from ...world.judge import Region, read_places, read_scene
from ...world.renderer import render_pixels
from ...world.scenes import Scene, SceneObject, is_beside_an_empty_place, stands_in_the_middle
from ...world.vocabulary import BACKGROUNDS
from ..data.minibrush_sessions import SMALLEST_SIDE
from .preservation import Pixels, changed_objects, edit_mask, outside_psnr, outside_ssim, slot_of

NOTHING = "nothing"
_REACH = 0.06
"""How far an object may be from its place, and how much its size may differ, as a fraction of the picture's side."""


@dataclass(frozen=True)
class Verdict:
    """What a picture shows where it was to be edited and elsewhere.

    Attributes:
        success: `region_ok` and `outside_ok`.
        region_ok: what is nearest to the edited region, of all that the world could have drawn there, is the target's.
        outside_ok: the rest reads as before: the background (unless it was to be edited), the other objects with their
            colours at their places, and no further object.
        region_reading: what is nearest to the edited region: `a red apple`, `the beach`, `nothing`.
        reading: all that was read, at the places where the world may have something.
        background_psnr, background_ssim: agreement with the source outside the mask of what may change, in dB and up
            to 1; where the background was to be edited that is the object.
    """

    success: bool
    region_ok: bool
    outside_ok: bool
    region_reading: str
    reading: Scene
    background_psnr: float
    background_ssim: float


def judge(picture: Image.Image, edit: Edit, source: Image.Image | None = None) -> Verdict:
    """Judges an edited picture.

    Args:
        picture: square, of any size.
        edit: what was asked for, with the scene it should have led to.
        source: what the picture is compared with outside the mask; None for a rendering of the source scene.

    Raises:
        InputError: a picture that is not square or below `SMALLEST_SIDE`, or a source of another size.
    """
    pixels = _square(picture)
    before = render_pixels(edit.source, len(pixels)) if source is None else _square(source)
    if before.shape != pixels.shape:
        raise InputError(f"the picture is {len(pixels)} pixels wide and its source {len(before)}; give equal sizes")
    wanted = _wanted(edit)
    background, seen = read_places(pixels, [region for region, _ in wanted])
    fits = [_look(found) == _look(item) for found, (_, item) in zip(seen, wanted, strict=True)]
    same_background = background == edit.target.background
    if edit.type == "background":
        region_ok, rest_ok, reading = same_background, all(fits), BACKGROUNDS[background].names[0]
    else:
        region_ok, rest_ok, reading = fits[0], same_background and all(fits[1:]), _name(seen[0])
    outside_ok = rest_ok and _same_layout(pixels, edit.target)
    mask = edit_mask(edit, len(pixels))
    objects = sorted((item for item in seen if item is not None), key=lambda item: item.x)
    return Verdict(
        region_ok and outside_ok,
        region_ok,
        outside_ok,
        reading,
        Scene(background, tuple(objects)),
        outside_psnr(pixels, before, mask),
        outside_ssim(pixels, before, mask),
    )


def _square(picture: Image.Image) -> Pixels:
    if picture.width != picture.height:
        raise InputError(f"the picture is {picture.width}x{picture.height}; only square pictures show the world")
    if picture.width < SMALLEST_SIDE:
        raise InputError(f"the picture is {picture.width} pixels wide; the judge needs {SMALLEST_SIDE} or more")
    return np.asarray(as_rgb(picture))


def _same_layout(pixels: Pixels, scene: Scene) -> bool:
    """Whether no large object in the middle explains the picture better than small ones at the sides, or vice versa."""
    layouts = {stands_in_the_middle(item) for item in read_scene(pixels).objects}
    return layouts <= {stands_in_the_middle(item) for item in scene.objects}


def _wanted(edit: Edit) -> list[tuple[Region, SceneObject | None]]:
    """Where to look and what should be there; an edited object comes first, and empty places are to stay empty."""
    changed = changed_objects(edit)
    wanted: list[tuple[Region, SceneObject | None]] = []
    if edit.type in ("add", "remove"):
        [item] = changed
        wanted.append((slot_of(item), item if edit.type == "add" else None))
    elif changed:
        _, new = changed
        wanted.append((Region.around(new, _REACH), new))
    wanted += [(Region.around(item, _REACH), item) for item in edit.target.objects if item not in changed]
    if edit.type != "remove" and is_beside_an_empty_place(edit.target):
        [item] = edit.target.objects
        wanted.append((_other_slot(item), None))
    return wanted


def _other_slot(item: SceneObject) -> Region:
    return slot_of(SceneObject(item.kind, item.colour, 1 - item.x, item.y, item.size))


def _look(item: SceneObject | None) -> tuple[str, str | None] | None:
    return None if item is None else (item.kind, item.colour)


def _name(item: SceneObject | None) -> str:
    return NOTHING if item is None else describe_object(item)
