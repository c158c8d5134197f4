"""What each choice of the paper's grid changes, averaged over the others: the trends of its section 6.1."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from statistics import fmean
from typing import Any

from ..optional_libraries import import_extra
from ..runs.configurations import GRID_OPTIONS, ORACLE
from .bootstrap import LEVEL, Figures, Interval, paired_interval
from .data_frames import Frame
from .differences import figures_of, in_words, of_turns
from .published import PAPER, PAPER_TABLE, PaperCell
from .tables import ABSENT, HEADS, Table, number

_FACTORS = (*GRID_OPTIONS, "gold")
_HELD = {"lock_first_caption": True, "gold": False}
"""What a contrast leaves at the paper's own choice unless it is about it."""
_CAPTION = (
    f"What one choice changes in the mean, over all cells that differ in nothing else; {LEVEL:.0%} intervals of a "
    "paired bootstrap that draws whole sessions; bold where the interval leaves zero out. Published: the same "
    f"differences between the cells of {PAPER}, which gives no intervals."
)


@dataclass(frozen=True)
class Contrast:
    """Two choices to be compared.

    Attributes:
        label: the first, and what it is compared with.
        one, other: what holds of the cells on either side.
    """

    label: str
    one: Mapping[str, object]
    other: Mapping[str, object] = field(repr=False)

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


def trends(frame: Frame, name: str, title: str) -> Table:
    """A row for each contrast that some cells allow.

    Args:
        frame: configurations that differ in nothing but the grid's options.
    """
    names = figures_of(frame)
    lines: list[tuple[str, ...]] = []
    made: list[dict[str, Any]] = []
    for contrast in CONTRASTS:
        found = {figure: _interval(frame, contrast, figure) for figure in names}
        if any(found.values()):
            clip_t, clip_i = _published(contrast, "clip_t"), _published(contrast, "clip_i")
            cells = [in_words(figure, interval) for figure, interval in found.items()]
            lines.append((contrast.label, *cells, _signed(clip_t), _signed(clip_i)))
            made += [
                {"contrast": contrast.label, "figure": figure, **vars(interval)}
                for figure, interval in found.items()
                if interval
            ]
    head = ("choice", *(HEADS[figure] for figure in names), "published CLIP-T", "published CLIP-I")
    return Table(name, title, _CAPTION, head, tuple(lines), import_extra("pandas").DataFrame(made))


def _interval(frame: Frame, contrast: Contrast, figure: str) -> Interval | None:
    sides = [_side(frame, where) for where in (contrast.one, contrast.other)]
    known = [set(side[contrast.shared].itertuples(index=False, name=None)) for side in sides]
    common = known[0] & known[1]
    one, other = (_by_turn(side, contrast.shared, common, figure) for side in sides)
    return paired_interval(one, other)


def _side(frame: Frame, where: Mapping[str, object]) -> Frame:
    for column, value in {**_HELD, **where}.items():
        frame = frame[frame[column] == value]
    return frame


def _by_turn(side: Frame, shared: Sequence[str], common: set[Any], figure: str) -> Figures:
    """A turn counts as the average over the cells that both sides have."""
    kept = side.loc[[cell in common for cell in side[list(shared)].itertuples(index=False, name=None)]]
    return of_turns(kept.groupby(["session", "turn"], sort=True)[figure].mean().reset_index(), figure)


def _published(contrast: Contrast, figure: str) -> float | None:
    """The same contrast of the paper's cells; None of the wordings, over which those are averaged."""
    if "wording" in contrast.one:
        return None
    one, other = (
        [getattr(cell, figure) for cell in PAPER_TABLE if _fits(cell, where)]
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
    return all(facts[name] == value for name, value in {**_HELD, **where}.items())


def _signed(value: float | None) -> str:
    return ABSENT if value is None else f"{value:+.4f}" if round(value, 4) else number(0.0)
