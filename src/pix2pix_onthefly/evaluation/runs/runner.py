"""Runs configurations over a set, batch by batch; a run that was cut off goes on where it was."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from ...errors import OptionError
from ...records import Progress, no_progress
from ..data.turns import SETTINGS
from ..report.thumbnails import keep_thumbnails
from .batches import WHOLE, Shard, Slot, plan
from .configurations import Configuration
from .edits import EditMaker
from .result_files import Result, ResultFile, key_of, opened_results
from .setup import Setup


@dataclass(frozen=True)
class Extent:
    """How much of a set is run.

    Attributes:
        settings: one or both of `records.SETTINGS`.
        limit: turns, or None for all.
        shard: which share.
    """

    settings: tuple[str, ...]
    limit: int | None = None
    shard: Shard = WHOLE


@dataclass(frozen=True)
class Ran:
    """A configuration that was run.

    Attributes:
        configuration: its name.
        results: of the edits that were asked for, in the order of the plan.
    """

    configuration: str
    results: tuple[Result, ...]


def run_all(
    setup: Setup, configurations: Sequence[Configuration], extent: Extent, progress: Progress = no_progress
) -> list[Ran]:
    """Runs configurations one after another.

    Args:
        progress: called as progress("evaluate", done, total) with all edits that are done, also by earlier runs.

    Raises:
        OnTheFlyError: models that cannot be had, a folder that cannot be written to, nothing to do.
    """
    made: list[Ran] = []
    total = len(configurations) * sum(len(batch) for batch in _plan(setup, setup.editor.settings.batch, extent))
    if not total and extent.shard.count == 1:
        raise OptionError("no session lies wholly within the limit, so that there is nothing to run; raise --limit")
    before = 0
    for configuration in configurations:

        def told(stage: str, done: int, _: int, before: int = before) -> None:
            progress(stage, before + done, total)

        made.append(run(setup, configuration, extent, told))
        before += total // len(configurations)
    return made


def _plan(setup: Setup, batch: int, extent: Extent) -> tuple[tuple[Slot, ...], ...]:
    return plan(setup.dataset, extent.settings, batch, extent.limit, extent.shard)


def run(setup: Setup, configuration: Configuration, extent: Extent, progress: Progress = no_progress) -> Ran:
    """Runs what is yet to be done of a configuration; an edit that failed in an earlier run is tried again.

    Raises:
        OnTheFlyError: as of `run_all`.
    """
    batches = _plan(setup, setup.batch(configuration), extent)
    total = sum(len(batch) for batch in batches)
    with opened_results(setup.folder, setup.name(configuration), extent.shard) as file:
        maker = EditMaker(setup, configuration, file)
        progress("evaluate", _count_known(batches, file), total)
        for batch in batches:
            if not _copy_twins(batch, file) and not _is_done(batch, file):
                keep_thumbnails(setup.folder, setup.fingerprint, [slot.turn for slot in batch])
                file.append(maker.make(batch))
                progress("evaluate", _count_known(batches, file), total)
        keys = [_key(slot, setting) for batch in batches for slot in batch for setting in slot.settings]
        return Ran(file.configuration, tuple(file.known[key] for key in dict.fromkeys(keys)))


def _key(slot: Slot, setting: str) -> str:
    return key_of(slot.turn.session, slot.turn.number, setting)


def _is_done(batch: Sequence[Slot], file: ResultFile) -> bool:
    """Whether every edit of a batch was made; a batch with one that failed is made again as a whole, so that whatever
    rounding comes with a batch stays the same."""
    results = [file.known.get(_key(slot, setting)) for slot in batch for setting in slot.settings]
    return all(_is_made(result) for result in results)


def _is_made(result: Result | None) -> bool:
    return result is not None and result.error is None


def _count_known(batches: Sequence[Sequence[Slot]], file: ResultFile) -> int:
    """How many edits have been tried."""
    tried = [all(_key(slot, setting) in file.known for setting in slot.settings) for batch in batches for slot in batch]
    return sum(tried)


def _copy_twins(batch: Sequence[Slot], file: ResultFile) -> bool:
    """First turns are the same in both settings: where all of a batch are known from one, the other's are copies."""
    known = [_known(slot, file) for slot in batch]
    if None in known or _is_done(batch, file):
        return False
    copies = [
        replace(result, setting=setting)
        for slot, result in zip(batch, known, strict=True)
        for setting in slot.settings
        if result is not None and not _is_made(file.known.get(_key(slot, setting)))
    ]
    file.append(copies)
    return True


def _known(slot: Slot, file: ResultFile) -> Result | None:
    """The result of a slot in any setting that it is one of, where it did not fail."""
    settings = SETTINGS if slot.turn.number == 1 else slot.settings
    found = (file.known.get(_key(slot, setting)) for setting in settings)
    return next((result for result in found if _is_made(result)), None)
