"""Tables and page: the right figures, honest captions, nothing from anywhere else."""

from __future__ import annotations

import math
import random
import re
import statistics
from collections.abc import Sequence
from dataclasses import replace

import pytest

from pix2pix_onthefly.evaluation.data.turns import MULTI, SINGLE
from pix2pix_onthefly.evaluation.report.published import MAGICBRUSH_TABLE, PAPER_TABLE_1
from pix2pix_onthefly.evaluation.report.tables import Table, as_csv, as_markdown, best_of
from pix2pix_onthefly.evaluation.report.writing import summaries, tables_of
from pix2pix_onthefly.evaluation.runs.configurations import GOLD
from pix2pix_onthefly.evaluation.runs.result_files import Result
from tests.evaluation.report.made_up import data_of, grid, mean_of, table
from tests.evaluation.runs.made import failed, minibrush, rendered, result, scores


def column(made: Table, head: str) -> list[str]:
    return [row[made.head.index(head)].strip("*") for row in made.rows]


def test_the_papers_table_averages_the_two_wordings() -> None:
    results = grid()
    made = table(results, "magicbrush-test-single-table1-local")
    assert made.head[1:] == ("1 caption, written too", "1 caption", "2 captions", "4 captions")
    assert [row[0] for row in made.rows] == ["0", "1", "3", "1, oracle"]
    cell = {"shots": 3, "captions": 2, "lock_first_caption": True}
    expected: list[str] = []
    for figure in ("clip_t_local", "clip_i"):
        means = [mean_of(results, figure, **cell, wording=wording) for wording in ("terse", "detailed")]
        assert statistics.stdev(means) == pytest.approx(abs(means[0] - means[1]) / math.sqrt(2))
        expected.append(f"{statistics.fmean(means):.4f} ({statistics.stdev(means):.4f})")
    assert made.rows[2][3].replace("**", "") == " / ".join(expected)
    assert "sample standard deviation (divisor n - 1)" in made.caption
    assert "openai/clip-vit-base-patch32" in made.caption
    assert "CLIP-T local / CLIP-I by shots and captions" in made.title
    assert "CLIP-T global / CLIP-I" in table(results, "magicbrush-test-single-table1-global").title
    assert not [one.name for one in tables_of(results) if one.name.endswith("table1-success")]


def test_the_papers_table_stores_the_figure_of_each_wording() -> None:
    results = grid()
    data = data_of(table(results, "magicbrush-test-single-table1-local"))
    assert len(data) == 13
    row = data[(data.shots == 0) & (data.captions == 4)].iloc[0]
    cell = {"shots": 0, "captions": 4}
    for wording in ("terse", "detailed"):
        assert row[f"clip_i_{wording}"] == pytest.approx(mean_of(results, "clip_i", **cell, wording=wording), abs=1e-6)
    assert row.clip_i_population_deviation == pytest.approx(row.clip_i_sample_deviation / math.sqrt(2), abs=2e-6)
    assert row.n == 8


def test_the_best_average_is_bold_and_the_oracle_is_not() -> None:
    results = [
        replace(made, scores=scores(clip_t_local=0.9, clip_i=0.99)) if made.caption_source == GOLD else made
        for made in grid()
    ]
    rows = table(results, "magicbrush-test-single-table1-local").rows
    assert sum(cell.count("**") for row in rows[:-1] for cell in row) == 4
    assert "**" not in "".join(rows[-1])
    assert rows[-1][2] == "0.9000 (0.0000) / 0.9900 (0.0000)"


def test_minibrush_has_the_judges_figures_by_shots_and_captions_too() -> None:
    right = {"success": True, "region_ok": True, "outside_ok": True, "background_psnr": 20.0, "background_ssim": 0.9}
    results = [
        replace(made, rendered=True, edit_type="add", verdict={**right, "success": made.options["wording"] == "terse"})
        for made in grid()
    ]
    made = table(results, "magicbrush-test-single-table1-success")
    assert made.rows[0][1] == "0.500 (0.707) / 20.00 (0.00)"


def test_only_a_best_that_stands_out_is_bold() -> None:
    """Not where all rows read alike, be it that nobody succeeded, and not where only one row has the figure."""
    rows = [rendered("remove", False, method=method, configuration=method, session="1") for method in "ab"]
    made = table(rows, "minibrush-dev-single-methods")
    assert "**" not in "".join(cell for row in made.rows for cell in row)
    better = replace(rows[1], scores=scores(l1=0.0, clip_i=0.9, dino=0.5))
    assert best_cells([rows[0], better], "minibrush-dev-single-methods") == {"CLIP-I"}
    photographs = [replace(made, rendered=False, verdict=None, edit_type=None) for made in (rows[0], better)]
    assert best_cells(photographs, "minibrush-dev-single-methods") == {"CLIP-I", "L1"}


