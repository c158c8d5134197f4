"""Differences between rows, each with the interval it is known within."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import combinations
from typing import Any

from ..optional_libraries import import_extra
from .bootstrap import LEVEL, RESAMPLES, SEED, Figures, Interval, paired_interval
from .data_frames import ALL_WRITTEN, Frame, phrase
from .paper_table import CELL
from .tables import ABSENT, HEADS, Table, number

_RENDERED = ("success", "background_psnr", "clip_t_local", "clip_t_global", "clip_i")
_PHOTOGRAPHS = ("clip_t_local", "clip_t_global", "clip_i", "l1")
_EXPLANATION = (
    f"Differences from the row with the best {{best}}, {{reference}}, over the turns both rows have, with "
    f"{LEVEL:.0%} intervals of a paired bootstrap that draws whole sessions ({RESAMPLES} resamples, seed {SEED}); bold "
    "where the interval leaves zero out. The CSV file has all pairs of rows."
)

Rows = Mapping[str, Mapping[str, Figures]]
"""Label of a row to figure to its values by session and turn."""


def rows_of(frame: Frame) -> Rows:
    """A row for each configuration."""
    return _rows(frame, figures_of(frame))


def cells_of(frame: Frame) -> Rows:
    """A row for each cell of the paper's Table 1: a turn counts as the average over its wordings."""
    figures = figures_of(frame)
    averaged = frame.groupby([*CELL, "session", "turn"], sort=True)[list(figures)].mean().reset_index()
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
        str(name): {figure: of_turns(group, figure) for figure in figures}
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
    figures = list(next(iter(rows.values())))
    best = figures[0]
    reference = max(rows, key=lambda label: (_mean(rows[label][best]), label))
    head = ("row", "turns", *(HEADS[figure] for figure in figures))
    lines: list[tuple[str, ...]] = []
    for label in rows:
        if label != reference:
            found = {figure: paired_interval(rows[label][figure], rows[reference][figure]) for figure in figures}
            turns = str(max((interval.turns for interval in found.values() if interval), default=0))
            lines.append((label, turns, *(in_words(figure, interval) for figure, interval in found.items())))
    caption = _EXPLANATION.format(best=HEADS[best], reference=reference)
    return Table(name, title, caption, head, tuple(lines), _all_pairs(rows, figures))


def _mean(figures: Figures) -> float:
    return sum(figures.values()) / len(figures) if figures else float("-inf")


def in_words(figure: str, interval: Interval | None) -> str:
    """The difference with its interval in brackets, bold where it leaves zero out."""
    if interval is None:
        return ABSENT
    signed = [f"{'' if text.startswith('-') else '+'}{text}" for text in _numbers(figure, interval)]
    text = f"{signed[0]} [{signed[1]}, {signed[2]}]"
    return f"**{text}**" if interval.is_sure else text


def _numbers(figure: str, interval: Interval) -> list[str]:
    return [number(value, figure) for value in (interval.difference, interval.low, interval.high)]


def _all_pairs(rows: Rows, figures: Sequence[str]) -> Frame:
    made: list[dict[str, Any]] = []
    for one, other in combinations(rows, 2):
        for figure in figures:
            interval = paired_interval(rows[one][figure], rows[other][figure])
            made.append({"row": one, "less": other, "figure": figure, **(vars(interval) if interval else {})})
    return import_extra("pandas").DataFrame(made)
