"""The paper's Table 2: all its rows, ours beside them, each marked."""

from __future__ import annotations

import statistics
from dataclasses import asdict
from functools import cache
from pathlib import Path

import pytest

from pix2pix_onthefly.evaluation.data.magicbrush import load_dataset
from pix2pix_onthefly.evaluation.data.turns import MULTI, Dataset, Turn
from pix2pix_onthefly.evaluation.metrics.embeddings import ClipScorer
from pix2pix_onthefly.evaluation.metrics.scores import Metrics, read_rgb
from pix2pix_onthefly.evaluation.report.writing import tables_of, write_report
from pix2pix_onthefly.evaluation.runs.batches import WHOLE
from pix2pix_onthefly.evaluation.runs.configurations import GOLD
from pix2pix_onthefly.evaluation.runs.result_files import Result, opened_results
from tests.evaluation.fixtures import mini_clip, write_set
from tests.evaluation.report.made_up import table
from tests.evaluation.runs.made import minibrush, result

OURS = "ours, 1 shot, 1 caption"
ORACLE = f"{OURS}, with gold caption (oracle)"
PUBLISHED = [
    (ORACLE, "0.2845 (0.0005)", "0.8636 (0.0015)"),
    (OURS, "0.2817 (0.0003)", "0.8310 (0.0002)"),
    ("InstructPix2Pix*", "0.2764", "0.8524"),
    ("HIVE*", "0.2752", "0.8519"),
    ("HIVE+MagicBrush*", "0.2812", "0.9189"),
    ("InstructPix2Pix+MagicBrush*", "0.2781", "0.9332"),
]
"""As printed."""
RIVALS = "instruct-pix2pix", "hive", "hive-magicbrush", "instruct-pix2pix-magicbrush"


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    return load_dataset(write_set(tmp_path_factory.mktemp("set")))


@cache
def _metrics() -> Metrics:
    return Metrics(ClipScorer(*mini_clip()))


def edits(dataset: Dataset, method: str, wording: str = "terse", source: str = "captioner") -> list[Result]:
    """Edits of the set by a method whose every picture is the turn's source, or its gold picture from gold captions."""
    return [_edit(turn, place, method, wording, source) for place, turn in enumerate(dataset.turns)]


def _edit(turn: Turn, place: int, method: str, wording: str, source: str) -> Result:
    shown = turn.target if source == GOLD or wording == "detailed" else turn.source
    return result(
        configuration=f"{method}-{wording}-{source}",
        dataset="MagicBrush test",
        session=turn.session,
        turn=turn.number,
        place=place,
        method=method,
        options={"wording": wording},
        caption_source=source,
        instruction=turn.instruction,
        blank=turn.is_blank,
        scores=asdict(_metrics().score(turn, read_rgb(shown))),
    )


def test_it_has_every_row_of_the_paper_and_ours_below_each(dataset: Dataset, tmp_path: Path) -> None:
    ours = "Pix2Pix-OnTheFly"
    results = [
        *(edit for wording in ("terse", "detailed") for edit in edits(dataset, ours, wording)),
        *(edit for wording in ("terse", "detailed") for edit in edits(dataset, ours, wording, GOLD)),
        *(edit for rival in RIVALS for edit in edits(dataset, rival)),
    ]
    for edit in results:
        with opened_results(tmp_path, edit.configuration, WHOLE) as file:
            file.append([edit])
    written = write_report([tmp_path], tmp_path)
    made = next(made for made in written.tables if made.name == "magicbrush-test-single-table2")
    rows = [dict(zip(made.head, row, strict=True)) for row in made.rows]
    assert [(row["model"], row["CLIP-T"], row["CLIP-I"]) for row in rows if row["source"] == "published"] == PUBLISHED
    assert [row["source"] for row in rows] == ["published", "measured"] * 6
    assert [row["model"].rstrip("*") for row in rows[::2]] == [row["model"] for row in rows[1::2]]
    assert {(row["turns"], row["failed"]) for row in rows[1::2]} == {("6", "0")}
    assert {row["turns"] for row in rows[::2]} == {"1053"}
    means = [_mean(results, ours, wording) for wording in ("terse", "detailed")]
    assert rows[3]["CLIP-I"] == f"{statistics.fmean(means):.4f} ({statistics.stdev(means):.4f})"
    assert rows[1]["CLIP-I"] == "1.0000 (0.0000)"
    assert rows[5]["CLIP-I"] == f"{_mean(results, 'instruct-pix2pix', 'terse'):.4f}"
    assert "| HIVE+MagicBrush*" in written.markdown.read_text("utf-8")
    assert "InstructPix2Pix+MagicBrush*" in written.page.read_text("utf-8")


def _mean(results: list[Result], method: str, wording: str) -> float:
    found = [made for made in results if (made.method, made.options["wording"]) == (method, wording)]
    return statistics.fmean(made.scores["clip_i"] for made in found if made.scores and made.caption_source != GOLD)


def test_without_measured_rows_it_says_so() -> None:
    made = table([result(method="ddim")], "magicbrush-test-single-table2")
    assert [(row[0], row[2], row[4]) for row in made.rows] == PUBLISHED
    assert "None of these models was measured here." in made.caption


def test_rows_that_differ_in_more_than_the_wording_are_told_apart() -> None:
    options = [{"guidance_scale": scale} for scale in (2.0, 5.0)]
    made = table([result(options=own) for own in options], "magicbrush-test-single-table2")
    names = [row[0] for row in made.rows if row[-1] == "measured"]
    assert sorted(names) == [
        f"{OURS}: Pix2Pix-OnTheFly, guidance scale 2.0",
        f"{OURS}: Pix2Pix-OnTheFly, guidance scale 5.0",
    ]


def test_another_number_of_shots_is_not_the_papers_best_model() -> None:
    made = table([result(options={"shots": 3})], "magicbrush-test-single-table2")
    assert not [row for row in made.rows if row[-1] == "measured"]


def test_published_figures_stand_beside_no_other_kind_of_edit() -> None:
    names = [made.name for made in tables_of([*minibrush(), result(setting=MULTI)])]
    assert not [name for name in names if name.endswith("table2")]
