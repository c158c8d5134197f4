"""The configurations of a set, a row each; for photographs with the published rows below them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ...models.families import DINO
from ...world.changes import EDIT_TYPES
from ..optional_libraries import import_extra
from .data_frames import JUDGED, SCORES, Frame
from .published import MAGICBRUSH_TABLE, NOTE, Published
from .table_notes import about
from .tables import HEADS, MEASURED, PUBLISHED, Table, best_of, emphasised, number

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
_COUNTS = ("n", "failed", "n_dino")
_NOT_CONTESTED = ("complied", "reconstruction_psnr")
"""Figures that tell of a row's conditions: none of them is the best."""


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


def method_table(frame: Frame, name: str) -> Table:
    """The configurations of one set in one setting; for photographs with the published rows below them."""
    rendered = bool(frame["rendered"].iloc[0])
    means = means_of(frame)
    figures = _figures(means, rendered=rendered)
    types = _success_by_type(frame) if rendered else import_extra("pandas").DataFrame(index=means["configuration"])
    means = means.join(types, on="configuration")
    columns = ("n", "failed", *figures[:1], *types.columns, *figures[1:])
    best = {column: _best(means, column) for column in columns}
    rows = [
        (row["label"], *(_cell(row[column], column, best[column]) for column in columns)) for _, row in means.iterrows()
    ]
    head = ("method", *(HEADS.get(column, column) for column in columns))
    caption, setting = about(frame) + _about_dino(figures), frame["setting"].iloc[0]
    data = means
    if not rendered:
        head, rows, data = _with_published(head, rows, means, columns, setting)
        caption = f"{caption} {NOTE} Bold: the best of the measured rows."
    title = f"{frame['dataset'].iloc[0]}, {setting} turns: methods"
    return Table(name, title, caption, head, tuple(rows), data, prose=() if rendered else ("source",))


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


def _kind(column: str) -> str:
    return "success" if column in EDIT_TYPES else column


def _best(means: Frame, column: str) -> str | None:
    return None if column in (*_COUNTS, *_NOT_CONTESTED) else best_of(means[column], _kind(column))


def _cell(value: Any, column: str, best: str | None) -> str:
    return str(int(value)) if column in _COUNTS else emphasised(number(value, _kind(column)), best)


def _with_published(
    head: Sequence[str], rows: Sequence[tuple[str, ...]], means: Frame, columns: Sequence[str], setting: str
) -> tuple[tuple[str, ...], list[tuple[str, ...]], Frame]:
    """Published rows below the measured ones; CLIP-T goes to the local descriptions, as MagicBrush computes it."""
    found = [row for row in MAGICBRUSH_TABLE if row.setting == setting]
    figures = {"clip_t_local": "clip_t", "clip_i": "clip_i", "l1": "l1", "l2": "l2", "dino": "dino"}

    def cells(row: Published) -> tuple[str, ...]:
        values = [getattr(row, figures[column]) if column in figures else None for column in columns]
        return (row.method, *(number(value) for value in values), f"{PUBLISHED}: {row.source}")

    pandas = import_extra("pandas")
    more = [
        {"label": row.method, "source": row.source, **{name: getattr(row, own) for name, own in figures.items()}}
        for row in found
    ]
    data = pandas.concat([means.assign(source=MEASURED), pandas.DataFrame(more)], ignore_index=True)
    return (*head, "source"), [*((*row, MEASURED) for row in rows), *map(cells, found)], data
