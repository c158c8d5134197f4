"""The paper's four trends, read against results whose trends are known."""

from __future__ import annotations

import random
from collections.abc import Callable

from pix2pix_onthefly.evaluation.report.published import PAPER_TABLE_1, PaperCell
from pix2pix_onthefly.evaluation.report.trends import FAILS, HOLDS, UNTOLD
from pix2pix_onthefly.evaluation.runs.result_files import Result
from tests.evaluation.report.made_up import data_of, table
from tests.evaluation.runs.made import result, scores

NAME = "magicbrush-test-single-table1-trends"


def grid_of(
    figures: Callable[[PaperCell], tuple[float, float]], sessions: int = 24, noise: float = 0.0
) -> list[Result]:
    """The grid in both wordings; turns of a cell have its CLIP-T and CLIP-I but for their session and noise."""
    rng = random.Random(3)
    made: list[Result] = []
    for cell in PAPER_TABLE_1:
        for wording in ("terse", "detailed"):
            options = {"shots": cell.shots, "captions": cell.captions, "lock_first_caption": cell.with_captioner}
            for session in range(sessions):
                clip_t, clip_i = (value + session / 1000 + rng.gauss(0, noise) for value in figures(cell))
                made.append(
                    result(
                        configuration=f"{'-'.join(map(str, options.values()))}-{wording}",
                        options={**options, "wording": wording},
                        session=str(session),
                        place=session,
                        scores=scores(clip_t_local=clip_t, clip_t_global=None, clip_i=clip_i),
                    )
                )
    return made


def verdicts(results: list[Result]) -> list[tuple[str, str, str]]:
    """Trend, figure and verdict."""
    made = table(results, NAME)
    assert made.head == ("trend", "figure", "the paper says", "its Table 1 says", "measured", "failed", "verdict")
    return [(row[0], row[1], row[-1].split(":")[0]) for row in made.rows]


def as_published(cell: PaperCell) -> tuple[float, float]:
    return cell.clip_t, cell.clip_i


def test_results_with_the_papers_own_figures_have_its_trends() -> None:
    """All but one, which its own averages do not bear out: CLIP-I is lower with 3 shots than with 1."""
    found = verdicts(grid_of(as_published))
    assert found == [
        ("1", "CLIP-I", FAILS),
        ("1", "CLIP-T local", HOLDS),
        ("2", "CLIP-I", HOLDS),
        ("2", "CLIP-T local", HOLDS),
        ("3", "CLIP-I", HOLDS),
        ("3", "CLIP-T local", HOLDS),
        ("3", "CLIP-T local", HOLDS),
        ("4", "CLIP-I", HOLDS),
        ("4", "CLIP-T local", HOLDS),
    ]
    [first, *_] = table(grid_of(as_published), NAME).rows
    assert first[3] == "1 shot against 0: +0.0032; 3 shots against 1: -0.0003 (not as said)"
    assert first[-1] == "does not hold: 3 shots against 1 goes the other way"


def test_the_papers_own_numbers_stand_beside_ours_with_an_interval() -> None:
    made = table(grid_of(as_published, noise=0.002), NAME)
    rows = {(row[0], row[1]): row for row in made.rows}
    said, measured = rows["4", "CLIP-T local"][3:5]
    assert said == "1 shot, 1 caption against the best other, 1 shot, 2 captions: +0.0017"
    assert measured.startswith("1 shot, 1 caption against the best other, 1 shot, 2 captions: **+0.00")
    data = data_of(made)
    step = data[(data.trend == 2) & (data.figure == "clip_i")].iloc[0]
    assert abs(step.published - 0.0194) < 1e-4
    assert step.low < step.difference < step.high
    assert (step.turns, step.sessions, step.verdict) == (24, 24, HOLDS)


def test_results_that_go_the_other_way_do_not_hold() -> None:
    found = verdicts(grid_of(lambda cell: (1 - cell.clip_t, 1 - cell.clip_i)))
    assert {verdict for _, _, verdict in found} == {FAILS}


def test_results_that_are_the_same_everywhere_do_not_hold() -> None:
    found = table(grid_of(lambda _: (0.3, 0.8)), NAME).rows
    assert {row[-1].split(":")[0] for row in found} == {FAILS}
    assert found[0][-1] == "does not hold: 1 shot against 0 changes nothing; 3 shots against 1 changes nothing"


def test_what_noise_hides_cannot_be_told() -> None:
    rows = table(grid_of(as_published, noise=0.2), NAME).rows
    assert rows[2][-1] == "cannot be told: the interval holds zero for locked in against written"


def test_a_few_sessions_tell_nothing() -> None:
    rows = table(grid_of(as_published, sessions=9), NAME).rows
    assert {row[-1] for row in rows} == {f"{UNTOLD}: 9 sessions only"}


def test_missing_cells_are_told() -> None:
    results = [made for made in grid_of(as_published) if made.options["shots"] != 3]
    found = {(row[0], row[1]): row for row in table(results, NAME).rows}
    assert found["1", "CLIP-T local"][-1] == f"{UNTOLD}: cells are missing"
    assert found["4", "CLIP-I"][4] == "no such cells"
    assert found["4", "CLIP-T local"][-1] == HOLDS
