"""The true pictures, scored in place of generated ones, give what must come out."""

from __future__ import annotations

import statistics
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from typer.testing import CliRunner

from pix2pix_onthefly.cli.app import app
from pix2pix_onthefly.errors import OnTheFlyError
from pix2pix_onthefly.evaluation.data.magicbrush import load_dataset
from pix2pix_onthefly.evaluation.data.turns import MULTI, SINGLE, Dataset, Turn
from pix2pix_onthefly.evaluation.metrics import calibration
from pix2pix_onthefly.evaluation.metrics.calibration import Figure, as_table, calibrate
from pix2pix_onthefly.evaluation.metrics.embeddings import ClipScorer
from pix2pix_onthefly.evaluation.metrics.scores import read_rgb
from tests.evaluation.fixtures import mini_clip, write_set


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    return load_dataset(write_set(tmp_path_factory.mktemp("set")))


@pytest.fixture(scope="module")
def figures(dataset: Dataset) -> dict[tuple[str, str], Figure]:
    found = calibrate(dataset, ClipScorer(*mini_clip()))
    return {(figure.setting, figure.name): figure for figure in found}


def _agreement(turn: Turn, text: str | None) -> float:
    """By the model's own forward pass."""
    model, processor = mini_clip()
    inputs: Any = processor(text=[text or ""], images=read_rgb(turn.target), return_tensors="pt")
    with torch.no_grad():
        return float(model(**inputs).logits_per_image / model.logit_scale.exp())


@pytest.mark.parametrize("setting", [SINGLE, MULTI])
def test_a_true_picture_differs_from_itself_in_nothing(figures: dict[tuple[str, str], Figure], setting: str) -> None:
    assert figures[setting, "l1"].value == figures[setting, "l2"].value == 0
    assert figures[setting, "clip_i"].value == pytest.approx(1, abs=1e-6)
    assert all(figures[setting, name].agrees for name in ("l1", "l2", "clip_i"))


@pytest.mark.parametrize("setting", [SINGLE, MULTI])
def test_ceilings_are_means_over_turns(dataset: Dataset, figures: dict[tuple[str, str], Figure], setting: str) -> None:
    turns = dataset.turns_of(setting)
    local = [_agreement(turn, turn.local_caption) for turn in turns]
    worded = [value for turn, value in zip(turns, local, strict=True) if turn.local_caption]
    whole = [_agreement(turn, turn.global_caption) for turn in turns]
    for name, values in (
        ("clip_t_local", local),
        ("clip_t_local_without_blank", worded),
        ("clip_t_global", whole),
    ):
        figure = figures[setting, name]
        assert figure.value == pytest.approx(statistics.fmean(values), abs=1e-6)
        assert figure.turns == len(values)


def test_published_ceilings_stand_only_beside_the_whole_test_split(
    dataset: Dataset, figures: dict[tuple[str, str], Figure], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert figures[SINGLE, "clip_t_local"].expected is None
    monkeypatch.setattr(calibration, "TEST_SESSIONS", 3)
    monkeypatch.setattr(calibration, "TEST_TURNS", 6)
    found = {(figure.setting, figure.name): figure for figure in calibrate(dataset, ClipScorer(*mini_clip()))}
    expected = {key: figure.expected.value for key, figure in found.items() if figure.expected}
    assert expected[SINGLE, "clip_t_local"] == 0.2826
    assert expected[MULTI, "clip_t_local"] == 0.2855
    assert found[SINGLE, "clip_t_local"].agrees is False  # another CLIP, other pictures
    assert found[SINGLE, "clip_t_global"].agrees is None  # its source does not say enough
    lines = as_table(tuple(found.values())).to_dict("records")
    line = next(line for line in lines if (line["setting"], line["figure"]) == (MULTI, "clip_t_local"))
    assert (line["expected"], line["agrees"], line["turns"]) == (0.2855, "no", 3)


def test_the_program_prints_the_table(tmp_path: Path) -> None:
    folder = write_set(tmp_path / "test")
    done = CliRunner().invoke(app, ["calibrate", str(tmp_path), "--family", "mini", "--device", "cpu"])
    assert done.exit_code == 0
    printed = done.stdout
    assert "MagicBrush test: 3 sessions, 6 turns" in printed
    assert "1 of 6 turns have a blank local description" in printed
    rows = [line.split() for line in printed.splitlines() if "clip_i" in line]
    assert [row[:6] for row in rows] == [
        ["single", "clip_i", "6", "1.0000", "1.0000", "yes"],
        ["multi", "clip_i", "3", "1.0000", "1.0000", "yes"],
    ]
    (folder / "images" / "30" / "30-input.png").unlink()
    refused = CliRunner().invoke(app, ["calibrate", str(folder)])
    assert refused.exit_code == 2
    assert "Error: 1 pictures are missing" in refused.stderr


def test_without_pandas_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(OnTheFlyError, match=r"pip install 'pix2pix-onthefly\[evaluate\]'"):
        as_table(())
