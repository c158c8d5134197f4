"""Batches drawn by torch show what the world's renderer shows."""

from __future__ import annotations

import random

import pytest
import torch

from pix2pix_onthefly.world.scenes import Scene, SceneObject, sample_scene
from training import compositing
from training.compositing import Layout, SceneRenderer
from training.scenes import pixels_of

CPU = torch.device("cpu")


def _scenes(count: int) -> list[Scene]:
    return [sample_scene(random.Random(index), pair_share=0.4) for index in range(count)]


@pytest.mark.parametrize("side", [64, 128])
def test_equals_the_renderer_within_rounding(side: int) -> None:
    scenes = _scenes(60)
    levels = (SceneRenderer(CPU, side).pixels_of(scenes) - pixels_of(scenes, side)).abs() * 127.5
    assert levels.shape == (60, 3, side, side)
    assert levels.max() < 1.01
    assert (levels > 0.5).float().mean() < 1e-4


def test_objects_that_leave_the_picture_and_empty_scenes() -> None:
    item = SceneObject("apple", "red", 0.02, 0.97, 0.5)
    scenes = [Scene("beach", ()), Scene("night", (item,)), Scene("snow", (SceneObject("owl", None, 0.9, 0.1, 0.6),))]
    assert torch.allclose(SceneRenderer(CPU, 64).pixels_of(scenes), pixels_of(scenes, 64), atol=1.01 / 127.5)


def test_later_batches_and_parts_of_batches_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    scenes, renderer = _scenes(30), SceneRenderer(CPU, 64)
    renderer.pixels_of(scenes[20:])
    monkeypatch.setattr(compositing, "CHUNK", 7)
    assert torch.equal(renderer.pixels_of(scenes), SceneRenderer(CPU, 64).pixels_of(scenes))


def test_a_layout_is_small() -> None:
    layout = Layout.of(_scenes(8))
    parts = (layout.backgrounds, layout.looks, layout.boxes)
    assert sum(part.numel() * part.element_size() for part in parts) == 8 * 8 * (1 + 2 + 2 * 3)
