"""Commands that check what measures: calibrate, check-judge."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from .console import progress_display, quieten_libraries, say

if TYPE_CHECKING:
    from ..evaluation.metrics.verdict_check import ErrorRate


def calibrate(
    dataset: Annotated[
        str, typer.Argument(metavar="DATASET", help="Folder or zip in MagicBrush's layout.", show_default=False)
    ],
    family: Annotated[str | None, typer.Option(metavar="TEXT", help="The family whose CLIP is used.")] = None,
    device: Annotated[str | None, typer.Option(metavar="TEXT", help="cpu, cuda or mps.")] = None,
    into: Annotated[Path | None, typer.Option(metavar="DIR", help="Where to unpack a zip.")] = None,
) -> None:
    """Check a test set and the metrics on its true pictures.

    The exit code is 1 where a figure is not as expected.
    """
    from ..evaluation.metrics.calibration import as_table, calibrate_path
    from ..evaluation.optional_libraries import import_extra

    import_extra("pandas")
    quieten_libraries()
    folder = None if into is None else str(into)
    with progress_display() as progress:
        opened, figures = calibrate_path(dataset, family=family, device=device, into=folder, progress=progress)
    say(f"{opened.name}: {len(opened.sessions())} sessions, {len(opened.turns)} turns")
    for note in opened.notes:
        say(note)
    say(as_table(figures).to_string(index=False, na_rep="-", float_format="{:.4f}".format))
    raise typer.Exit(int(any(figure.agrees is False for figure in figures)))


def check_judge(
    count: Annotated[int, typer.Option(metavar="INTEGER", min=1, help="So many edits of each split at most.")] = 120,
    autoencoder: Annotated[bool, typer.Option(help="Also judge pictures that went through the autoencoder.")] = True,
) -> None:
    """Print how often MiniBrush's exact judge takes right, spoilt and wrong pictures as done.

    The last line is one JSON object. The exit code is 1 where a bar is missed.
    """
    from ..evaluation.metrics import verdict_check

    edits = verdict_check.edits_of_all_splits(count)
    rates = verdict_check.judge_error_rates(edits, verdict_check.bundled_autoencoder() if autoencoder else None)
    _say_rates(rates)
    raise typer.Exit(int(not all(row.passed for row in rates)))


def _say_rates(rates: Sequence[ErrorRate]) -> None:
    width = max(len(row.name) for row in rates)
    say(f"{'pictures':<{width}}  judged  done     bar")
    for row in rates:
        bar = f"{'<=' if row.at_most else '>='} {row.bar:.0%}"
        say(f"{row.name:<{width}}  {row.judged:6}  {row.rate:6.1%}  {bar}{'' if row.passed else '  MISSED'}")
    say(json.dumps([{**asdict(row), "rate": round(row.rate, 4), "passed": row.passed} for row in rates]))
