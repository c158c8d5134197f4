"""Failed edits are never dropped without a word: every table says how many there are, the page says why."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from pix2pix_onthefly.evaluation.report.writing import tables_of, write_report
from pix2pix_onthefly.evaluation.runs.batches import WHOLE
from pix2pix_onthefly.evaluation.runs.result_files import Result, opened_results
from tests.evaluation.report.made_up import data_of, grid, table
from tests.evaluation.runs.made import failed, minibrush, rendered, result, scores

MESSAGE = "/home/someone/sets/7-input.png cannot be read (denied)"


def two_rows(rows: int = 4) -> list[Result]:
    """Two configurations, the second of which failed at its first two turns."""
    one = [
        rendered("add", True, configuration="a", method="a", session=str(number), place=number)
        for number in range(rows)
    ]
    other = [replace(made, configuration="b", method="b") for made in one]
    return [*one, *(failed(made, MESSAGE) for made in other[:2]), *other[2:]]


def test_each_row_of_each_table_says_how_many_edits_failed() -> None:
    made = {table.name.removeprefix("minibrush-dev-single-"): table for table in tables_of(two_rows())}
    assert set(made) == {"methods", "failures", "differences"}
    methods = made["methods"]
    assert [row[methods.head.index("failed")] for row in methods.rows] == ["0", "2"]
    assert [row[methods.head.index("success")] for row in methods.rows] == ["**1.000**", "0.500"]
    assert "2 of 8 edits failed; they count as unsuccessful, and the other figures are means over the rest" in (
        methods.caption
    )
    [row] = made["differences"].rows
    assert row[:3] == ("b", "4", "2")
    assert "a (of which 0 edits failed)" in made["differences"].caption
    assert "counts as unsuccessful, and is left out of both rows in every other figure" in made["differences"].caption


def test_where_nobody_judges_a_failed_edit_has_no_figures_and_the_table_says_so() -> None:
    made = table([result(), failed(result(session="11"), "no")], "magicbrush-test-single-methods")
    assert made.rows[0][made.head.index("failed")] == "1"
    assert "1 of 2 edits failed; they have no figures, and all means are over the rest." in made.caption
    assert "None of 1 edit failed." in table([result()], "magicbrush-test-single-methods").caption


def test_cells_and_trends_of_the_grid_count_their_failed_edits() -> None:
    results = grid()
    first = next(made for made in results if made.options["captions"] == 4 and made.options["shots"] == 0)
    results[results.index(first)] = failed(first, "no")
    cells = table(results, "magicbrush-test-single-table1-local").rows
    assert ["failed" in cell for cell in cells[0]] == [False, False, False, False, True]
    assert cells[0][4].endswith(", 1 failed")
    choices = table(results, "magicbrush-test-single-table1-choices")
    found = {row[0]: row[1] for row in choices.rows}
    assert (found["4 captions against 1"], found["2 captions against 1"]) == ("1", "0")
    trends = table(results, "magicbrush-test-single-table1-trends")
    assert {row[0]: row[5] for row in trends.rows if row[1] == "CLIP-I"} == {"1": "1", "2": "0", "3": "1", "4": "0"}


def test_a_failed_edit_is_left_out_of_both_sides_of_a_contrast() -> None:
    """Otherwise the other side would keep a turn, easy or hard, that this one has lost."""
    options = {"lock_first_caption": True, "wording": "terse"}
    results = [
        result(
            configuration=f"{shots} {captions}",
            options={**options, "shots": shots, "captions": captions},
            session=str(session),
            place=session,
            scores=scores(clip_i=0.5 + session / 100 + shots / 10),
        )
        for shots in (0, 1)
        for captions in (1, 2)
        for session in range(3)
    ]
    results[0] = failed(results[0], "no")
    data = data_of(table(results, "magicbrush-test-single-table1-choices"))
    found = data[(data.contrast == "1 shot against 0") & (data.figure == "clip_i")].iloc[0]
    assert (found.difference, found.low, found.high, found.turns) == (0.1, 0.1, 0.1, 3)


def test_reasons_are_counted_and_name_no_folder(tmp_path: Path) -> None:
    results = two_rows()
    reasons = table(results, "minibrush-dev-single-failures")
    assert reasons.rows == (("b", "2", "7-input.png cannot be read (denied)"),)
    warned = replace(results[0], warnings=[f"a warning about {MESSAGE}"])
    for made in (warned, *results[1:]):
        with opened_results(tmp_path, made.configuration, WHOLE) as file:
            file.append([made])
    written = write_report([tmp_path], tmp_path)
    files = [written.page, written.markdown, *sorted((tmp_path / "tables").iterdir())]
    assert not [path.name for path in files if "/home" in path.read_text("utf-8")]
    page = written.page.read_text("utf-8")
    assert "<dt>why</dt><dd>7-input.png cannot be read (denied)</dd>" in page
    assert "a warning about 7-input.png" in page
    assert "2 of them failed: each says why" in page


def test_a_set_without_failures_has_no_table_of_them() -> None:
    whole = [made for made in minibrush() if made.error is None]
    assert not [made.name for made in tables_of(whole) if made.name.endswith("failures")]
