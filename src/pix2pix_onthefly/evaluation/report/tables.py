"""What a table is, how its figures read, and how it is written as Markdown and CSV.

A set in one setting has: a table of its configurations, for photographs with the published rows (`method_table.py`);
once there are runs of the paper's grid, its Table 1 (`paper_table.py`) with its trends (`trends.py`); for photographs
its Table 2 (`previous_work.py`); the differences between rows (`differences.py`); and why edits failed
(`failures.py`). Tables render lines and compute nothing that is not in them.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from ..optional_libraries import import_extra
from .data_frames import Frame

ABSENT = "-"
MEASURED, PUBLISHED = "measured", "published"
"""Where the figures of a row come from."""
BOLD = "**"
"""Around what a cell shows in bold."""
HEADS: Mapping[str, str] = {
    "success": "success",
    "background_psnr": "background PSNR",
    "background_ssim": "background SSIM",
    "clip_t_local": "CLIP-T local",
    "clip_t_worded": "CLIP-T local, not blank",
    "clip_t_global": "CLIP-T global",
    "clip_i": "CLIP-I",
    "l1": "L1",
    "l2": "L2",
    "dino": "DINO",
    "n_dino": "n of DINO",
    "reconstruction_psnr": "reconstruction PSNR",
    "complied": "complied",
}
"""Name of a figure to its head in tables."""
_DIGITS = {"background_psnr": 2, "reconstruction_psnr": 2, "success": 3, "complied": 3, "background_ssim": 3}
_LOW_IS_GOOD = ("l1", "l2")


@dataclass(frozen=True)
class Table:
    """A table, ready to be read.

    Attributes:
        name: of its CSV file.
        title, caption: what it shows.
        head, rows: cells; what stands between two `BOLD` is bold.
        data: the same figures, not rounded.
        prose: heads of the columns after the first that hold words: they are aligned to the left and may wrap.
    """

    name: str
    title: str
    caption: str
    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    data: Frame = field(repr=False)
    prose: tuple[str, ...] = ()


def as_markdown(table: Table) -> str:
    """Title, aligned table, caption."""
    frame = import_extra("pandas").DataFrame(
        [[_escaped(cell) for cell in row] for row in table.rows], columns=[_escaped(cell) for cell in table.head]
    )
    sides = ["left" if place == 0 or head in table.prose else "right" for place, head in enumerate(table.head)]
    text = frame.to_markdown(index=False, disable_numparse=True, colalign=sides if table.rows else None)
    return "\n".join([f"### {table.title}", "", text, "", table.caption, ""])


def _escaped(cell: str) -> str:
    return cell.replace("|", "\\|").replace("\n", " ")


def as_csv(table: Table) -> str:
    """All figures, with six digits."""
    return table.data.to_csv(index=False, float_format="%.6f", lineterminator="\n")


def number(value: Any, name: str = "") -> str:
    """A figure with as many digits as its kind is worth; a dash where there is none."""
    missing = value is None or (isinstance(value, float) and math.isnan(value))
    return ABSENT if missing else f"{value:.{_DIGITS.get(name, 4)}f}"


def best_of(values: Iterable[float], name: str) -> str | None:
    """How the best of some figures reads; None where none stands out: fewer than two are known, or all read alike."""
    known = [float(value) for value in values if not math.isnan(value)]
    if len({number(value, name) for value in known}) < 2:
        return None
    return number(min(known) if name in _LOW_IS_GOOD else max(known), name)


def emphasised(text: str, best: str | None) -> str:
    """The text, in bold where it is the best."""
    return f"{BOLD}{text}{BOLD}" if text == best else text


def count(number: int, noun: str) -> str:
    """`1 turn`, `2 turns`."""
    return f"{number} {noun}{'' if number == 1 else 's'}"
