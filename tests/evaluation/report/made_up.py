"""Made-up results of the paper's grid, and what tables say of results."""

from __future__ import annotations

import io
import random
import statistics
from collections.abc import Sequence
from typing import Any

import pandas

from pix2pix_onthefly.evaluation.report.tables import Table, as_csv
from pix2pix_onthefly.evaluation.report.writing import tables_of
from pix2pix_onthefly.evaluation.runs.configurations import COLUMNS, GOLD, SHOTS
from pix2pix_onthefly.evaluation.runs.result_files import Result
from tests.evaluation.runs.made import result, scores


def table(results: Sequence[Result], name: str) -> Table:
    return {made.name: made for made in tables_of(results)}[name]


def data_of(made: Table) -> Any:
    return pandas.read_csv(io.StringIO(as_csv(made)))


def grid(turns: int = 4) -> list[Result]:
    """The whole grid of Table 1, with made-up figures."""
    rng = random.Random(0)
    made: list[Result] = []
    cells = [(shots, *column, "captioner") for shots in SHOTS for column in COLUMNS] + [(1, 1, True, GOLD)]
    for shots, captions, own, source in cells:
        for wording in ("terse", "detailed"):
            options = {"shots": shots, "captions": captions, "lock_first_caption": own, "wording": wording}
            name = f"ours-{shots}-{captions}-{own}-{wording}-{source}"
            for turn in range(turns):
                figures = scores(clip_t_local=rng.uniform(0.2, 0.3), clip_i=rng.uniform(0.7, 0.9))
                made.append(
                    result(
                        configuration=name,
                        options=options,
                        caption_source=source,
                        session=str(turn // 2),
                        turn=turn % 2 + 1,
                        place=turn,
                        scores=figures,
                    )
                )
    return made


def mean_of(results: Sequence[Result], figure: str, **options: object) -> float:
    found = [
        made.scores[figure]
        for made in results
        if made.scores and made.caption_source != GOLD and all(made.options[key] == options[key] for key in options)
    ]
    return statistics.fmean(found)
