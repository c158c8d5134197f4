"""Tables of what is stored, as Markdown, CSV and HTML. They render lines and compute nothing that is not in them.

A set in one setting has: a table of its configurations, for photographs with the published rows (`summary`); the
paper's Table 1, once there are runs of its grid (`paper_table.py`); and the differences between rows
(`differences.py`).
"""

from __future__ import annotations

import html
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ...models.families import DINO
from ...world.changes import EDIT_TYPES
from ..data.turns import MULTI
from ..optional_libraries import import_extra
from .data_frames import JUDGED, SCORES, Frame
from .published import NOTE, TABLE_2, Published

ABSENT = "-"
MEASURED = "measured"
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
_RENDERED = (
    "background_psnr",
    "background_ssim",
    "clip_t_local",
    "clip_t_worded",
    "clip_t_global",
    "clip_i",
    "dino",
    "n_dino",
    "reconstruction_psnr",
    "complied",
)
_PHOTOGRAPHS = (
    "clip_t_local",
    "clip_t_worded",
    "clip_t_global",
    "clip_i",
    "l1",
    "l2",
    "dino",
    "n_dino",
    "reconstruction_psnr",
)
_FAILED = "they count as unsuccessful, and the other figures are means over the rest"
_JUDGED = (
    "Success (what was to change and all the rest read as they should), and background PSNR (dB) and SSIM outside of "
    "what may change, are by the exact judge; complied is the share of edits whose captions the language model wrote "
    "as it was asked to."
)


@dataclass(frozen=True)
class Table:
    """A table, ready to be read.

    Attributes:
        name: of its CSV file.
        title, caption: what it shows.
        head, rows: cells; `**` around a cell's text makes it bold.
        data: the same figures, not rounded.
    """

    name: str
    title: str
    caption: str
    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    data: Frame = field(repr=False)


def as_markdown(table: Table) -> str:
    """Title, aligned table, caption."""
    cells = [[_escaped(cell) for cell in row] for row in (table.head, *table.rows)]
    widths = [max(len(row[column]) for row in cells) for column in range(len(table.head))]
    lines = [_line([cell.ljust(width) for cell, width in zip(row, widths, strict=True)]) for row in cells]
    lines.insert(1, _line(["-" * width for width in widths]))
    return "\n".join([f"### {table.title}", "", *lines, "", table.caption, ""])


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _escaped(cell: str) -> str:
    return cell.replace("|", "\\|").replace("\n", " ")


def as_html(table: Table) -> str:
    """A `<section>`."""
    head = "".join(f"<th>{html.escape(cell)}</th>" for cell in table.head)
    body = "".join(f"<tr>{''.join(f'<td>{_bold(cell)}</td>' for cell in row)}</tr>\n" for row in table.rows)
    return (
        f"<section><h2>{html.escape(table.title)}</h2>\n<div class='wide'><table><thead><tr>{head}</tr></thead>\n"
        f"<tbody>{body}</tbody></table></div>\n<p>{html.escape(table.caption)}</p></section>\n"
    )


def _bold(cell: str) -> str:
    return re.sub(r"^\*\*(.*)\*\*$", r"<b>\1</b>", html.escape(cell))


def as_csv(table: Table) -> str:
    """All figures, with six digits."""
    return table.data.to_csv(index=False, float_format="%.6f", lineterminator="\n")


def number(value: Any, name: str = "") -> str:
    """A figure with as many digits as its kind is worth; a dash where there is none."""
    missing = value is None or (isinstance(value, float) and math.isnan(value))
    return ABSENT if missing else f"{value:.{_DIGITS.get(name, 4)}f}"


def means_of(frame: Frame) -> Frame:
    """One row for each configuration: how many edits, how many of them failed, and the mean of each figure.

    Failed edits count as unsuccessful; the other figures are means over the edits that have them.
    """
    groups = frame.groupby(["configuration", "label"], sort=True)
    means = groups[["success", *JUDGED, *SCORES, "clip_t_worded", "reconstruction_psnr", "complied"]].mean()
    counts = groups.agg(
        n=("session", "size"), n_dino=("dino", "count"), failed=("failed", "sum"), method=("method", "first")
    )
    return counts.join(means).reset_index()


