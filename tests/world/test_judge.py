"""The judge reads what the renderer draws, clean and spoilt."""

from __future__ import annotations

import io
import random
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageFilter

from pix2pix_onthefly.world.judge import LOOKS, Reading, agrees, disagreements, read_scene
from pix2pix_onthefly.world.renderer import object_mask, render_pixels
from pix2pix_onthefly.world.scenes import Scene, SceneObject, place_in_slot, sample_scene
from pix2pix_onthefly.world.vocabulary import BACKGROUNDS

SIDE = 96
HELD_OUT = 7_500_000

Pixels = NDArray[np.uint8]

RED_APPLE = SceneObject("apple", "red", 0.27, 0.55, 0.42)
OWL = SceneObject("owl", None, 0.73, 0.56, 0.40)
PAIR = Scene("beach", (RED_APPLE, OWL))


def _blurred_and_noisy(pixels: Pixels) -> Pixels:
    blurred = np.asarray(Image.fromarray(pixels).filter(ImageFilter.GaussianBlur(1)), dtype=np.float64)
    noise = np.random.default_rng(1).normal(0, 10, pixels.shape)
    return np.clip(np.round(blurred + noise), 0, 255).astype(np.uint8)


def _compressed(pixels: Pixels) -> Pixels:
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "JPEG", quality=30)
    return np.asarray(Image.open(file).convert("RGB"))


def _tinted(pixels: Pixels) -> Pixels:
    return np.clip(pixels.astype(np.int64) + np.array([10, -8, 6]), 0, 255).astype(np.uint8)


def _scenes(count: int, start: int = HELD_OUT) -> list[Scene]:
    return [sample_scene(random.Random(start + index), pair_share=0.35) for index in range(count)]


@pytest.mark.parametrize("spoil", [np.copy, _blurred_and_noisy, _compressed, _tinted])
def test_reads_rendered_scenes(spoil: Callable[[Pixels], Pixels]) -> None:
    scenes = _scenes(12)
    wrong = [scene for scene in scenes if not agrees(read_scene(spoil(render_pixels(scene, SIDE))), scene)]
    assert wrong == []


def test_finds_place_and_size_to_the_pixel() -> None:
    for scene in _scenes(6, HELD_OUT + 100):
        reading = read_scene(render_pixels(scene, SIDE))
        assert reading.error == 0
        for seen, drawn in zip(reading.objects, scene.objects, strict=True):
            assert abs(seen.x - drawn.x) * SIDE <= 1
            assert abs(seen.y - drawn.y) * SIDE <= 1
            assert abs(seen.size - drawn.size) * SIDE <= 0.5
        assert np.array_equal(
            render_pixels(Scene(reading.background, reading.objects), SIDE), render_pixels(scene, SIDE)
        )


@pytest.mark.parametrize("word", list(BACKGROUNDS))
def test_reads_empty_backgrounds(word: str) -> None:
    for spoil in (np.copy, _blurred_and_noisy):
        reading = read_scene(spoil(render_pixels(Scene(word, ()), SIDE)))
        assert (reading.background, reading.objects) == (word, ())


def test_every_look_is_told_from_every_other() -> None:
    rng = random.Random(3)
    for index, (kind, colour) in enumerate(LOOKS):
        scene = Scene(list(BACKGROUNDS)[index % len(BACKGROUNDS)], (place_in_slot(rng, kind, colour, index % 2),))
        assert disagreements(read_scene(render_pixels(scene, SIDE), objects=1), scene) == ()


def test_a_background_in_an_odd_shade_hides_nothing() -> None:
    panda = Scene("pink", (SceneObject("panda", None, 0.5, 0.53, 0.62),))
    pixels, mask = render_pixels(panda, SIDE), object_mask(panda.objects[0], SIDE)[..., None]
    shaded = np.clip(pixels + (1 - mask) * np.array([5, -15, -60]), 0, 255).astype(np.uint8)
    assert agrees(read_scene(shaded), panda)


def test_a_ghost_is_no_object() -> None:
    with_owl, without = render_pixels(PAIR, SIDE), render_pixels(replace(PAIR, objects=(RED_APPLE,)), SIDE)
    ghost = np.round(0.3 * with_owl + 0.7 * without).astype(np.uint8)
    assert [item.kind for item in read_scene(ghost).objects] == ["apple"]


def test_the_number_of_objects_can_be_given() -> None:
    pixels = render_pixels(PAIR, SIDE)
    assert read_scene(pixels, objects=0).objects == ()
    assert len(read_scene(pixels, objects=1).objects) == 1
    assert agrees(read_scene(pixels, objects=2), PAIR)
    assert len(read_scene(render_pixels(Scene("snow", ()), SIDE), objects=2).objects) == 2


@pytest.mark.parametrize("side", [64, 128, 512])
def test_reads_other_sizes(side: int) -> None:
    assert agrees(read_scene(render_pixels(PAIR, side)), PAIR)


def test_reading_leaves_the_picture_alone() -> None:
    pixels = render_pixels(PAIR, SIDE)
    before = pixels.copy()
    first, second = read_scene(pixels), read_scene(pixels)
    assert first == second
    assert np.array_equal(pixels, before)


def test_says_which_part_failed() -> None:
    def check(scene: Scene, parts: tuple[str, ...]) -> None:
        reading = Reading(scene.background, scene.objects, 0.0)
        assert disagreements(reading, PAIR) == parts
        assert agrees(reading, PAIR) == (parts == ())

    green = replace(RED_APPLE, colour="green")
    check(PAIR, ())
    check(replace(PAIR, objects=(replace(RED_APPLE, x=0.3), replace(OWL, size=0.45))), ())
    check(replace(PAIR, background="snow"), ("background",))
    check(replace(PAIR, objects=(RED_APPLE,)), ("count",))
    check(replace(PAIR, objects=(OWL, RED_APPLE)), ("kind",))
    check(replace(PAIR, objects=(green, OWL)), ("colour",))
    check(replace(PAIR, objects=(green, replace(OWL, kind="cat"))), ("kind", "colour"))
    check(Scene("field", ()), ("background", "count"))


@pytest.mark.parametrize("shape", [(96, 80, 3), (96, 96), (96, 96, 4)])
def test_refuses_other_shapes(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="shape"):
        read_scene(np.zeros(shape, dtype=np.uint8))


def test_refuses_other_numbers_of_objects() -> None:
    with pytest.raises(ValueError, match="two objects"):
        read_scene(render_pixels(PAIR, SIDE), objects=3)
