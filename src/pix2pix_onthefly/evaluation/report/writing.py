"""All tables of some folders of results, and the page, written to disk."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ...files import written_whole
from ..data.turns import SETTINGS, SINGLE
from ..optional_libraries import import_extra
from ..runs.result_files import Result, read_results
from .contrasts import choices_table
from .data_frames import Frame, frame_of
from .differences import cells_of, differences, rows_of
from .failures import failures
from .method_table import means_of, method_table
from .page import build_page
from .paper_table import is_grid, paper_table, published_table
from .previous_work import previous_work
from .tables import Table, as_csv, as_markdown
from .trends import trends_table

MARKDOWN, PAGE, CSV_FOLDER = "tables.md", "page.html", "tables"
_SUMMARY = {
    "success": "success",
    "background_psnr": "background_psnr",
    "background_ssim": "background_ssim",
    "clip_t": "clip_t_local",
    "clip_t_global": "clip_t_global",
    "clip_i": "clip_i",
    "l1": "l1",
    "l2": "l2",
    "dino": "dino",
    "reconstruction_psnr": "reconstruction_psnr",
    "complied": "complied",
}
"""Names in a program's summary; MagicBrush's own CLIP-T is against the local descriptions."""
_PAPER_TABLES = {
    "local": ("clip_t_local", "clip_i"),
    "global": ("clip_t_global", "clip_i"),
    "success": ("success", "background_psnr"),
}
"""Kinds of the paper's Table 1: what its description is, and for MiniBrush the judge's figures."""


@dataclass(frozen=True)
class Written:
    """What was written, and where."""

    tables: tuple[Table, ...]
    markdown: Path
    page: Path


def write_report(folders: Sequence[Path], into: Path) -> Written:
    """Reads results, and writes `tables.md`, `tables/*.csv` and `page.html`.

    Raises:
        InputError: no results, or broken ones.
        OutputError: the files cannot be written.
        OnTheFlyError: pandas, tabulate or Jinja2 is not installed.
    """
    stored = read_results(folders)
    tables = tuple(tables_of([item.result for item in stored]))
    for table in tables:
        _write(into / CSV_FOLDER / f"{table.name}.csv", as_csv(table))
    _write(into / MARKDOWN, "\n".join(as_markdown(table) for table in tables))
    _write(into / PAGE, build_page(stored, tables))
    return Written(tables, into / MARKDOWN, into / PAGE)


def _write(path: Path, text: str) -> None:
    with written_whole(path) as part:
        part.write_bytes(text.encode())


def tables_of(results: Sequence[Result]) -> Iterator[Table]:
    """All tables, set by set and setting by setting."""
    frame = frame_of(results)
    for (dataset, _, setting), part in _parts(frame):
        name = f"{_slug(dataset)}-{setting}"
        yield method_table(part, f"{name}-methods")
        if failed := failures(part, f"{name}-failures", f"{dataset}, {setting} turns: failed edits"):
            yield failed
        if part["configuration"].nunique() > 1:
            title = f"{dataset}, {setting} turns: differences"
            yield differences(rows_of(part), f"{name}-differences", title)
        yield from _paper_tables(part, name)
        if setting == SINGLE and not part["rendered"].iloc[0]:
            yield previous_work(part, f"{name}-table2")


def _parts(frame: Frame) -> Iterator[tuple[tuple[str, str, str], Frame]]:
    groups: dict[Any, Frame] = dict(iter(frame.groupby(["dataset", "fingerprint", "setting"], sort=True)))
    for key in sorted(groups, key=lambda key: (key[0], key[1], SETTINGS.index(key[2]))):
        yield key, groups[key]


def _paper_tables(frame: Frame, name: str) -> Iterator[Table]:
    """One Table 1 for each group of configurations that differ in the grid's options alone."""
    grids = [group for _, group in frame.groupby("base", sort=True) if is_grid(group)]
    for number, grid in enumerate(grids, 1):
        own = name if len(grids) == 1 else f"{name}-{number}"
        for kind, figures in _PAPER_TABLES.items():
            if all(grid[figure].notna().any() for figure in figures):
                yield paper_table(grid, f"{own}-table1-{kind}", figures)
        where = f"{grid['dataset'].iloc[0]}, {grid['setting'].iloc[0]} turns"
        yield trends_table(grid, f"{own}-table1-trends", f"{where}: the paper's four trends")
        yield choices_table(grid, f"{own}-table1-choices", f"{where}: what each choice changes")
        yield differences(cells_of(grid), f"{own}-table1-differences", f"{where}: differences between cells")
    if grids and not frame["rendered"].iloc[0]:
        yield published_table(f"{name}-table1-published")


def _slug(text: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")


def summaries(results: Sequence[Result]) -> list[dict[str, object]]:
    """For programs: the figures of each configuration in each setting."""
    frame = frame_of(results)
    return [
        {**_plain(row), "dataset": dataset, "setting": setting}
        for (dataset, _, setting), part in _parts(frame)
        for _, row in means_of(part).iterrows()
    ]


def _plain(row: Any) -> dict[str, object]:
    figures = {name: _rounded(row[column]) for name, column in _SUMMARY.items()}
    return {
        **{name: value for name, value in figures.items() if value is not None},
        "n": int(row["n"]),
        "failed": int(row["failed"]),
        "configuration": str(row["configuration"]),
        "method": str(row["label"]),
    }


def _rounded(value: Any) -> float | None:
    return None if value is None or math.isnan(value) else round(float(value), 6)


def require_libraries() -> None:
    """Makes sure, before hours of work, that tables and page can be made.

    Raises:
        OnTheFlyError: a library is not installed.
    """
    for name in ("pandas", "tabulate", "jinja2"):
        import_extra(name)
