"""The unit of work of an evaluation: pictures that go through the models side by side, in all configurations.

Of each picture caption and inversion are shared by all its configurations. A unit is plain data, so that it can be sent
to another process or machine; `carrying.Carrier` carries it out there. Its batches are those of the plan, so that
whatever rounding comes with a batch comes out the same wherever it is made.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from ..data.turns import SETTINGS
from .batches import Slot
from .result_files import Result, key_of

Known = Mapping[str, Result]
"""Results by key."""
Batch = tuple[Slot, ...]


@dataclass(frozen=True)
class Unit:
    """Batches that need each other, and nothing else, in some configurations.

    Attributes:
        batches: in the order in which they can be made.
        configurations: by name.
        known: of each configuration what earlier runs have made of these batches.
    """

    batches: tuple[Batch, ...]
    configurations: tuple[str, ...]
    known: Mapping[str, Known] = field(default_factory=dict[str, Known])

    @property
    def slots(self) -> tuple[Slot, ...]:
        """All edits of one configuration."""
        return tuple(slot for batch in self.batches for slot in batch)

    def told(self, known: Mapping[str, Known]) -> Unit | None:
        """This unit, told what is known of its own edits; None where all of them are made."""
        if self.is_done(known):
            return None
        keys = [key for slot in self.slots for key in keys_of(slot)]
        own = {name: {key: known[name][key] for key in keys if key in known[name]} for name in self.configurations}
        return replace(self, known=own)

    def is_done(self, known: Mapping[str, Known]) -> bool:
        """Whether all was made in all configurations."""
        return all(is_done(batch, known[name]) for name in self.configurations for batch in self.batches)

    def tried(self, known: Known) -> int:
        """How many edits of a configuration have been tried."""
        return sum(all(key in known for key in keys_of(slot)) for slot in self.slots)


def keys_of(slot: Slot) -> list[str]:
    """The keys of a slot's results."""
    return [_key(slot, setting) for setting in slot.settings]


def is_done(batch: Sequence[Slot], known: Known) -> bool:
    """Whether every edit of a batch was made; a batch with one that failed is made again as a whole, so that whatever
    rounding comes with a batch stays the same."""
    return all(_is_made(known.get(key)) for slot in batch for key in keys_of(slot))


def twins(batch: Sequence[Slot], known: Known) -> list[Result]:
    """First turns are the same in both settings: where all of a batch are known from one, the other's are copies;
    nothing otherwise."""
    found = [_known(slot, known) for slot in batch]
    if None in found:
        return []
    return [
        replace(result, setting=setting)
        for slot, result in zip(batch, found, strict=True)
        for setting in slot.settings
        if result is not None and not _is_made(known.get(_key(slot, setting)))
    ]


def _known(slot: Slot, known: Known) -> Result | None:
    """The result of a slot in any setting that it is one of, where it did not fail."""
    settings = SETTINGS if slot.turn.number == 1 else slot.settings
    found = (known.get(_key(slot, setting)) for setting in settings)
    return next((result for result in found if _is_made(result)), None)


def _key(slot: Slot, setting: str) -> str:
    return key_of(slot.turn.session, slot.turn.number, setting)


def _is_made(result: Result | None) -> bool:
    return result is not None and result.error is None
