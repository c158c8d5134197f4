"""The paper's Table 1: shots against captions, averaged over the two wordings of the prompt."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from ...rewriting.formats import WORDINGS
from ..optional_libraries import import_extra
from ..runs.configurations import COLUMNS, SHOTS
from .data_frames import Frame
from .published import PAPER, PAPER_TABLE_1, PaperCell
from .table_notes import about
from .tables import ABSENT, HEADS, Table, best_of, count, emphasised, number

CELL = ("shots", "captions", "lock_first_caption", "gold")
"""What makes a cell; its two wordings are averaged."""
_FORMULA = (
    "A cell is the average over the wordings of the prompt, {pair}, each with the sample standard deviation "
    "(divisor n - 1) of the wordings' figures in brackets; a cell without brackets has one wording, and one with "
    "failed edits says how many. Bold: the best average, the set's own captions (oracle) left out; the paper has the "
    "oracle in its Table 2."
)
_HEADS = (
    "shots",
    *(f"{count(captions, 'caption')}{'' if own else ', written too'}" for captions, own in COLUMNS),
)


def is_grid(frame: Frame) -> bool:
    """Whether there is more than one cell."""
    return len(frame[list(CELL)].drop_duplicates()) > 1


def paper_table(frame: Frame, name: str, figures: tuple[str, str]) -> Table:
    """Table 1 of configurations that differ in nothing but the grid's options.

    Args:
        figures: the two of a cell: in the paper a CLIP-T, which is `clip_t_local` or `clip_t_global`, and `clip_i`.
    """
    data = cells_of(frame, figures)
    rows: list[tuple[str, ...]] = []
    for gold in (False, True):
        for shots in sorted({*SHOTS, *(row["shots"] for _, row in data.iterrows())}):
            line = [_text(data, (shots, *column, gold)) for column in COLUMNS]
            if any(cell != ABSENT for cell in line):
                rows.append((f"{shots}{', oracle' if gold else ''}", *line))
    pair = " / ".join(HEADS[figure] for figure in figures)
    title = f"{frame['dataset'].iloc[0]}, {frame['setting'].iloc[0]} turns: {pair} by shots and captions"
    return Table(name, title, f"{about(frame)} {_FORMULA.format(pair=pair)}", _HEADS, tuple(rows), data)


def cells_of(frame: Frame, figures: Sequence[str]) -> Frame:
    """One row for each cell: figures of each wording, their average and both kinds of standard deviation."""
    pandas = import_extra("pandas")
    made: list[dict[str, Any]] = []
    for keys, group in frame.groupby(list(CELL), sort=True):
        row: dict[str, Any] = {
            **dict(zip(CELL, keys, strict=True)),
            "n": len(group),
            "failed": int(group["failed"].sum()),
        }
        for figure in figures:
            means = group.groupby("wording")[figure].mean()
            row.update({f"{figure}_{wording}": means.get(wording) for wording in WORDINGS})
            row[figure] = means.mean()
            row[f"{figure}_sample_deviation"] = means.std(ddof=1)
            row[f"{figure}_population_deviation"] = means.std(ddof=0)
        made.append(row)
    return pandas.DataFrame(made)


def _text(data: Frame, cell: Sequence[object]) -> str:
    found = data[(data[list(CELL)] == list(cell)).all(axis=1)]
    if not len(found):
        return ABSENT
    row, scored = found.iloc[0], data[~data["gold"].astype(bool)]
    figures = [str(column) for column in data.columns if f"{column}_sample_deviation" in data.columns]
    best = {name: None if cell[-1] else best_of(scored[name], name) for name in figures}
    text = " / ".join(averaged(row, name, best[name]) for name in figures)
    return f"{text}, {row['failed']} failed" if row["failed"] else text


def averaged(row: Any, name: str, best: str | None = None) -> str:
    """A figure of a row of `cells_of`, with its standard deviation in brackets where there is one."""
    text, deviation = number(float(row[name]), name), float(row[f"{name}_sample_deviation"])
    bold = emphasised(text, best)
    return bold if math.isnan(deviation) else f"{bold} ({number(deviation, name)})"


def published_table(name: str) -> Table:
    """The paper's own figures."""
    rows: list[tuple[str, ...]] = []
    best = {
        figure: best_of((getattr(cell, figure) for cell in PAPER_TABLE_1), figure) for figure in ("clip_t", "clip_i")
    }
    for shots in SHOTS:
        cells = [cell for cell in PAPER_TABLE_1 if cell.shots == shots]
        found = {(cell.captions, cell.with_captioner): _published(cell, best) for cell in cells}
        rows.append((str(shots), *(found.get(key, ABSENT) for key in COLUMNS)))
    caption = (
        f"Published: {PAPER}, on MagicBrush's test split; bold: the best. Neither which description CLIP-T is "
        "against nor whether the deviation in brackets is that of a sample or of a population is said there."
    )
    data = import_extra("pandas").DataFrame([vars(cell) for cell in PAPER_TABLE_1])
    return Table(name, "Published: CLIP-T / CLIP-I by shots and captions", caption, _HEADS, tuple(rows), data)


def _published(cell: PaperCell, best: Mapping[str, str | None]) -> str:
    return (
        f"{emphasised(number(cell.clip_t), best['clip_t'])} ({cell.clip_t_deviation:.4f}) / "
        f"{emphasised(number(cell.clip_i), best['clip_i'])} ({cell.clip_i_deviation:.4f})"
    )
