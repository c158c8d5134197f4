"""How crisp drawings are said to be."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image, ImageFilter

from pix2pix_onthefly.world.judge import Reading
from pix2pix_onthefly.world.renderer import render_pixels
from pix2pix_onthefly.world.scenes import Scene, SceneObject
from training.drawing import OFFSET, Crispness, Drawn, judge_drawings, read_true_pictures
from training.scenes import held_out_scenes

OWL = SceneObject("owl", None, 0.5, 0.53, 0.6)
CAT = SceneObject("cat", None, 0.5, 0.53, 0.6)


def _drawn(error: float, *objects: SceneObject) -> Drawn:
    scene = Scene("beach", objects)
    return Drawn(scene, Reading(scene.background, scene.objects, error))


def test_crispness_is_the_psnr_to_the_nearest_rendering() -> None:
    assert _drawn(255**2 / 100, OWL).crispness == pytest.approx(20)
    assert _drawn(255**2 / 1000, OWL).crispness == pytest.approx(30)
    assert np.isfinite(_drawn(0.0, OWL).crispness)


def test_median_tenth_and_kinds_worst_first() -> None:
    psnrs = range(20, 31)
    found = Crispness.of([_drawn(255**2 / 10 ** (psnr / 10), CAT if psnr > 27 else OWL) for psnr in psnrs])
    assert (found.median, found.tenth, found.count) == pytest.approx((25, 21, 11))
    assert list(found.kinds) == ["owl", "cat"]
    assert found.kinds["owl"] == (pytest.approx(23.5), 8)


def test_a_picture_of_two_counts_for_both_kinds_and_twins_once() -> None:
    assert {kind: count for kind, (_, count) in Crispness.of([_drawn(9.0, OWL, CAT)]).kinds.items()} == {
        "owl": 1,
        "cat": 1,
    }
    assert Crispness.of([_drawn(9.0, OWL, OWL)]).kinds["owl"][1] == 1


def test_true_pictures_are_crisper_than_blurred_ones() -> None:
    scenes = held_out_scenes(4, OFFSET)
    pictures = [Image.fromarray(render_pixels(scene)).filter(ImageFilter.GaussianBlur(2)) for scene in scenes]
    true, blurred = read_true_pictures(4), judge_drawings(scenes, np.stack([np.asarray(item) for item in pictures]))
    assert all(item.all for item in true)
    assert Crispness.of(true).tenth > 28 > Crispness.of(blurred).median
