"""Snapshots: read, measured once, tabulated, drawn; and captions drawn with two sets of weights."""

from __future__ import annotations

import argparse
import shutil
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest

from training import curve, diffusion, drawn_sheet
from training.curve import Point, Snapshot, measured_once, snapshots_in, table
from training.curve_drawing import draw_curve

POINTS = [Point(110_000, 22.2, 20.1, 0.99, 22.3, 0.75, 26.8), Point(1_000_000, 27.1, 24.2, 1.0, 27.0, 0.8, 28.0)]


@pytest.fixture
def snapshot(tmp_path: Path) -> Snapshot:
    folder = tmp_path / "snapshots/110000"
    for part in ("unet", "text_encoder"):
        (folder / part).mkdir(parents=True)
        shutil.copy(diffusion.FOLDER / part / "config.json", folder / part)
        (folder / part / "model.safetensors").write_bytes(b"weights")
    (tmp_path / "snapshots/.235000").mkdir()
    return Snapshot(110_000, folder)


def test_a_folder_of_snapshots_is_read_by_its_names(snapshot: Snapshot) -> None:
    assert snapshots_in(snapshot.folder.parent) == [snapshot]
    assert Snapshot.read(f"110000={snapshot.folder}") == snapshot


@pytest.mark.parametrize(
    ("text", "words"),
    [("out/before", "PICTURES=FOLDER"), ("x=out", "PICTURES=FOLDER"), ("7=no", "holds no unet")],
)
def test_other_texts_are_refused(text: str, words: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError, match=words):
        Snapshot.read(text)


def test_weights_are_measured_once_and_again_when_they_or_the_settings_change(
    snapshot: Snapshot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[tuple[int, int]] = []

    def measure(_: Snapshot, captions: int, edits: int) -> Point:
        asked.append((captions, edits))
        return POINTS[0]

    monkeypatch.setattr(curve, "measure", measure)
    for captions in (48, 48, 200):
        assert measured_once(snapshot, captions, 48, tmp_path / "kept") == POINTS[0]
    assert asked == [(48, 48), (200, 48)]
    (snapshot.folder / "unet/model.safetensors").write_bytes(b"more training")
    measured_once(snapshot, 200, 48, tmp_path / "kept")
    assert len(asked) == 3


def test_the_table_names_how_many_it_was_measured_on() -> None:
    lines = table(POINTS, 48, 40).splitlines()
    assert "median of 48" in lines[0]
    assert "success of 40 edits" in lines[0]
    assert lines[2] == "| 110,000 | 22.2 | 20.1 | 22.3 | 99.0% | 0.750 | 26.8 |"


def test_the_same_figures_draw_the_same_bytes(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    for name in ("one.svg", "other.svg", "picture.png"):
        draw_curve([asdict(point) for point in POINTS], tmp_path / name)
    assert (tmp_path / "one.svg").read_bytes() == (tmp_path / "other.svg").read_bytes()
    assert (tmp_path / "picture.png").stat().st_size > 10_000


def test_the_same_weights_draw_the_same_pictures_on_both_sides_of_a_sheet() -> None:
    scenes, columns = drawn_sheet.columns_of(diffusion.FOLDER, diffusion.FOLDER, 1, guidance_scale=3.0)
    before, after, true = columns
    assert np.array_equal(before.pictures, after.pictures)
    assert not np.array_equal(after.pictures, true.pictures)
    assert true.summary()["median"] > after.summary()["median"] > 15
    sheet = drawn_sheet.draw_sheet(scenes, columns)
    assert sheet.width >= 3 * 128
    assert len(np.unique(np.asarray(sheet).reshape(-1, 3), axis=0)) > 1000
