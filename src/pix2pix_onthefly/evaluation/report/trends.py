"""The four trends that the paper reads in its Table 1 (section 6.1), read against our own grid one by one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..optional_libraries import import_extra
from .bootstrap import LEVEL, Interval
from .contrasts import Contrast, failed_of, interval_of, published_difference, signed
from .data_frames import Frame, phrase
from .differences import in_words
from .paper_table import CELL, cells_of
from .published import PAPER, PAPER_TABLE_1
from .tables import HEADS, Table, count

HOLDS, FAILS, UNTOLD = "holds", "does not hold", "cannot be told"
FEWEST_SESSIONS = 10
"""With fewer, an interval that draws sessions is too rough to decide anything."""
_FIGURES: Mapping[str, tuple[str, ...]] = {"clip_t": ("clip_t_local", "clip_t_global"), "clip_i": ("clip_i",)}
"""The paper's figures to ours: it does not say which description its gold caption is."""
_CAPTION = (
    "Each trend of the paper's section 6.1, step by step: what a step changes in the mean over all cells that differ "
    f"in nothing else. The paper's differences are between the cells of {PAPER}; ours have {LEVEL:.0%} intervals of a "
    "paired bootstrap that draws whole sessions, bold where the interval leaves zero out. A trend holds if all its "
    "steps go the paper's way and their intervals leave zero out; it does not hold if one goes the other way with such "
    f"an interval, or changes nothing at all; otherwise, and with fewer than {FEWEST_SESSIONS} sessions, it cannot be "
    "told. Failed: edits of the cells that are compared; a turn whose edit failed is left out of both sides."
)


@dataclass(frozen=True)
class Step:
    """Two choices, and whether the paper finds that the figure `rises` from the second to the first."""

    contrast: Contrast
    rises: bool = True


@dataclass(frozen=True)
class Claim:
    """What the paper says of one figure.

    Attributes:
        trend: its number, in the order of section 6.1.
        figure: `clip_t` or `clip_i`.
        says: in short.
        steps: what must be so; where it is that a cell is `best`, the step depends on which other cell comes next.
        best: shots and captions of that cell.
    """

    trend: int
    figure: str
    says: str
    steps: tuple[Step, ...] = ()
    best: tuple[int, int] | None = None


_ALL_COLUMNS: Mapping[str, object] = {"gold": False}
_ONE_SHOT = Contrast("1 shot against 0", {"shots": 1}, {"shots": 0}, _ALL_COLUMNS)
_THREE_SHOTS = Contrast("3 shots against 1", {"shots": 3}, {"shots": 1}, _ALL_COLUMNS)
_LOCKED = Contrast("locked in against written", *({"captions": 1, "lock_first_caption": own} for own in (True, False)))


def _captions(one: int, other: int, shots: int | None = None) -> Contrast:
    where = {} if shots is None else {"shots": shots}
    label = f"{count(one, 'caption')} against {other}" + ("" if shots is None else f" at {count(shots, 'shot')}")
    return Contrast(label, {"captions": one, **where}, {"captions": other, **where})


CLAIMS = (
    Claim(1, "clip_i", "rises with the shots, from 0 to 3", (Step(_ONE_SHOT), Step(_THREE_SHOTS))),
    Claim(1, "clip_t", "rises to 1 shot, recedes with 3", (Step(_ONE_SHOT), Step(_THREE_SHOTS, rises=False))),
    Claim(2, "clip_i", "is better with the captioner's caption locked in first", (Step(_LOCKED),)),
    Claim(2, "clip_t", "is better with the captioner's caption locked in first", (Step(_LOCKED),)),
    Claim(3, "clip_i", "rises with the captions", (Step(_captions(2, 1)), Step(_captions(4, 2)))),
    Claim(3, "clip_t", "rises with the captions at 0 shots", (Step(_captions(2, 1, 0)), Step(_captions(4, 2, 0)))),
    Claim(
        3,
        "clip_t",
        "is best with 1 caption at 1 and 3 shots",
        tuple(Step(_captions(captions, 1, shots), rises=False) for shots in (1, 3) for captions in (2, 4)),
    ),
    Claim(4, "clip_i", "is best with 3 shots and 4 captions (0.8350)", best=(3, 4)),
    Claim(4, "clip_t", "is best with 1 shot and 1 caption (0.2817)", best=(1, 1)),
)

_Cell = tuple[int, int, bool]
"""Shots, captions, and whether the captioner's comes first."""