def summary(frame: Frame, name: str) -> Table:
    """The configurations of one set in one setting; for photographs with the published rows below them."""
    rendered = bool(frame["rendered"].iloc[0])
    means = means_of(frame)
    figures = _figures(means, rendered=rendered)
    types = _success_by_type(frame) if rendered else import_extra("pandas").DataFrame(index=means["configuration"])
    means = means.join(types, on="configuration")
    columns = ("n", *figures[:1], *types.columns, *figures[1:])
    rows = [(row["label"], *(_cell(row[column], column, means) for column in columns)) for _, row in means.iterrows()]
    head = ("method", *(HEADS.get(column, column) for column in columns))
    caption, setting = about(frame) + _about_dino(figures), frame["setting"].iloc[0]
    data = means
    if not rendered:
        head, rows, data = _with_published(head, rows, means, columns, setting)
        caption = f"{caption} {NOTE}"
    title = f"{frame['dataset'].iloc[0]}, {setting} turns: methods"
    return Table(name, title, caption, head, tuple(rows), data)


def _figures(means: Frame, *, rendered: bool) -> tuple[str, ...]:
    """The columns for which there are figures; how many edits have DINO only where it is not all that were scored."""
    wanted = ("success", *_RENDERED) if rendered else _PHOTOGRAPHS
    some_dino = means["n_dino"].any() and (means["n_dino"] < means["n"] - means["failed"]).any()
    return tuple(name for name in wanted if (some_dino if name == "n_dino" else means[name].notna().any()))


def _about_dino(figures: Sequence[str]) -> str:
    if "dino" not in figures:
        return ""
    some = "; it did not score all edits, and its figures are means over as many as n of DINO says"
    return f" DINO is {DINO.source}{some if 'n_dino' in figures else ''}."


def _success_by_type(frame: Frame) -> Frame:
    """Configurations by edit types, in the world's own order."""
    wide = frame.pivot_table(index="configuration", columns="edit_type", values="success", aggfunc="mean")
    return wide[[kind for kind in EDIT_TYPES if kind in wide.columns]]


def _cell(value: Any, column: str, means: Frame) -> str:
    """A figure, in bold where it is the best of several rows."""
    if column in ("n", "n_dino"):
        return str(int(value))
    kind = "success" if column in EDIT_TYPES else column
    text = number(value, kind)
    if len(means) < 2 or text == ABSENT or column in ("complied", "reconstruction_psnr"):
        return text
    best = means[column].min() if column in _LOW_IS_GOOD else means[column].max()
    return f"**{text}**" if text == number(best, kind) else text


def _with_published(
    head: Sequence[str], rows: Sequence[tuple[str, ...]], means: Frame, columns: Sequence[str], setting: str
) -> tuple[tuple[str, ...], list[tuple[str, ...]], Frame]:
    """Published rows below the measured ones; CLIP-T goes to the local descriptions, as MagicBrush computes it."""
    found = [row for row in TABLE_2 if row.setting == setting]
    figures = {"clip_t_local": "clip_t", "clip_i": "clip_i", "l1": "l1", "l2": "l2", "dino": "dino"}

    def cells(row: Published) -> tuple[str, ...]:
        values = [getattr(row, figures[column]) if column in figures else None for column in columns]
        return (row.method, *(number(value) for value in values), f"published: {row.source}")

    pandas = import_extra("pandas")
    more = [
        {"label": row.method, "source": row.source, **{name: getattr(row, own) for name, own in figures.items()}}
        for row in found
    ]
    data = pandas.concat([means.assign(source=MEASURED), pandas.DataFrame(more)], ignore_index=True)
    return (*head, "source"), [*((*row, MEASURED) for row in rows), *map(cells, found)], data


def about(frame: Frame) -> str:
    """What a caption has to say of the edits behind a table."""
    turns = frame.drop_duplicates(["session", "turn"])
    blank, failed = int(turns["blank"].sum()), int(frame["failed"].sum())
    start = "generated" if frame["setting"].iloc[0] == MULTI else "true"
    sentences = [
        f"{_count(len(turns), 'turn')} of {_count(frame['session'].nunique(), 'session')}, each from the {start} "
        "picture before it.",
        f"{failed} of {_count(len(frame), 'edit')} failed" + (f"; {_FAILED}." if failed else "."),
        f"CLIP is {', '.join(sorted(frame['clip'].unique()))}; CLIP-T local and global are against the local and the "
        f"global description of the result ({blank} of {len(turns)} local ones are blank).",
        *([_JUDGED] if frame["rendered"].iloc[0] else []),
    ]
    if frame.groupby("configuration").size().nunique() > 1:
        sentences.append("Rows differ in the number of turns (n); the table of differences compares shared ones.")
    states = frame["code"].nunique()
    if states > 1:
        sentences.append(f"The rows were made by {states} different states of the program.")
    return " ".join(sentences)


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"
