"""Two choices of the paper's grid against each other, over all cells that differ in nothing else."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from statistics import fmean
from typing import Any

from ..optional_libraries import import_extra
from ..runs.configurations import GRID_OPTIONS, ORACLE
from .bootstrap import LEVEL, Interval, paired_interval
from .data_frames import Frame
from .differences import figures_of, in_words, of_turns
from .published import ORACLE_CELL, PAPER, PAPER_TABLE_1, PaperCell
from .table_notes import FAILED_PAIRS
from .tables import ABSENT, HEADS, Table, number

_FACTORS = (*GRID_OPTIONS, "gold")
_HELD: Mapping[str, object] = {"lock_first_caption": True, "gold": False}
_OTHER = "_other"
"""Marks the columns of a contrast's second side."""
_CAPTION = (
    f"What one choice changes in the mean, over all cells that differ in nothing else; {LEVEL:.0%} intervals of a "
    "paired bootstrap that draws whole sessions; bold where the interval leaves zero out. Published: the same "
    f"differences between the cells of {PAPER}, which gives no intervals. Failed: edits of the cells that are "
    f"compared. {FAILED_PAIRS}"
)


@dataclass(frozen=True)
class Contrast:
    """Two choices to be compared.

    Attributes:
        label: the first, and what it is compared with.
        one, other: what holds of the cells on either side.
        held: what holds of both, unless the contrast is about it: by default the paper's own choices.
    """

    label: str
    one: Mapping[str, object]
    other: Mapping[str, object] = field(repr=False)
    held: Mapping[str, object] = field(default_factory=lambda: _HELD, repr=False)

    @property
    def shared(self) -> list[str]:
        """What cells must have in common to be compared."""
        return [name for name in _FACTORS if name not in {**self.one, **self.other}]


_SHOTS, _CAPTIONS = ORACLE
_AS_ORACLE = {"shots": _SHOTS, "captions": _CAPTIONS}
CONTRASTS = (
    Contrast(
        "captioner's caption first, against all captions written",
        {"captions": 1, "lock_first_caption": True},
        {"captions": 1, "lock_first_caption": False},
    ),
    Contrast("2 captions against 1", {"captions": 2}, {"captions": 1}),
    Contrast("4 captions against 1", {"captions": 4}, {"captions": 1}),
    Contrast("1 shot against 0", {"shots": 1}, {"shots": 0}),
    Contrast("3 shots against 1", {"shots": 3}, {"shots": 1}),
    Contrast("detailed wording against terse", {"wording": "detailed"}, {"wording": "terse"}),
    Contrast("the set's captions (oracle) against the captioner's", {**_AS_ORACLE, "gold": True}, _AS_ORACLE),
)


def choices_table(frame: Frame, name: str, title: str) -> Table:
    """A row for each contrast that some cells allow.

    Args:
        frame: configurations that differ in nothing but the grid's options.
    """
    names = figures_of(frame)
    lines: list[tuple[str, ...]] = []
    made: list[dict[str, Any]] = []
    for contrast in CONTRASTS:
        found = {figure: interval_of(frame, contrast, figure) for figure in names}
        if any(found.values()):
            failed = failed_of(frame, [contrast])
            published = (signed(published_difference(contrast, figure)) for figure in ("clip_t", "clip_i"))
            cells = [in_words(figure, interval) for figure, interval in found.items()]
            lines.append((contrast.label, str(failed), *cells, *published))
            made += [
                {"contrast": contrast.label, "figure": figure, **vars(interval), "failed": failed}
                for figure, interval in found.items()
                if interval
            ]
    head = ("choice", "failed", *(HEADS[figure] for figure in names), "published CLIP-T", "published CLIP-I")
    return Table(name, title, _CAPTION, head, tuple(lines), import_extra("pandas").DataFrame(made))


def interval_of(frame: Frame, contrast: Contrast, figure: str) -> Interval | None:
    """The difference of a figure, first choice less second; None where no turn has both.

    A turn counts as the average over the cells in which both its edits have the figure.
    """
    columns = [figure, f"{figure}{_OTHER}"]
    means = _pairs(frame, contrast).dropna(subset=columns).groupby(["session", "turn"], sort=True)[columns].mean()
    one, other = (of_turns(means.reset_index(), column) for column in columns)
    return paired_interval(one, other)


def failed_of(frame: Frame, contrasts: Sequence[Contrast]) -> int:
    """How many of the edits that are compared failed."""
    failed: set[tuple[object, ...]] = set()
    for contrast in contrasts:
        pairs = _pairs(frame, contrast)
        for side in ("", _OTHER):
            found = pairs[pairs[f"failed{side}"]][[f"configuration{side}", "session", "turn"]]
            failed.update(found.itertuples(index=False, name=None))
    return len(failed)


def _pairs(frame: Frame, contrast: Contrast) -> Frame:
    """Edits of one side beside those of the other that differ in nothing but what is compared."""
    one, other = (_side(frame, {**contrast.held, **where}) for where in (contrast.one, contrast.other))
    return one.merge(other, on=[*contrast.shared, "session", "turn"], suffixes=("", _OTHER))


def _side(frame: Frame, where: Mapping[str, object]) -> Frame:
    for column, value in where.items():
        frame = frame[frame[column] == value]
    return frame


def published_difference(contrast: Contrast, figure: str) -> float | None:
    """The same contrast of the paper's cells; None of the wordings, over which those are averaged."""
    if "wording" in contrast.one:
        return None
    one, other = (
        [getattr(cell, figure) for cell in (*PAPER_TABLE_1, ORACLE_CELL) if _fits(cell, {**contrast.held, **where})]
        for where in (contrast.one, contrast.other)
    )
    return fmean(one) - fmean(other)


def _fits(cell: PaperCell, where: Mapping[str, object]) -> bool:
    facts = {
        "shots": cell.shots,
        "captions": cell.captions,
        "lock_first_caption": cell.with_captioner,
        "gold": cell.oracle,
    }
    return all(facts[name] == value for name, value in where.items())


def signed(value: float | None) -> str:
    """A difference of a CLIP score."""
    return ABSENT if value is None else f"{value:+.4f}" if round(value, 4) else number(0.0)
