"""The command `batch`."""

from __future__ import annotations

import json
import time
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ..models.families import EDIT_ROLES, family_of
from ..options import LoadOptions
from ..workers.workers import LOCAL, opened_workers
from .arguments import MethodName, PresetName, WorkersName
from .console import complain, say
from .countdown import TELLING_PAUSE, duration
from .flags import edit_flags, flags_of, settings
from .loading import load_editor

if TYPE_CHECKING:
    from ..batch.outcomes import Outcome

SOME_FAILED = 1
"""Exit code where all edits were tried and some could not be made."""

Sources = Annotated[
    list[str],
    typer.Argument(
        metavar="JOBS...",
        help="A folder, pictures, a glob in quotes, or a CSV or JSONL with 'image', 'instruction' and options by name.",
        show_default=False,
    ),
]
Folder = Annotated[
    Path,
    typer.Option("--out", metavar="DIR", help="Where edits go; what is there already is kept.", show_default=False),
]
Instructions = Annotated[
    list[str] | None,
    typer.Option(
        "--instruction", metavar="TEXT", help="What should change in every picture without its own; repeatable."
    ),
]
ContactSheet = Annotated[
    Path | None, typer.Option(metavar="FILE", help="Write one page (.html) with a small copy of every picture.")
]


@settings(changes=edit_flags(), models=flags_of(LoadOptions, without=("map_memory",)))
def batch(
    sources: Sources,
    out: Folder,
    instruction: Instructions = None,
    method: MethodName = None,
    preset: PresetName = None,
    contact_sheet: ContactSheet = None,
    workers: WorkersName = LOCAL,
    *,
    changes: dict[str, Any],
    models: dict[str, Any],
) -> None:
    """Make many edits; run again, it goes on where it was.

    Prints one JSON object an edit, on one line. What an earlier run made from the same picture, texts, options and
    models is kept. The exit code is 1 where some edits failed; they are tried again by the next run.
    """
    from ..batch.dealing import carried_out
    from ..batch.folder import BatchFolder
    from ..batch.listing import rows_of
    from ..batch.sheet import check_sheet, write_sheet
    from ..batch.units import units_of
    from ..running.cache import Cache

    check_sheet(contact_sheet)
    _, family = family_of(LoadOptions().with_changes(**models))
    units = units_of(rows_of(sources, instruction or ()), family, method=method, preset=preset, changes=changes)
    folder = BatchFolder(out)
    folder.check_apart_from(unit.image for unit in units)
    with opened_workers(workers, models.get("device")) as hands:
        editor = load_editor(models, EDIT_ROLES)
        editor.executor.keep_in(Cache(folder.cache))
        teller = _Teller(sum(len(unit.edits) for unit in units))
        with folder.held():
            made: dict[int, Outcome] = {}
            for place, outcome in carried_out(editor, units, folder, hands):
                made[place] = outcome
                teller.tell(outcome)
            outcomes = [made[place] for place in sorted(made)]
            results = folder.write_results(outcomes)
    if contact_sheet is not None:
        write_sheet(contact_sheet, outcomes, folder)
    teller.sum_up(results, contact_sheet)
    if teller.counts["failed"]:
        raise typer.Exit(SOME_FAILED)


class _Teller:
    """Tells of every edit on stdout, and on stderr now and then how far it has come.

    Args:
        total: number of edits.
    """

    def __init__(self, total: int) -> None:
        self.total, self.counts = total, Counter[str]()
        self._started = self._told = time.monotonic()

    def tell(self, outcome: Outcome) -> None:
        """Of one more edit."""
        self.counts[outcome.status] += 1
        say(json.dumps(outcome.plain()))
        if outcome.error is not None:
            complain(f"Failed: {outcome.image}: {outcome.error}")
        now, done = time.monotonic(), self.counts.total()
        if now - self._told >= TELLING_PAUSE and done < self.total:
            self._told = now
            complain(f"{done} of {self.total} edits done{self._left(now - self._started)}")

    def _left(self, seconds: float) -> str:
        """An estimate from the edits that took time: those that were kept took none."""
        tried = self.counts.total() - self.counts["kept"]
        return f", about {duration(seconds / tried * (self.total - self.counts.total()))} left" if tried else ""

    def sum_up(self, results: Path, sheet: Path | None) -> None:
        """Of the whole run."""
        counts = {"made": "made", "kept": "kept from before", "failed": "failed"}
        parts = [f"{self.counts[status]} {words}" for status, words in counts.items() if self.counts[status]]
        spent = duration(time.monotonic() - self._started)
        complain(f"{self.total} edits in {spent}: {', '.join(parts)}; results: {results}")
        if self.counts["failed"]:
            complain("Run the same again to try those that failed once more.")
        if sheet is not None:
            complain(f"Contact sheet: {sheet}")
