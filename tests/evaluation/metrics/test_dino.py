"""DINO in evaluation: a tiny random one out of the hub's cache, and runs where it is not to be had."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import ViTModel

from pix2pix_onthefly.evaluation.data.magicbrush import load_dataset
from pix2pix_onthefly.evaluation.data.turns import Dataset
from pix2pix_onthefly.evaluation.metrics.embeddings import DinoScorer
from pix2pix_onthefly.evaluation.metrics.scores import read_rgb
from pix2pix_onthefly.evaluation.metrics.scoring import Scorer
from pix2pix_onthefly.models.families import DEFAULT_FAMILY, DINO, FAMILIES
from tests.cli.helpers import onthefly
from tests.evaluation.fixtures import draw_picture, write_set
from tests.evaluation.runs.made import answer_at_once
from tests.fake_hub import FakeHub, connect, go_offline
from tests.saved_models import save_dino

CPU = torch.device("cpu")
NOTE = (
    "DINO is left out: the weights of facebook/dino-vits16 cannot be loaded: they are not on this machine, and "
    "HF_HUB_OFFLINE is set; run 'onthefly models fetch facebook/dino-vits16' once while online"
)


@pytest.fixture(autouse=True)
def _bundled_clip(monkeypatch: pytest.MonkeyPatch) -> None:
    """In the place of OpenAI's, for photographs too."""
    monkeypatch.setattr(Scorer, "clip_row", FAMILIES[DEFAULT_FAMILY].clip)


@pytest.fixture
def fake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FakeHub:
    """An empty cache, without a network."""
    made = connect(tmp_path / "cache", monkeypatch)
    go_offline(monkeypatch)
    return made


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> tuple[ViTModel, dict[str, bytes]]:
    """The network, and its files by name."""
    folder = tmp_path_factory.mktemp("dino")
    saved = save_dino(folder)
    return saved, {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.fixture
def photographs(folder: Path) -> Dataset:
    return load_dataset(folder)


def direct(model: ViTModel, *pictures: Any) -> float:
    """By the network's own parts: the class token behind the last layer norm."""
    tokens: list[torch.Tensor] = []
    for picture in pictures:
        with torch.no_grad():
            hidden = model.embeddings(DinoScorer.preprocess(picture))
            for layer in model.layers:
                hidden = layer(hidden)
            tokens.append(model.layernorm(hidden)[0, 0])
    return float(torch.nn.functional.cosine_similarity(*tokens, dim=0))


def test_photographs_are_scored_by_the_dino_of_the_cache(
    fake: FakeHub, model: tuple[ViTModel, dict[str, bytes]], photographs: Dataset
) -> None:
    fake.put(DINO.source, model[1], DINO.revision)
    scorer = Scorer(photographs, CPU)
    turn, picture = photographs.turns[0], draw_picture(77, (48, 40))
    scores, _ = scorer.score(turn, picture)
    wanted = direct(model[0], picture, read_rgb(turn.target))
    assert scores["dino"] == pytest.approx(wanted, abs=1e-6)
    assert wanted < 0.999
    assert scorer.dino[1] == ""


def test_without_weights_the_other_figures_are_made_and_a_note_says_why(fake: FakeHub, photographs: Dataset) -> None:
    scorer = Scorer(photographs, CPU)
    scores, _ = scorer.score(photographs.turns[0], draw_picture(7))
    assert scores["dino"] is None
    assert abs(scores["clip_i"]) <= 1
    assert scorer.dino == (None, NOTE)


def test_a_download_is_tried_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, photographs: Dataset) -> None:
    tried: list[str] = []

    def fail(name: str, **_: Any) -> str:
        tried.append(name)
        raise OSError("no route")

    connect(tmp_path / "cache", monkeypatch)
    monkeypatch.setattr("huggingface_hub.snapshot_download", fail)
    scorer = Scorer(photographs, CPU)
    for turn in photographs.turns[:3]:
        scorer.score(turn, draw_picture(7))
    assert tried == [DINO.source]
    assert "the download failed (no route)" in scorer.dino[1]


def test_other_weights_in_its_place_are_left_out_too(
    fake: FakeHub, model: tuple[ViTModel, dict[str, bytes]], photographs: Dataset, tmp_path: Path
) -> None:
    torch.save({"weight": torch.zeros(1)}, tmp_path / "other.bin")
    fake.put(DINO.source, {**model[1], "pytorch_model.bin": (tmp_path / "other.bin").read_bytes()}, DINO.revision)
    scorer, note = Scorer(photographs, CPU).dino
    assert scorer is None
    assert "they are not those of a ViTModel" in note


def test_minibrush_takes_dino_where_it_is_and_never_asks_for_it(
    fake: FakeHub, model: tuple[ViTModel, dict[str, bytes]], world: Path
) -> None:
    rendered = load_dataset(world)
    assert Scorer(rendered, CPU).dino == (None, "")
    fake.put(DINO.source, model[1], DINO.revision)
    turn = rendered.turns[0]
    scores, verdict = Scorer(rendered, CPU).score(turn, read_rgb(turn.target))
    assert scores["dino"] == pytest.approx(1, abs=1e-6)
    assert verdict is not None


def test_a_run_tells_once_that_dino_is_left_out_and_goes_on_with_it(
    fake: FakeHub,
    model: tuple[ViTModel, dict[str, bytes]],
    tmp_path: Path,
    tiny_family: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Results of before stay as they are; the table says how many edits have the figure."""
    answer_at_once(monkeypatch)
    monkeypatch.chdir(tmp_path)
    write_set(Path("set"), {"1": 1, "2": 1, "3": 1})
    arguments = ("evaluate", "set", "--out", "out", "--batch", "1", "--steps", "2", "--attempts", "1", "--shots", "0")
    first = onthefly(*arguments, "--limit", "2")
    assert first.exit_code == 0, first.output
    assert first.stderr.count("DINO") == 1
    assert f"Note: {NOTE}" in first.stderr
    assert "DINO" not in first.stdout
    fake.put(DINO.source, model[1], DINO.revision)
    second = onthefly(*arguments)
    assert second.exit_code == 0, second.output
    assert "DINO" not in second.stderr
    [line] = [line for line in second.stdout.splitlines() if "| measured " in line]
    head = next(line for line in second.stdout.splitlines() if line.startswith("| method"))
    cells = dict(zip(*([cell.strip() for cell in row.split("|")] for row in (head, line)), strict=True))
    assert (cells["n"], cells["n of DINO"]) == ("3", "1")
    assert float(cells["DINO"]) <= 1
    assert len(list(Path("out/results").glob("*.jsonl"))) == 1
