"""What a choice of the paper's grid changes, averaged over the others."""

from __future__ import annotations

import pytest

from pix2pix_onthefly.evaluation.runs.configurations import GOLD
from tests.evaluation.report.made_up import data_of, grid, mean_of, table


def test_trends_are_differences_over_the_cells_that_differ_in_nothing_else() -> None:
    results = grid()
    made = table(results, "magicbrush-test-single-table1-choices")
    assert len(made.rows) == 7
    data = data_of(made)
    row = data[(data.contrast == "4 captions against 1") & (data.figure == "clip_i")].iloc[0]
    found = [mean_of(results, "clip_i", captions=captions, lock_first_caption=True) for captions in (4, 1)]
    assert row.difference == pytest.approx(found[0] - found[1], abs=1e-6)
    assert row.low <= row.difference <= row.high
    oracle = next(row for row in made.rows if "oracle" in row[0])
    assert oracle[-2:] == ("+0.0028", "+0.0326")  # .2845 less .2817, .8636 less .8310
    assert next(row for row in made.rows if "wording" in row[0])[-2:] == ("-", "-")


def test_a_trend_leaves_out_cells_without_a_counterpart() -> None:
    results = [made for made in grid() if made.caption_source != GOLD]
    some = [made for made in results if (made.options["shots"], made.options["captions"]) != (3, 4)]
    without = [made for made in results if made.options["shots"] != 3]
    found = [
        [row for row in table(given, "magicbrush-test-single-table1-choices").rows if row[0] == "4 captions against 1"]
        for given in (some, without)
    ]
    assert found[0] == found[1] != []
