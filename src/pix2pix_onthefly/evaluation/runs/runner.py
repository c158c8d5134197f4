"""Runs configurations over a set, batch by batch; a run that was cut off goes on where it was."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch

from ...errors import OnTheFlyError, OptionError
from ...records import Progress, no_progress
from ..data.turns import SETTINGS
from ..report.thumbnails import keep_thumbnails
from .batches import WHOLE, Shard, Slot, plan
from .configurations import Configuration
from .edits import Workshop
from .result_files import Result, ResultFile, key_of, opened_results
from .setup import Bench


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
    bench: Bench, configurations: Sequence[Configuration], extent: Extent, progress: Progress = no_progress
) -> list[Ran]:
    """Runs configurations one after another.

    Args:
        progress: called as progress("evaluate", done, total) with all edits that are done, also by earlier runs.

    Raises:
        OnTheFlyError: models that cannot be had, a folder that cannot be written to, nothing to do.
    """
    made: list[Ran] = []
    total = len(configurations) * sum(len(batch) for batch in _plan(bench, bench.editor.settings.batch, extent))
    if not total and extent.shard.count == 1:
        raise OptionError("no session lies wholly within the limit, so that there is nothing to run; raise --limit")
    before = 0
    for configuration in configurations:

        def told(stage: str, done: int, _: int, before: int = before) -> None:
            progress(stage, before + done, total)

        made.append(run(bench, configuration, extent, told))
        before += total // len(configurations)
    return made


def _plan(bench: Bench, batch: int, extent: Extent) -> tuple[tuple[Slot, ...], ...]:
    return plan(bench.dataset, extent.settings, batch, extent.limit, extent.shard)


def run(bench: Bench, configuration: Configuration, extent: Extent, progress: Progress = no_progress) -> Ran:
    """Runs what is yet to be done of a configuration.

    Raises:
        OnTheFlyError: as of `run_all`.
    """
    method = bench.make_method(configuration)
    batches = _plan(bench, method.batch, extent)
    total, done = sum(len(batch) for batch in batches), 0
    with opened_results(bench.folder, bench.name(configuration, method), extent.shard) as file:
        workshop = Workshop(bench, configuration, method, file)
        progress("evaluate", _count_done(batches, file), total)
        for batch in batches:
            if not _copy_twins(batch, file) and not _is_done(batch, file):
                keep_thumbnails(bench.folder, bench.fingerprint, [slot.turn for slot in batch])
                file.append(_make(workshop, batch))
                done = _count_done(batches, file)
                progress("evaluate", done, total)
        keys = [_key(slot, setting) for batch in batches for slot in batch for setting in slot.settings]
        return Ran(file.configuration, tuple(file.known[key] for key in dict.fromkeys(keys)))


def _make(workshop: Workshop, batch: Sequence[Slot]) -> list[Result]:
    try:
        return workshop.make(batch)
    except torch.OutOfMemoryError as error:
        raise OnTheFlyError(
            f"the device has too little memory for {len(batch)} edits at a time; choose a smaller --batch"
        ) from error


def _key(slot: Slot, setting: str) -> str:
    return key_of(slot.turn.session, slot.turn.number, setting)


def _is_done(batch: Sequence[Slot], file: ResultFile) -> bool:
    return all(_key(slot, setting) in file.known for slot in batch for setting in slot.settings)


def _count_done(batches: Sequence[Sequence[Slot]], file: ResultFile) -> int:
    return sum(len(batch) for batch in batches if _is_done(batch, file))


def _copy_twins(batch: Sequence[Slot], file: ResultFile) -> bool:
    """First turns are the same in both settings: where all of a batch are known from one, the other's are copies."""
    known = [_known(slot, file) for slot in batch]
    if None in known or _is_done(batch, file):
        return False
    copies = [
        replace(result, setting=setting)
        for slot, result in zip(batch, known, strict=True)
        for setting in slot.settings
        if result is not None and _key(slot, setting) not in file.known
    ]
    file.append(copies)
    return True


def _known(slot: Slot, file: ResultFile) -> Result | None:
    settings = SETTINGS if slot.turn.number == 1 else slot.settings
    return next((file.known[key] for setting in settings if (key := _key(slot, setting)) in file.known), None)
