"""Carrying out units: what is done already is skipped, the rest goes to the executor and into the folder."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace

from ..editor import Editor
from ..errors import OnTheFlyError, OutputError
from ..models.families import EDIT_ROLES
from ..models.identity import weights_key
from ..pictures.digest import picture_digest
from ..pictures.opening import OpenedPicture, read_picture
from ..records import EditResult, Progress, no_progress
from ..running.cache import digest
from ..running.jobs import Job, given_captions
from .folder import BatchFolder
from .outcomes import KEPT, Outcome
from .units import Unit, Wanted

_log = logging.getLogger(__name__)


def edit_key(editor: Editor, picture: str, wanted: Wanted) -> str:
    """Hash of all that an edit depends on: the picture's pixels, texts, options, weights, and the precision asked for.

    Args:
        picture: its digest.
    """
    weights = {role: weights_key(getattr(editor.family, role)) for role in EDIT_ROLES}
    return digest(
        {"picture": picture, **wanted.asked(), "weights": weights, "precision": editor.settings.precision},
    )


def carry_out(
    editor: Editor, units: Sequence[Unit], folder: BatchFolder, progress: Progress = no_progress
) -> list[Outcome]:
    """Carries out units at once and keeps what was made; the outcomes in the order of the units' edits.

    One edit that fails does not stop the others, whatever the reason. It knows of nothing but the folder, so that
    several processes may carry out different units in one folder.

    Raises:
        OutputError: the folder takes no more: what is made from now on would be lost.
    """
    tasks = [task for unit in units for task in _tasks(editor, unit)]
    outcomes: dict[int, Outcome] = {}
    first: dict[str, int] = {}
    for place, task in enumerate(tasks):
        if task.error is not None:
            outcomes[place] = task.failed(task.error)
        elif (known := folder.known(task.key)) is not None:
            outcomes[place] = replace(known, status=KEPT, image=str(task.unit.image))
        else:
            first.setdefault(task.key, place)
    places = list(first.values())
    results = _results(editor, [tasks[place] for place in places], progress)
    for place, result in zip(places, results, strict=True):
        outcomes[place] = _kept(tasks[place], result, folder)
    for place, task in enumerate(tasks):  # the same edit asked for twice
        if place not in outcomes:
            same = outcomes[first[task.key]]
            outcomes[place] = replace(same, image=str(task.unit.image), status=KEPT if same.pictures else same.status)
    return [outcomes[place] for place in range(len(tasks))]


@dataclass(frozen=True)
class _Task:
    """An edit of a unit with its picture opened.

    Attributes:
        key: of `edit_key`; empty where the picture could not be read.
        job: for the executor.
        error: why there is none.
    """

    unit: Unit
    wanted: Wanted
    key: str = ""
    job: Job | None = None
    opened: OpenedPicture | None = None
    error: Exception | None = None

    def failed(self, error: Exception) -> Outcome:
        """Its outcome where it cannot be made."""
        return Outcome.failed(str(self.unit.image), self.wanted.instruction, error, self.key or None)


def _tasks(editor: Editor, unit: Unit) -> list[_Task]:
    """A unit's edits; where its picture cannot be read each knows why."""
    try:
        opened = read_picture(unit.image)
    except (OnTheFlyError, MemoryError) as error:
        return [_Task(unit, wanted, error=error) for wanted in unit.edits]
    known = picture_digest(opened.image)
    return [_task(editor, unit, wanted, opened, known) for wanted in unit.edits]


def _task(editor: Editor, unit: Unit, wanted: Wanted, opened: OpenedPicture, picture: str) -> _Task:
    key = edit_key(editor, picture, wanted)
    try:
        captions = given_captions(wanted.before, wanted.after, None)
        job = Job(opened.image, wanted.instruction, wanted.options, wanted.caption, captions, answer=wanted.answer)
    except OnTheFlyError as error:
        return _Task(unit, wanted, key, opened=opened, error=error)
    return _Task(unit, wanted, key, job, opened)


def _results(editor: Editor, tasks: Sequence[_Task], progress: Progress) -> list[EditResult | Exception]:
    """What the executor makes of tasks; where it fails as a whole, of each alone."""
    jobs = [task.job for task in tasks if task.job is not None]
    if not jobs:
        return []
    try:
        return list(editor.executor.map(jobs, progress))
    except Exception as error:
        if len(tasks) > 1:
            return [result for task in tasks for result in _results(editor, [task], progress)]
        if isinstance(error, OnTheFlyError):
            return [error]
        _log.exception("an edit of %s failed", tasks[0].unit.image)
        return [OnTheFlyError(f"the program failed at this edit ({type(error).__name__}: {error}); please report it")]


def _kept(task: _Task, result: EditResult | Exception, folder: BatchFolder) -> Outcome:
    """The outcome of a result, whose pictures and record are written, in this order.

    Raises:
        OutputError: they cannot be written.
    """
    if not isinstance(result, EditResult):
        if isinstance(result, OutputError):
            raise result
        return task.failed(result)
    pictures = folder.save(task.unit.image, task.key, result)
    outcome = Outcome.made(str(task.unit.image), task.key, pictures, result)
    if task.opened is not None:
        outcome = replace(outcome, warnings=(*task.opened.warnings, *outcome.warnings))
    folder.keep(outcome)
    return outcome
