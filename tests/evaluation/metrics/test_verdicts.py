"""The judge of MiniBrush: right pictures pass, wrong ones do not, and it says what it saw."""

from __future__ import annotations

import json
from dataclasses import replace
from functools import lru_cache

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageFilter
from typer.testing import CliRunner

from pix2pix_onthefly.cli.app import app
from pix2pix_onthefly.errors import InputError
from pix2pix_onthefly.evaluation.data.minibrush_sessions import SPLITS, make_sessions
from pix2pix_onthefly.evaluation.metrics import verdict_check
from pix2pix_onthefly.evaluation.metrics.preservation import edit_mask, outside_psnr, outside_ssim
from pix2pix_onthefly.evaluation.metrics.verdict_check import ErrorRate, judge_error_rates
from pix2pix_onthefly.evaluation.metrics.verdicts import judge
from pix2pix_onthefly.world.instructions import EDIT_TYPES, Edit
from pix2pix_onthefly.world.renderer import render
from pix2pix_onthefly.world.scenes import Scene, SceneObject

SIDE = 96
APPLE = SceneObject("apple", "red", 0.27, 0.55, 0.42)
OWL = SceneObject("owl", None, 0.73, 0.56, 0.40)
FOX = SceneObject("fox", None, 0.5, 0.53, 0.62)
GREEN = replace(APPLE, colour="green")
PAIR = Scene("beach", (APPLE, OWL))

ADD = Edit("add", Scene("beach", (APPLE,)), PAIR, "add an owl", "add {b}", True)
REMOVE = Edit("remove", PAIR, Scene("beach", (OWL,)), "remove the apple", "remove the {b_}", True)
RECOLOUR = Edit("recolour", PAIR, Scene("beach", (GREEN, OWL)), "make the apple green", "make the {a_} {c}", True)
REPLACE = Edit(
    "replace",
    Scene("snow", (FOX,)),
    Scene("snow", (replace(FOX, kind="cat"),)),
    "make it a cat",
    "make it {b}",
    True,
    False,
)
BACKGROUND = Edit("background", PAIR, replace(PAIR, background="snow"), "put it in the snow", "put it {pp}", True)
EDITS = (REPLACE, RECOLOUR, BACKGROUND, ADD, REMOVE)


@lru_cache
def _sample() -> list[Edit]:
    """A dev edit of each type."""
    edits = [edit for session in make_sessions(SPLITS["dev"]) for edit in session.edits]
    return [edit for edit_type in EDIT_TYPES for edit in [e for e in edits if e.type == edit_type][5:6]]


@pytest.mark.parametrize("edit", EDITS, ids=lambda edit: edit.type)
def test_the_target_passes_and_the_source_does_not(edit: Edit) -> None:
    done = judge(render(edit.target, SIDE), edit)
    assert (done.success, done.region_ok, done.outside_ok) == (True, True, True)
    undone = judge(render(edit.source, SIDE), edit)
    assert (undone.success, undone.region_ok, undone.outside_ok) == (False, False, True)
    assert (undone.background_psnr, undone.background_ssim) == (99.0, pytest.approx(1.0))


@pytest.mark.parametrize(
    ("edit", "before", "after"),
    [
        (REPLACE, "a fox", "a cat"),
        (RECOLOUR, "a red apple", "a green apple"),
        (BACKGROUND, "the beach", "the snow"),
        (ADD, "nothing", "an owl"),
        (REMOVE, "a red apple", "nothing"),
    ],
    ids=lambda value: value.type if isinstance(value, Edit) else "",
)
def test_says_what_it_read_in_the_region(edit: Edit, before: str, after: str) -> None:
    assert judge(render(edit.source, SIDE), edit).region_reading == before
    assert judge(render(edit.target, SIDE), edit).region_reading == after


@pytest.mark.parametrize(
    ("edit", "shown"),
    [
        (RECOLOUR, Scene("beach", (GREEN, replace(OWL, kind="dog")))),
        (RECOLOUR, Scene("beach", (GREEN,))),
        (RECOLOUR, Scene("snow", (GREEN, OWL))),
        (RECOLOUR, Scene("beach", (GREEN, replace(OWL, y=0.7)))),
        (REMOVE, Scene("beach", (replace(OWL, kind="dog"),))),
        (REMOVE, Scene("beach", (replace(OWL, x=0.5, size=0.6),))),
        (ADD, Scene("beach", (GREEN, OWL))),
        (BACKGROUND, Scene("snow", (APPLE,))),
        (BACKGROUND, Scene("snow", (GREEN, OWL))),
    ],
)
def test_the_rest_must_stay(edit: Edit, shown: Scene) -> None:
    assert not judge(render(shown, SIDE), edit).outside_ok


def test_an_empty_place_must_stay_empty() -> None:
    alone = Scene("beach", (APPLE,))
    edit = Edit("recolour", alone, replace(alone, objects=(GREEN,)), "make it green", "make it {c}", True, False)
    verdict = judge(render(Scene("beach", (GREEN, OWL)), SIDE), edit)
    assert (verdict.region_ok, verdict.outside_ok) == (True, False)
    assert [item.kind for item in verdict.reading.objects] == ["apple", "owl"]


def test_one_object_in_the_middle_is_not_two_at_the_sides() -> None:
    twins = (replace(APPLE, kind="cat", colour=None), replace(OWL, kind="cat"))
    assert not judge(render(Scene("snow", twins), SIDE), REPLACE).success


