"""The unit of work of a batch: one picture with all its edits, which share its caption and its inversion.

A unit is plain data, so that it can be sent to another process or machine; `work.carry_out` does it there.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..models.families import Family
from ..options import EditOptions
from ..running.defaults import options_for
from .listing import Row


@dataclass(frozen=True)
class Wanted:
    """One edit of a unit's picture.

    Attributes:
        instruction, caption, before, after, answer: as of `listing.Row`.
        options: all its settings.
    """

    instruction: str
    options: EditOptions
    caption: str | None = None
    before: tuple[str, ...] = ()
    after: tuple[str, ...] = ()
    answer: str | None = None

    def asked(self) -> dict[str, object]:
        """All of it as plain data, ready for a hash."""
        return {
            "instruction": self.instruction,
            "caption": self.caption,
            "before": list(self.before),
            "after": list(self.after),
            "answer": self.answer,
            "options": self.options.flat(),
        }


@dataclass(frozen=True)
class Unit:
    """One picture with all its edits.

    Attributes:
        image: the picture's file.
        edits: what is asked of it.
    """

    image: Path
    edits: tuple[Wanted, ...]


def units_of(
    rows: Sequence[Row],
    family: Family,
    *,
    method: str | None = None,
    preset: str | None = None,
    changes: Mapping[str, Any] | None = None,
) -> list[Unit]:
    """The units of what is asked for, in the order in which their pictures come first.

    Args:
        method, preset, changes: for all edits; what a row says itself wins.

    Raises:
        OptionError: a bad name or value.
    """
    found: dict[Path, list[Wanted]] = {}
    for row in rows:
        own = dict(row.settings)
        options = options_for(
            family,
            method=own.pop("method", None) or method,
            named=own.pop("preset", None) or preset,
            changes={**(changes or {}), **own},
        )
        wanted = Wanted(row.instruction, options, row.caption, row.before, row.after, row.answer)
        found.setdefault(row.image, []).append(wanted)
    return [Unit(image, tuple(edits)) for image, edits in found.items()]


def together(units: Sequence[Unit], edits: int) -> Iterator[list[Unit]]:
    """Units in runs of about so many edits, which fill the batches of the models."""
    run: list[Unit] = []
    for unit in units:
        run.append(unit)
        if sum(len(one.edits) for one in run) >= edits:
            yield run
            run = []
    if run:
        yield run
