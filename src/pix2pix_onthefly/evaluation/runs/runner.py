"""Runs configurations over a set, unit by unit; a run that was cut off goes on where it was."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass

from ...errors import OptionError
from ...records import Progress, no_progress
from ...workers.workers import LocalWorkers, Lost, Workers
from ..report.thumbnails import keep_thumbnails
from .batches import WHOLE, Shard, independent, plan
from .carrying import Carrier, Elsewhere
from .configurations import Configuration
from .edits import EditMaker
from .result_files import Result, ResultFile, opened_results
from .setup import Setup
from .units import Known, Unit, is_done, keys_of


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
    setup: Setup,
    configurations: Sequence[Configuration],
    extent: Extent,
    progress: Progress = no_progress,
    workers: Workers | None = None,
) -> list[Ran]:
    """Runs what is yet to be done of configurations, side by side; an edit that failed before is tried again.

    Args:
        progress: called as progress("evaluate", done, total) with all edits that are done, also by earlier runs.
        workers: this process if not given.

    Raises:
        OnTheFlyError: models that cannot be had, a folder that cannot be written to, nothing to do.
    """
    ran = _ran(setup, configurations, extent, progress, workers)
    if not any(one.results for one in ran) and extent.shard.count == 1:
        raise OptionError("no session lies wholly within the limit, so that there is nothing to run; raise --limit")
    return ran


def run(setup: Setup, configuration: Configuration, extent: Extent, progress: Progress = no_progress) -> Ran:
    """Runs one configuration in this process.

    Raises:
        OnTheFlyError: models that cannot be had, a folder that cannot be written to.
    """
    return _ran(setup, [configuration], extent, progress, None)[0]


def _ran(
    setup: Setup,
    configurations: Sequence[Configuration],
    extent: Extent,
    progress: Progress,
    workers: Workers | None,
) -> list[Ran]:
    named = {setup.name(configuration): configuration for configuration in configurations}
    units = list(_units(setup, named, extent))
    with ExitStack() as stack:
        files = {name: stack.enter_context(opened_results(setup.folder, name, extent.shard)) for name in named}
        _carry_out(setup, named, units, files, progress, workers or LocalWorkers())
        keys = {name: dict[str, None]() for name in named}
        for unit in units:
            for name in unit.configurations:
                keys[name].update(dict.fromkeys(key for slot in unit.slots for key in keys_of(slot)))
        return [Ran(name, tuple(files[name].known[key] for key in keys[name])) for name in named]


def _units(setup: Setup, named: Mapping[str, Configuration], extent: Extent) -> Iterator[Unit]:
    """All units, those of configurations with batches of one size together."""
    sizes: dict[int, list[str]] = {}
    for name, configuration in named.items():
        sizes.setdefault(setup.batch(configuration), []).append(name)
    for size, names in sizes.items():
        for part in independent(plan(setup.dataset, extent.settings, size, extent.limit, extent.shard)):
            yield Unit(part, tuple(names))


def _carry_out(
    setup: Setup,
    named: Mapping[str, Configuration],
    units: Sequence[Unit],
    files: Mapping[str, ResultFile],
    progress: Progress,
    workers: Workers,
) -> None:
    """Lets workers make what is not there; lines are written by this process alone."""
    known = {name: file.known for name, file in files.items()}
    tried = {(place, name): unit.tried(known[name]) for place, unit in enumerate(units) for name in unit.configurations}
    total = sum(len(unit.slots) * len(unit.configurations) for unit in units)
    progress("evaluate", sum(tried.values()), total)
    carrier, elsewhere = Carrier(setup, named), Elsewhere.of(setup, named)
    for place, made in workers.each(carrier, elsewhere, units, lambda unit: unit.told(known)):
        unit = units[place]
        for results in _given_up(setup, named, unit, known, made) if isinstance(made, Lost) else [made]:
            name = results[0].configuration
            files[name].append(results)
            tried[place, name] = unit.tried(known[name])
        progress("evaluate", sum(tried.values()), total)


def _given_up(
    setup: Setup, named: Mapping[str, Configuration], unit: Unit, known: Mapping[str, Known], lost: Lost
) -> Iterator[list[Result]]:
    """The results of all that is missing of a unit that is lost: failed."""
    keep_thumbnails(setup.folder, setup.fingerprint, [slot.turn for slot in unit.slots])
    for name in unit.configurations:
        maker = EditMaker(setup, named[name], name, known[name])  # what is given has become known when it goes on
        for batch in unit.batches:
            if not is_done(batch, known[name]):
                yield [result for slot in batch for result in maker.lost(slot, lost.reason)]