@pytest.mark.parametrize("place", [(0.71, 0.53, 0.39), (0.75, 0.59, 0.45)])
def test_an_added_object_may_be_anywhere_in_its_place(place: tuple[float, float, float]) -> None:
    owl = SceneObject("owl", None, *place)
    picture = render(Scene("beach", (APPLE, owl)), SIDE)
    verdict = judge(picture, ADD)
    assert verdict.success
    assert verdict.background_psnr == 99.0


@pytest.mark.parametrize("side", [64, 128, 256])
def test_judges_pictures_of_any_size(side: int) -> None:
    assert judge(render(RECOLOUR.target, side), RECOLOUR).success
    assert not judge(render(RECOLOUR.source, side), RECOLOUR).success


def test_compares_with_the_given_source() -> None:
    source = render(RECOLOUR.source, SIDE).filter(ImageFilter.GaussianBlur(2))
    picture = render(RECOLOUR.target, SIDE)
    assert judge(picture, RECOLOUR, source).background_psnr < 40
    assert judge(picture, RECOLOUR).background_psnr == 99.0


def test_refuses_pictures_it_cannot_compare() -> None:
    with pytest.raises(InputError, match="64x48"):
        judge(Image.new("RGB", (64, 48)), REPLACE)
    with pytest.raises(InputError, match="16 pixels wide"):
        judge(Image.new("RGB", (16, 16)), REPLACE)
    with pytest.raises(InputError, match="96 pixels wide and its source 64"):
        judge(render(PAIR, 96), RECOLOUR, render(PAIR, 64))


def test_error_rates_on_a_sample() -> None:
    rates = judge_error_rates(_sample())
    assert [row.name for row in rates if not row.passed] == []
    assert {row.name: row.judged for row in rates}["source"] == 5
    assert min(row.judged for row in rates) > 0


def test_the_check_prints_a_table_and_json(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = [ErrorRate("target", 4, 4, 0.99, False), ErrorRate("source", 4, 1, 0.01, True)]
    monkeypatch.setattr(verdict_check, "judge_error_rates", lambda edits, _: rows)
    done = CliRunner().invoke(app, ["check-judge", "--count", "1", "--no-autoencoder"])
    assert done.exit_code == 1
    lines = done.stdout.splitlines()
    assert lines[1].split() == ["target", "4", "100.0%", ">=", "99%"]
    assert lines[2].split() == ["source", "4", "25.0%", "<=", "1%", "MISSED"]
    assert [row["passed"] for row in json.loads(lines[3])] == [True, False]


@pytest.mark.slow
def test_error_rates_on_whole_splits() -> None:
    assert CliRunner().invoke(app, ["check-judge", "--count", "120"]).exit_code == 0


def _slow_ssim(x: NDArray[np.uint8], y: NDArray[np.uint8], mask: NDArray[np.bool_]) -> float:
    """Pixel by pixel, straight from the definition."""
    values: list[float] = []
    small = (0.01 * 255) ** 2, (0.03 * 255) ** 2
    for row, column in np.argwhere(~mask):
        window = slice(max(0, row - 3), row + 4), slice(max(0, column - 3), column + 4)
        keep = ~mask[window]
        for channel in range(3):
            a, b = (image[window][keep][:, channel].astype(np.float64) for image in (x, y))
            both = ((a - a.mean()) * (b - b.mean())).mean()
            luminance = (2 * a.mean() * b.mean() + small[0]) / (a.mean() ** 2 + b.mean() ** 2 + small[0])
            values.append(luminance * (2 * both + small[1]) / (a.var() + b.var() + small[1]))
    return float(np.mean(values))


def _noise(seed: int) -> NDArray[np.uint8]:
    return np.random.default_rng(seed).integers(0, 256, (20, 20, 3), dtype=np.uint8)


def test_ssim_is_that_of_the_definition() -> None:
    mask = np.zeros((20, 20), dtype=np.bool_)
    mask[4:13, 6:20] = True
    mixed = (0.6 * _noise(1) + 0.4 * _noise(2)).astype(np.uint8)
    for region in (mask, np.zeros_like(mask), ~mask):
        assert outside_ssim(mixed, _noise(1), region) == pytest.approx(_slow_ssim(mixed, _noise(1), region))
    assert outside_ssim(_noise(1), _noise(1), mask) == pytest.approx(1)


def test_what_lies_under_the_mask_does_not_count() -> None:
    mask = edit_mask(RECOLOUR, SIDE)
    before = np.asarray(render(RECOLOUR.source, SIDE))
    after = np.where(mask[..., None], np.uint8(255) - before, before)
    assert outside_psnr(after, before, mask) == 99.0
    assert outside_ssim(after, before, mask) == pytest.approx(1)
    brighter = np.where(mask[..., None], before, np.minimum(before, 245) + np.uint8(10))
    plain = np.full_like(before, 100)
    assert outside_psnr(plain + np.uint8(10), plain, mask) == pytest.approx(20 * np.log10(25.5))
    assert outside_ssim(brighter, before, mask) < 1


def test_a_mask_over_everything_leaves_nothing_to_compare() -> None:
    for measure in (outside_psnr, outside_ssim):
        with pytest.raises(ValueError, match="nothing outside"):
            measure(_noise(1), _noise(2), np.ones((20, 20), dtype=np.bool_))