def best_cells(results: Sequence[Result], name: str) -> set[str]:
    """Heads of the columns in which the second row alone is bold."""
    made = table(results, name)
    first, second = made.rows[:2]
    assert "**" not in "".join(first)
    return {head for head, cell in zip(made.head, second, strict=True) if cell.startswith("**")}


@pytest.mark.parametrize(
    ("values", "name", "best"),
    [
        ([0.1, 0.3, 0.2], "clip_i", "0.3000"),
        ([0.1, 0.3, 0.2], "l1", "0.1000"),
        ([0.0, 0.2], "l2", "0.0000"),
        ([0.0, 0.0], "success", None),
        ([0.30001, 0.30002], "clip_i", None),
        ([0.5, math.nan], "clip_i", None),
        ([math.nan, 0.5, 0.4], "clip_i", "0.5000"),
        ([math.nan, math.nan], "clip_i", None),
        ([], "clip_i", None),
    ],
)
def test_the_best_of_some_figures(values: list[float], name: str, best: str | None) -> None:
    assert best_of(values, name) == best


def test_one_wording_has_no_deviation() -> None:
    some = [made for made in grid() if made.options["wording"] == "terse" and made.options["shots"] == 1]
    rows = table(some, "magicbrush-test-single-table1-local").rows
    assert "(" not in "".join(rows[0])


def test_published_rows_stand_beside_ours_and_are_marked() -> None:
    made = table([result()], "magicbrush-test-single-methods")
    sources = dict(zip(column(made, "method"), column(made, "source"), strict=True))
    assert sources["Pix2Pix-OnTheFly"] == "measured"
    assert sources["InstructPix2Pix+MagicBrush"].startswith("published: MagicBrush, arXiv 2306.10012")
    assert len(made.rows) == 1 + 10
    ip2p = made.rows[column(made, "method").index("InstructPix2Pix")]
    assert [ip2p[made.head.index(head)] for head in ("L1", "CLIP-I", "CLIP-T local")] == ["0.1122", "0.8524", "0.2764"]
    assert "1053 turns" in made.caption
    multi = table([result(setting=MULTI)], "magicbrush-test-multi-methods")
    assert column(multi, "CLIP-I")[1:][column(multi, "method")[1:].index("HIVE")] == "0.8004"


def test_published_figures_are_complete() -> None:
    assert len(MAGICBRUSH_TABLE) == 19
    assert len(PAPER_TABLE_1) == 12
    assert all(0.24 <= row.clip_t <= 0.39 for row in MAGICBRUSH_TABLE)
    assert max(cell.clip_t for cell in PAPER_TABLE_1) == 0.2817
    assert {row.method for row in MAGICBRUSH_TABLE if row.setting == SINGLE} >= {
        row.method for row in MAGICBRUSH_TABLE if row.setting == MULTI
    }


def test_dino_has_a_column_where_it_has_figures() -> None:
    some = [result(session=str(number), scores=scores(dino=0.5)) for number in range(3)]
    made = table(some, "magicbrush-test-single-methods")
    assert column(made, "DINO")[:2] == ["0.5000", "0.7632"]
    assert "n of DINO" not in made.head
    assert made.caption.count("DINO is facebook/dino-vits16.") == 1
    without = table([result()], "magicbrush-test-single-methods")
    assert not [head for head in without.head if "DINO" in head]
    assert "DINO" not in without.caption


def test_a_mean_over_some_of_the_edits_says_over_how_many() -> None:
    """Edits that failed have no figures at all and are counted elsewhere."""
    whole = [result(configuration="b", session=str(number), scores=scores(dino=0.5)) for number in range(3)]
    made = table([*whole, failed(whole[0], "no")], "magicbrush-test-single-methods")
    assert "n of DINO" not in made.head
    part = [result(configuration="a", session="1", scores=scores(dino=0.25)), result(configuration="a", session="2")]
    made = table([*whole, *part], "magicbrush-test-single-methods")
    assert column(made, "DINO")[:2] == ["0.2500", "0.5000"]
    assert column(made, "n of DINO")[:3] == ["1", "3", "-"]
    assert "it did not score all edits" in made.caption
    assert list(data_of(made).n_dino[:2]) == [1, 3]
    alone = table([*part[:1], rendered("add", True, scores=scores(dino=0.75))], "minibrush-dev-single-methods")
    assert column(alone, "DINO") == ["0.7500"]


def test_rows_of_one_method_are_told_apart_by_its_own_settings() -> None:
    """Also where an option of ours has the same name."""
    shared = {"steps": 100, "size": None}
    results = [
        result(configuration=name, method="ddim", settings={**shared, "guidance_scale": scale, "negative": negative})
        for name, scale, negative in (("a", 7.5, "empty"), ("b", 12.0, "empty"), ("c", 7.5, "source"))
    ]
    results = [replace(made, options={**made.options, "guidance_scale": 5.0}) for made in results]
    made = table(results, "magicbrush-test-single-methods")
    assert "ddim, own guidance scale 12.0, own negative empty" in column(made, "method")
    assert "ddim, own guidance scale 7.5, own negative source" in column(made, "method")


