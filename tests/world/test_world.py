"""The rendered world: what it holds, that it is the same everywhere, and that its words are exact."""

from __future__ import annotations

import hashlib
import random
from dataclasses import replace
from importlib.resources import files

import numpy as np
import pytest

from pix2pix_onthefly.world import backgrounds, sprites
from pix2pix_onthefly.world.captions import STYLES, describe, every_caption_word
from pix2pix_onthefly.world.instructions import (
    EDIT_TYPES,
    SEEN,
    UNSEEN,
    UNSPECIFIED_SEEN,
    UNSPECIFIED_UNSEEN,
    phrasing_count,
    sample_edit,
)
from pix2pix_onthefly.world.renderer import object_box, object_mask, render, render_pixels
from pix2pix_onthefly.world.scenes import Scene, SceneObject, sample_scene
from pix2pix_onthefly.world.vocabulary import BACKGROUNDS, COLOURS, KINDS

APPLE = SceneObject("apple", "red", 0.27, 0.55, 0.42)
OWL = SceneObject("owl", None, 0.73, 0.56, 0.40)
FOX = SceneObject("fox", None, 0.5, 0.53, 0.6)


def _templates(*tables: dict[str, tuple[str, ...]]) -> set[str]:
    return {template for table in tables for group in table.values() for template in group}


def test_size_of_the_world() -> None:
    coloured = [kind for kind in KINDS.values() if kind.comes_in_colours]
    assert len(KINDS) >= 40
    assert len(coloured) >= 8
    assert len(COLOURS) == 7
    assert len(BACKGROUNDS) == 14


def test_the_sprite_sheet_is_small() -> None:
    sheet = files("pix2pix_onthefly.world").joinpath("assets", "sprites.png")
    assert len(sheet.read_bytes()) < 1_000_000


def test_same_seed_same_bytes() -> None:
    scenes = [sample_scene(random.Random(seed)) for seed in range(6)]
    first = [render_pixels(scene, 96).tobytes() for scene in scenes]
    sprites.sprite.cache_clear()
    sprites.full_sprite.cache_clear()
    backgrounds.background.cache_clear()
    again = [sample_scene(random.Random(seed)) for seed in range(6)]
    assert again == scenes
    assert [render_pixels(scene, 96).tobytes() for scene in again] == first


@pytest.mark.parametrize(
    ("scene", "side", "digest"),
    [
        (Scene("white", (FOX,)), 96, "7336c2ec6e32f63cfaacb762dc2ceddaefc4e9341eed7f151d668e1f4e4e4a50"),
        (Scene("night", (APPLE, OWL)), 96, "acbeeec2405e9147b785823ed24708ef99c2cd43aa60618bde66a24957649bc4"),
        (
            Scene("sky", (replace(FOX, kind="umbrella", colour="pink"),)),
            128,
            "17152a68ecd59b57348c092ac9ea29f6811afe4454c77f74fb294ecfcc977c35",
        ),
    ],
)
def test_pictures_are_pinned(scene: Scene, side: int, digest: str) -> None:
    """A change here makes every trained model and every stored figure doubtful."""
    assert hashlib.sha256(render_pixels(scene, side).tobytes()).hexdigest() == digest


@pytest.mark.parametrize("kind", list(KINDS))
def test_every_kind_is_drawn(kind: str) -> None:
    empty = render_pixels(Scene("white", ()), 96).astype(int)
    looks: list[bytes] = []
    for colour in COLOURS if KINDS[kind].comes_in_colours else (None,):
        item = replace(FOX, kind=kind, colour=colour)
        pixels = render_pixels(Scene("white", (item,)), 96)
        looks.append(pixels.tobytes())
        mask = object_mask(item, 96)
        assert 0.05 < mask.mean() < 0.5
        assert (np.abs(pixels - empty).max(-1) > 20).mean() > 0.02
        left, top, size = object_box(item, 96)
        pixels[top : top + size, left : left + size] = empty[top : top + size, left : left + size]
        assert np.array_equal(pixels, empty)
    assert len(set(looks)) == len(looks)


