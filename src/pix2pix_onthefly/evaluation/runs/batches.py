"""How the turns of a set are shared out into batches.

Batches depend on the set, the limit and the batch size alone. Neither a cut-off run nor its shares change them, so that
whatever rounding comes with a batch comes out the same.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TypeVar

from PIL import Image

from ...errors import OptionError
from ...pictures.opening import opened
from ..data.turns import MULTI, SINGLE, Dataset, Turn

BLOCK = 8
"""Sessions that are worked on together, and never shared out."""

Size = tuple[int, int]
_Entry = TypeVar("_Entry")


@dataclass(frozen=True)
class Slot:
    """One edit to make.

    Attributes:
        turn: what is to be done.
        settings: which settings it is a result of; a first turn is one of both.
        final: whether it is the last turn of its session.
    """

    turn: Turn
    settings: tuple[str, ...]
    final: bool

    @property
    def chained(self) -> bool:
        """Whether it starts from a generated picture."""
        return self.turn.number > 1 and self.settings == (MULTI,)


@dataclass(frozen=True)
class Shard:
    """Share `number`, from 1, of `count`."""

    number: int = 1
    count: int = 1

    @classmethod
    def of(cls, text: str) -> Shard:
        """Reads `2/3`.

        Raises:
            OptionError: it says something else.
        """
        found = re.fullmatch(r"([1-9]\d{0,5})/([1-9]\d{0,5})", text.strip())
        if not found or int(found[1]) > int(found[2]):
            raise OptionError(f"the shard {text!r} is not of the form i/n, such as 2/3 for the second of three shares")
        return cls(int(found[1]), int(found[2]))


WHOLE = Shard()


def plan(
    dataset: Dataset, settings: Sequence[str], batch: int, limit: int | None = None, shard: Shard = WHOLE
) -> tuple[tuple[Slot, ...], ...]:
    """The batches of a run, in the order in which they can be made.

    Args:
        settings: one or both of `records.SETTINGS`.
        batch: edits a batch, at most.
        limit: only so many turns, the first ones; of chains only those that lie wholly within them.
        shard: only this share, by blocks of `BLOCK` sessions.

    Raises:
        InputError: a picture cannot be read.
    """
    sessions = [session for session in _cut(dataset, settings, limit) if session]
    blocks = list(_parts(sessions, BLOCK))[shard.number - 1 :: shard.count]
    return tuple(made for block in blocks for made in _batches(block, batch))


def independent(batches: Sequence[Sequence[Slot]]) -> list[tuple[tuple[Slot, ...], ...]]:
    """The batches of a plan in parts that need nothing of each other: most are alone; those that hold the turns of a
    chain stay together, in their order."""
    chained = {slot.turn.session for batch in batches for slot in batch if slot.chained}
    found: list[tuple[set[str], list[int]]] = []
    for place, batch in enumerate(batches):
        ties = {slot.turn.session for slot in batch if MULTI in slot.settings and slot.turn.session in chained}
        joined = [part for part in found if part[0] & ties]
        places = [*(one for _, some in joined for one in some), place]
        found = [part for part in found if not part[0] & ties]
        found.append((ties.union(*(others for others, _ in joined)), places))
    parts = sorted(sorted(places) for _, places in found)
    return [tuple(tuple(batches[place]) for place in places) for places in parts]


def _cut(dataset: Dataset, settings: Sequence[str], limit: int | None) -> Iterator[list[Slot]]:
    """The slots of each session."""
    left = len(dataset.turns) if limit is None else limit
    for turns in dataset.sessions():
        whole = len(turns) <= left
        asked = [setting for setting in settings if setting == SINGLE or whole]
        slots = [Slot(turns[0], tuple(asked), len(turns) == 1)] if asked and left else []
        for setting in asked:
            slots += [Slot(turn, (setting,), turn is turns[-1]) for turn in turns[1:left]]
        yield slots
        left = max(0, left - len(turns))


def _batches(block: Sequence[Sequence[Slot]], batch: int) -> Iterator[tuple[Slot, ...]]:
    """First turns, then those from true pictures, then the chains step by step; pictures of one size together."""
    sizes = {slots[0].turn.session: _size(slots[0].turn) for slots in block}
    slots = [slot for session in block for slot in session]
    stages = sorted({_stage(slot) for slot in slots})
    for stage in stages:
        groups: dict[Size, list[Slot]] = {}
        for slot in slots:
            if _stage(slot) == stage:
                size = sizes[slot.turn.session] if slot.chained else _size(slot.turn)
                groups.setdefault(size, []).append(slot)
        for group in groups.values():
            yield from _parts(group, batch)


def _stage(slot: Slot) -> tuple[bool, int]:
    return slot.chained, slot.turn.number if slot.chained else min(2, slot.turn.number)


def _size(turn: Turn) -> Size:
    with opened(turn.source) as picture:
        return _upright(picture)


def _upright(picture: Image.Image) -> Size:
    """The size as `images.open_picture` gives it."""
    width, height = picture.size
    return (height, width) if picture.getexif().get(0x0112, 1) in (5, 6, 7, 8) else (width, height)


def _parts(entries: Sequence[_Entry], length: int) -> Iterator[tuple[_Entry, ...]]:
    for start in range(0, len(entries), length):
        yield tuple(entries[start : start + length])