def test_minibrush_counts_a_failed_edit_as_unsuccessful() -> None:
    made = table(minibrush(), "minibrush-dev-single-methods")
    row = dict(zip(made.head, made.rows[0], strict=True))
    assert (row["n"], row["success"]) == ("4", "0.500")
    assert (row["replace"], row["recolour"], row["add"]) == ("1.000", "0.500", "0.000")
    assert row["CLIP-T local"] == f"{(0.27 + 0.27 + 0.5) / 3:.4f}"
    assert row["CLIP-T local, not blank"] == "0.2700"
    assert (row["background PSNR"], row["reconstruction PSNR"], row["complied"]) == ("25.00", "29.00", "1.000")
    assert "1 of 4 edits failed; they count as unsuccessful" in made.caption
    assert "4 turns of 3 sessions" in made.caption
    assert "1 of 4 local ones are blank" in made.caption
    assert "InstructPix2Pix" not in as_markdown(made)


def test_a_summary_for_programs() -> None:
    [row] = summaries(minibrush())
    assert {key: row[key] for key in ("n", "failed", "success", "background_psnr", "clip_i", "setting")} == {
        "n": 4,
        "failed": 1,
        "success": 0.5,
        "background_psnr": 25.0,
        "clip_i": 0.8,
        "setting": "single",
    }
    assert row["clip_t"] == pytest.approx((0.27 + 0.27 + 0.5) / 3, abs=1e-6)


def test_of_a_chain_only_the_last_picture_counts() -> None:
    chain = [
        result(setting=MULTI, turn=1, final=False, scores=scores(clip_i=0.1)),
        result(setting=MULTI, turn=2, final=True, scores=scores(clip_i=0.6)),
    ]
    made = table(chain, "magicbrush-test-multi-methods")
    assert (column(made, "n")[0], column(made, "CLIP-I")[0]) == ("1", "0.6000")


def two_rows(gap: float) -> list[Result]:
    rng = random.Random(1)
    made: list[Result] = []
    for session in range(30):
        likeness = rng.uniform(0.5, 0.9)
        for name, more in (("a", 0.0), ("b", gap)):
            figures = scores(clip_i=likeness + more, clip_t_local=0.2 + more + rng.uniform(-0.1, 0.1))
            options = {"guidance_scale": 5.0 if name == "a" else 2.0}
            made.append(
                result(configuration=name, session=str(session), place=session, scores=figures, options=options)
            )
    return made


def test_every_difference_has_an_interval() -> None:
    made = table(two_rows(0.05), "magicbrush-test-single-differences")
    assert made.head == ("row", "turns", "failed", "CLIP-T local", "CLIP-T global", "CLIP-I", "L1")
    [row] = made.rows
    assert row[0] == "Pix2Pix-OnTheFly, guidance scale 5.0"
    assert row[5] == "**-0.0500 [-0.0500, -0.0500]**"
    assert row[6] == "+0.0000 [+0.0000, +0.0000]"
    assert re.fullmatch(r"\**-0\.\d{4} \[[+-]0\.\d{4}, [+-]0\.\d{4}\]\**", row[3])
    assert "paired bootstrap that draws whole sessions (2000 resamples, seed 0)" in made.caption
    assert "guidance scale 2.0" in made.caption
    data = data_of(made)
    assert set(data.columns) == {"row", "less", "figure", "difference", "low", "high", "turns", "sessions"}


def test_tables_do_not_depend_on_the_order_of_lines() -> None:
    results = [*grid(), *minibrush(), *two_rows(0.01)]
    shuffled = random.Random(2).sample(results, len(results))
    one, other = (
        [as_markdown(made) + as_csv(made) for made in tables_of(_read(lines))] for lines in (results, shuffled)
    )
    assert one == other


def _read(results: Sequence[Result]) -> list[Result]:
    """In the order in which they are read from files."""
    return sorted(results, key=lambda made: (made.dataset, made.configuration, made.setting, made.place))


def test_rows_of_different_programs_are_told() -> None:
    results = two_rows(0.0)
    assert "different states" not in table(results, "magicbrush-test-single-methods").caption
    results[0] = replace(results[0], revision="def")
    assert "2 different states of the program" in table(results, "magicbrush-test-single-methods").caption


def test_rows_of_different_turns_are_told() -> None:
    results = two_rows(0.0)
    assert "Rows differ" not in table(results, "magicbrush-test-single-methods").caption
    assert "Rows differ in the number of turns" in table(results[:-1], "magicbrush-test-single-methods").caption


def test_cells_cannot_break_out_of_markdown() -> None:
    [line] = [
        line
        for line in as_markdown(table([result(method="a|b")], "magicbrush-test-single-methods")).split("\n")
        if "a\\|b" in line
    ]
    assert line.startswith("| a\\|b ")