def test_a_picture_has_the_asked_size() -> None:
    assert render(Scene("table", (APPLE, OWL)), 64).size == (64, 64)


@pytest.mark.parametrize(
    ("scene", "caption"),
    [
        (Scene("table", (APPLE,)), "a red apple on a wooden table"),
        (Scene("beach", (APPLE, OWL)), "a red apple next to an owl on the beach"),
        (Scene("gray", (OWL, APPLE)), "an owl next to a red apple on a gray background"),
        (Scene("night", (replace(APPLE, kind="umbrella", colour="orange"),)), "an orange umbrella under the night sky"),
        (Scene("sky", (FOX,)), "a fox in the cloudy sky"),
    ],
)
def test_captions_are_exact(scene: Scene, caption: str) -> None:
    assert describe(scene) == caption


def test_captions_in_other_words() -> None:
    scene = Scene("snow", (FOX,))
    captions = [describe(scene, style) for style in range(len(STYLES))]
    assert captions[2] == "a photo of a fox in the snow"
    assert len(set(captions)) == len(captions) == 16
    assert {word for caption in captions for word in caption.split()} <= set(every_caption_word())


def test_an_object_needs_a_known_kind_and_a_fitting_colour() -> None:
    for kind, colour in (("dragon", None), ("apple", None), ("owl", "red"), ("apple", "beige")):
        with pytest.raises(ValueError, match=r"kind|colour"):
            SceneObject(kind, colour, 0.5, 0.5, 0.6)
    with pytest.raises(ValueError, match="background"):
        Scene("moon", ())


def test_many_phrasings() -> None:
    assert phrasing_count() >= 150
    assert set(SEEN) == set(UNSEEN) == set(EDIT_TYPES)


def test_seen_and_unseen_phrasings_share_nothing() -> None:
    assert not _templates(SEEN, UNSPECIFIED_SEEN) & _templates(UNSEEN, UNSPECIFIED_UNSEEN)


def _changed_objects(source: Scene, target: Scene) -> list[tuple[SceneObject, SceneObject]]:
    assert target.background == source.background
    pairs = zip(source.objects, target.objects, strict=True)
    return [(old, new) for old, new in pairs if old != new]


def _check_outcome(edit_type: str, source: Scene, target: Scene) -> None:
    """Fails unless the two scenes differ in exactly what the type of edit says."""
    if edit_type == "replace":
        [(old, new)] = _changed_objects(source, target)
        assert new.kind != old.kind
        assert replace(new, kind=old.kind, colour=old.colour) == old
    elif edit_type == "recolour":
        [(old, new)] = _changed_objects(source, target)
        assert new.colour != old.colour
        assert replace(new, colour=old.colour) == old
    elif edit_type == "background":
        assert target.background != source.background
        assert target.objects == source.objects
    else:
        more, fewer = (target, source) if edit_type == "add" else (source, target)
        assert more.background == fewer.background
        assert (len(more.objects), len(fewer.objects)) == (2, 1)
        assert fewer.objects[0] in more.objects


@pytest.mark.parametrize("seen", [True, False])
@pytest.mark.parametrize("edit_type", EDIT_TYPES)
def test_edits_do_what_their_type_says(edit_type: str, seen: bool) -> None:
    mine, others = ((SEEN, UNSPECIFIED_SEEN), (UNSEEN, UNSPECIFIED_UNSEEN))[:: 1 if seen else -1]
    for seed in range(60):
        edit = sample_edit(random.Random(seed), edit_type, seen=seen)
        assert edit == sample_edit(random.Random(seed), edit_type, seen=seen)
        assert (edit.type, edit.seen) == (edit_type, seen)
        _check_outcome(edit_type, edit.source, edit.target)
        assert describe(edit.source) != describe(edit.target)
        assert edit.phrasing in mine[0 if edit.specified else 1][edit_type]
        assert edit.phrasing not in _templates(*others)
        assert edit.instruction
        assert not set("{}") & set(edit.instruction)
