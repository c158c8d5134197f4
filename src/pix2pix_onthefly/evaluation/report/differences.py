"""Differences between rows, each with the interval it is known within."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

from ..optional_libraries import import_extra
from .bootstrap import LEVEL, RESAMPLES, SEED, Figures, Interval, paired_interval
from .data_frames import ALL_WRITTEN, Frame, phrase
from .paper_table import CELL
from .table_notes import FAILED_PAIRS
from .tables import ABSENT, BOLD, HEADS, Table, count, number

_RENDERED = ("success", "background_psnr", "clip_t_local", "clip_t_global", "clip_i")
_PHOTOGRAPHS = ("clip_t_local", "clip_t_global", "clip_i", "l1")
_EXPLANATION = (
    "Differences from the row with the best {best}, {reference} (of which {failed} failed), over the turns both rows "
    f"have, with {LEVEL:.0%} intervals of a paired bootstrap that draws whole sessions ({RESAMPLES} resamples, seed "
    f"{SEED}); bold where the interval leaves zero out. {FAILED_PAIRS} The CSV file has all pairs of rows."
)


@dataclass(frozen=True)
class Row:
    """What is compared.

    Attributes:
        figures: name of a figure to its values by session and turn.
        failed: how many of its edits failed.
    """

    figures: Mapping[str, Figures]
    failed: int


Rows = Mapping[str, Row]
"""By label."""


def rows_of(frame: Frame) -> Rows:
    """A row for each configuration."""
    return _rows(frame, figures_of(frame))


def cells_of(frame: Frame) -> Rows:
    """A row for each cell of the paper's Table 1: a turn counts as the average over its wordings."""
    figures = figures_of(frame)
    groups = frame.groupby([*CELL, "session", "turn"], sort=True)
    whole = groups[list(figures)].count().eq(groups.size(), axis=0)  # a wording that failed leaves no average
    averaged = groups[list(figures)].mean().where(whole).join(groups["failed"].sum()).reset_index()
    names = [_cell_name(*cell) for cell in zip(*(averaged[name] for name in CELL), strict=True)]
    return _rows(averaged.assign(label=names), figures)


def figures_of(frame: Frame) -> tuple[str, ...]:
    """The figures that rows of a set are compared by, as far as there are any."""
    names = _RENDERED if frame["rendered"].iloc[0] else _PHOTOGRAPHS
    return tuple(name for name in names if frame[name].notna().any())


def _cell_name(shots: object, captions: object, own: object, gold: object) -> str:
    parts = phrase("shots", shots), phrase("captions", captions), "" if own else ALL_WRITTEN, "oracle" if gold else ""
    return ", ".join(part for part in parts if part)


def _rows(frame: Frame, figures: Sequence[str]) -> Rows:
    return {
        str(name): Row({figure: of_turns(group, figure) for figure in figures}, int(group["failed"].sum()))
        for name, group in frame.groupby("label", sort=True)
    }


def of_turns(group: Frame, figure: str) -> Figures:
    """Session and turn to a figure, where it is known."""
    known = group[group[figure].notna()]
    return {
        (str(session), int(turn)): float(value)
        for session, turn, value in zip(known["session"], known["turn"], known[figure], strict=True)
    }


def differences(rows: Rows, name: str, title: str) -> Table:
    """Every row against the best one; in the data all pairs."""
    figures = list(next(iter(rows.values())).figures)
    best = figures[0]
    reference = max(rows, key=lambda label: (_mean(rows[label].figures[best]), label))
    head = ("row", "turns", "failed", *(HEADS[figure] for figure in figures))
    lines: list[tuple[str, ...]] = []
    for label, row in rows.items():
        if label != reference:
            found = {
                figure: paired_interval(row.figures[figure], rows[reference].figures[figure]) for figure in figures
            }
            turns = str(max((interval.turns for interval in found.values() if interval), default=0))
            cells = (in_words(figure, interval) for figure, interval in found.items())
            lines.append((label, turns, str(row.failed), *cells))
    failed = count(rows[reference].failed, "edit")
    caption = _EXPLANATION.format(best=HEADS[best], reference=reference, failed=failed)
    return Table(name, title, caption, head, tuple(lines), _all_pairs(rows, figures))


def _mean(figures: Figures) -> float:
    return sum(figures.values()) / len(figures) if figures else float("-inf")


def in_words(figure: str, interval: Interval | None) -> str:
    """The difference with its interval in brackets, bold where it leaves zero out."""
    if interval is None:
        return ABSENT
    signed = [f"{'' if text.startswith('-') else '+'}{text}" for text in _numbers(figure, interval)]
    text = f"{signed[0]} [{signed[1]}, {signed[2]}]"
    return f"{BOLD}{text}{BOLD}" if interval.is_sure else text


def _numbers(figure: str, interval: Interval) -> list[str]:
    return [number(value, figure) for value in (interval.difference, interval.low, interval.high)]


def _all_pairs(rows: Rows, figures: Sequence[str]) -> Frame:
    made: list[dict[str, Any]] = []
    for one, other in combinations(rows, 2):
        for figure in figures:
            interval = paired_interval(rows[one].figures[figure], rows[other].figures[figure])
            made.append({"row": one, "less": other, "figure": figure, **(vars(interval) if interval else {})})
    return import_extra("pandas").DataFrame(made)