def trends_table(frame: Frame, name: str, title: str) -> Table:
    """A row for each claim and each figure of ours that it may be about.

    Args:
        frame: configurations that differ in nothing but the grid's options.
    """
    lines: list[tuple[str, ...]] = []
    made: list[dict[str, Any]] = []
    for claim in CLAIMS:
        for figure in (figure for figure in _FIGURES[claim.figure] if frame[figure].notna().any()):
            steps = claim.steps or _best_step(claim, _our_cells(frame, figure))
            intervals = [interval_of(frame, step.contrast, figure) for step in steps]
            verdict = verdict_on(steps, intervals)
            failed = failed_of(frame, [step.contrast for step in steps])
            said, measured = _published(claim), _measured(figure, steps, intervals)
            lines.append((str(claim.trend), HEADS[figure], claim.says, said, measured, str(failed), verdict))
            made += _data(claim, figure, steps, intervals, verdict)
    head = ("trend", "figure", "the paper says", "its Table 1 says", "measured", "failed", "verdict")
    prose = tuple(column for column in head[1:] if column != "failed")
    return Table(name, title, _CAPTION, head, tuple(lines), import_extra("pandas").DataFrame(made), prose)


def _our_cells(frame: Frame, figure: str) -> dict[_Cell, float]:
    cells = cells_of(frame[~frame["gold"].astype(bool)], [figure])
    columns = cells[[*CELL[:3], figure]].dropna().itertuples(index=False, name=None)
    return {(int(shots), int(captions), bool(own)): float(value) for shots, captions, own, value in columns}


def _paper_cells(figure: str) -> dict[_Cell, float]:
    return {(cell.shots, cell.captions, cell.with_captioner): getattr(cell, figure) for cell in PAPER_TABLE_1}


def _best_step(claim: Claim, cells: Mapping[_Cell, float]) -> tuple[Step, ...]:
    """The claimed cell against the best of the others; nothing where there is no such cell, or no other."""
    assert claim.best is not None
    own = (*claim.best, True)
    others = {cell: value for cell, value in cells.items() if cell != own}
    if own not in cells or not others:
        return ()
    other = max(others, key=lambda cell: (others[cell], cell))
    label = f"{_in_words(own)} against the best other, {_in_words(other)}"
    return (Step(Contrast(label, _where(own), _where(other), _ALL_COLUMNS)),)


def _where(cell: _Cell) -> dict[str, object]:
    return dict(zip(CELL, cell, strict=False))


def _in_words(cell: _Cell) -> str:
    shots, captions, own = cell
    return f"{phrase('shots', shots)}, {phrase('captions', captions)}{'' if own else ', all written'}"


def _published(claim: Claim) -> str:
    """The paper's own differences, and where they are not as it says."""
    parts: list[str] = []
    for step in claim.steps or _best_step(claim, _paper_cells(claim.figure)):
        value = published_difference(step.contrast, claim.figure)
        assert value is not None
        parts.append(f"{step.contrast.label}: {signed(value)}{'' if (value > 0) == step.rises else ' (not as said)'}")
    return "; ".join(parts)


def _measured(figure: str, steps: Sequence[Step], intervals: Sequence[Interval | None]) -> str:
    found = zip(steps, intervals, strict=True)
    return (
        "; ".join(f"{step.contrast.label}: {in_words(figure, interval)}" for step, interval in found) or "no such cells"
    )


def verdict_on(steps: Sequence[Step], intervals: Sequence[Interval | None]) -> str:
    """`HOLDS`, or `FAILS` or `UNTOLD` with the reason."""
    known = [(step, interval) for step, interval in zip(steps, intervals, strict=True) if interval is not None]
    fewest = min((interval.sessions for _, interval in known), default=FEWEST_SESSIONS)
    if fewest < FEWEST_SESSIONS:
        return f"{UNTOLD}: {count(fewest, 'session')} only"
    against = [reason for step, interval in known if (reason := _against(step, interval))]
    if against:
        return f"{FAILS}: {'; '.join(against)}"
    if not steps or len(known) < len(steps):
        return f"{UNTOLD}: cells are missing"
    unsure = [step.contrast.label for step, interval in known if not interval.is_sure]
    return f"{UNTOLD}: the interval holds zero for {'; '.join(unsure)}" if unsure else HOLDS


def _against(step: Step, interval: Interval) -> str:
    """Why a step speaks against the claim; empty where it does not."""
    if interval.low == interval.high == 0:
        return f"{step.contrast.label} changes nothing"
    surely_other = interval.is_sure and (interval.difference > 0) != step.rises
    return f"{step.contrast.label} goes the other way" if surely_other else ""


def _data(
    claim: Claim, figure: str, steps: Sequence[Step], intervals: Sequence[Interval | None], verdict: str
) -> list[dict[str, Any]]:
    return [
        {
            "trend": claim.trend,
            "figure": figure,
            "step": step.contrast.label,
            "rises": step.rises,
            "published": published_difference(step.contrast, claim.figure),
            **(vars(interval) if interval else {}),
            "verdict": verdict.split(":")[0],
        }
        for step, interval in zip(steps, intervals, strict=True)
    ]
