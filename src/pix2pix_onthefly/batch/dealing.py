"""Dealing units out to workers: as many at once as fill a batch of the models, so that whoever works gives the same."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from ..editor import Editor
from ..errors import OnTheFlyError
from ..options import LoadOptions
from ..running.cache import Cache
from ..workers.workers import LocalWorkers, Lost, Workers
from .folder import BatchFolder
from .outcomes import Outcome
from .units import Unit, together
from .work import carry_out


def carried_out(
    editor: Editor, units: Sequence[Unit], folder: BatchFolder, workers: Workers | None = None
) -> Iterator[tuple[int, Outcome]]:
    """Carries out units, as many at once as fill a batch, in this process or by other workers.

    Where workers have died at several units at once, each is tried alone: one that no worker survives takes none of the
    others with it.

    Yields:
        Each edit's place among all edits, and its outcome, as they come.

    Raises:
        OutputError: as of `carry_out`.
    """
    workers = workers or LocalWorkers()
    lost: list[_Run] = []
    for run, made in _by(workers, editor, list(_runs(units, editor.settings.batch)), folder):
        if isinstance(made, Lost) and len(run.units) > 1:
            lost += run.one_by_one()
        else:
            yield from run.placed(made)
    for run, made in _by(workers, editor, lost, folder):
        yield from run.placed(made)


@dataclass(frozen=True)
class _Run:
    """Units that are carried out at once, and the place of their first edit among all."""

    first: int
    units: tuple[Unit, ...]

    def one_by_one(self) -> Iterator[_Run]:
        """A run for each unit."""
        first = self.first
        for unit in self.units:
            yield _Run(first, (unit,))
            first += len(unit.edits)

    def placed(self, made: list[Outcome] | Lost) -> Iterator[tuple[int, Outcome]]:
        """The outcomes with their places; where the run is lost each edit has failed."""
        if isinstance(made, Lost):
            error = OnTheFlyError(f"{made.reason}; there may be too little memory for its picture")
            made = [
                Outcome.failed(str(unit.image), one.instruction, error) for unit in self.units for one in unit.edits
            ]
        return enumerate(made, self.first)


def _runs(units: Sequence[Unit], edits: int) -> Iterator[_Run]:
    first = 0
    for some in together(units, edits):
        yield _Run(first, tuple(some))
        first += sum(len(unit.edits) for unit in some)


def _by(
    workers: Workers, editor: Editor, runs: Sequence[_Run], folder: BatchFolder
) -> Iterator[tuple[_Run, list[Outcome] | Lost]]:
    if not runs:
        return
    do, elsewhere, done = partial(_do, editor, folder), _Elsewhere(editor.settings, folder.path), set[int]()
    for place, made in workers.each(do, elsewhere, runs, lambda run: None if run.first in done else run):
        done.add(runs[place].first)
        yield runs[place], made


def _do(editor: Editor, folder: BatchFolder, run: _Run) -> Iterator[list[Outcome]]:
    yield carry_out(editor, run.units, folder)


@dataclass(frozen=True)
class _Elsewhere:
    """Loads the models in another process."""

    settings: LoadOptions
    folder: Path

    def __call__(self) -> Callable[[_Run], Iterator[list[Outcome]]]:
        folder = BatchFolder(self.folder)
        return partial(_do, Editor(self.settings, cache=Cache(folder.cache)), folder)
