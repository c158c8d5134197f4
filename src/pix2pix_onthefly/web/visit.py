"""What one visitor has done: edits in their order, which of them is looked at, what is kept for edits to come."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from uuid import uuid4

from PIL import Image

from ..errors import InputError
from ..records import EditCaptions, EditResult, Prepared

MOST_EDITS = 40
"""A visit remembers so many; the oldest are forgotten."""
MOST_PREPARED = 4
MOST_VISITS = 64
LONGEST_IDLE = 3600.0
"""Seconds after which a visit that nobody goes on with is forgotten."""


@dataclass(frozen=True)
class Entry:
    """One edit of a visit.

    Attributes:
        result: what was made.
        picture: what it was made of, with its opacity if it has any.
        before: name of the entry that was looked at when it was made; None for none.
        name: of itself.
    """

    result: EditResult = field(repr=False)
    picture: Image.Image = field(repr=False)
    before: str | None = None
    name: str = field(default_factory=lambda: uuid4().hex)


@dataclass(frozen=True)
class Visit:
    """A visit's history.

    Attributes:
        entries: the oldest first.
        at: name of the entry that is looked at; None before the first edit and where all was undone.
        prepared: pictures that are ready for further edits, the latest last, by what they were prepared for.
    """

    entries: tuple[Entry, ...] = ()
    at: str | None = None
    prepared: tuple[tuple[object, Prepared], ...] = field(default=(), repr=False)

    @property
    def entry(self) -> Entry | None:
        """The one that is looked at."""
        return next((entry for entry in self.entries if entry.name == self.at), None)

    @property
    def place(self) -> int | None:
        """Where that one lies in the history."""
        return next((place for place, entry in enumerate(self.entries) if entry.name == self.at), None)

    def added(self, result: EditResult, picture: Image.Image) -> Visit:
        """With one more edit, which is looked at."""
        entry = Entry(result, picture, self.at)
        return replace(self, entries=(*self.entries, entry)[-MOST_EDITS:], at=entry.name)

    def looking_at(self, place: int) -> Visit:
        """Looking at another edit of the history.

        Raises:
            InputError: there is none at that place.
        """
        if not 0 <= place < len(self.entries):
            raise InputError("this edit is no longer kept; choose one of the history")
        return replace(self, at=self.entries[place].name)

    def choosing(self, candidate: int) -> Visit:
        """With another candidate of the edit that is looked at in its place."""
        entry = self.entry
        if entry is None or not 0 <= candidate < 1 + len(entry.result.others):
            raise InputError("there is no such candidate; choose one of those that are shown")
        candidates = (entry.result, *entry.result.others)
        others = tuple(one for number, one in enumerate(candidates) if number != candidate)
        chosen = replace(entry, result=replace(candidates[candidate], others=others))
        return replace(self, entries=tuple(chosen if one is entry else one for one in self.entries))

    def undone(self) -> Visit:
        """Looking at what was looked at before the present edit, which stays in the history."""
        entry = self.entry
        known = {one.name for one in self.entries}
        return replace(self, at=entry.before if entry is not None and entry.before in known else None)

    def ready(self, key: object) -> Prepared | None:
        """The picture that was prepared for something, if it is kept."""
        return next((picture for other, picture in self.prepared if other == key), None)

    def with_prepared(self, key: object, picture: Prepared) -> Visit:
        """With a picture kept for further edits."""
        kept = tuple(pair for pair in self.prepared if pair[0] != key)
        return replace(self, prepared=(*kept, (key, picture))[-MOST_PREPARED:])


@dataclass
class _Held:
    visit: Visit = field(default_factory=Visit)
    stop: threading.Event = field(default_factory=threading.Event)
    asked: EditCaptions | None = None
    touched: float = 0.0


class Visits:
    """The visits of all who have the page open, each known by a name that only its browser knows.

    Nothing of them is on disk but what the page shows. A visit is forgotten when its page is closed, when nobody went
    on with it for an hour, and when there are too many.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._held: dict[str, _Held] = {}
        self._lock = threading.Lock()
        self._clock = clock

    def __len__(self) -> int:
        return len(self._held)

    def of(self, name: str) -> Visit:
        """A visit as it stands; a new one where the name is not known."""
        with self._lock:
            return self._touched(name).visit

    def keep(self, name: str, visit: Visit) -> Visit:
        """Keeps a visit as it is now, and gives it back."""
        with self._lock:
            self._touched(name).visit = visit
        return visit

    def ask(self, name: str, captions: EditCaptions | None) -> None:
        """Remembers captions whose question is open although nothing was edited; None where none is."""
        with self._lock:
            self._touched(name).asked = captions

    def asked(self, name: str) -> EditCaptions | None:
        """Those captions."""
        with self._lock:
            return self._touched(name).asked

    def starting(self, name: str) -> threading.Event:
        """For an edit that begins: an event that is set where it is to stop."""
        with self._lock:
            held = self._touched(name)
            held.stop = threading.Event()
            return held.stop

    def stop(self, name: str) -> None:
        """Stops the visit's edit, if one is under way."""
        with self._lock:
            if name in self._held:
                self._held[name].stop.set()

    def forget(self, name: str) -> None:
        """The page was closed."""
        self.stop(name)
        with self._lock:
            self._held.pop(name, None)

    def _touched(self, name: str) -> _Held:
        now = self._clock()
        for other in [key for key, held in self._held.items() if now - held.touched > LONGEST_IDLE and key != name]:
            del self._held[other]
        held = self._held.pop(name, None) or _Held()
        held.touched = now
        self._held[name] = held  # the latest is the last
        while len(self._held) > MOST_VISITS:
            del self._held[next(iter(self._held))]
        return held


def saved(result: EditResult, folder: Path) -> Path:
    """The file of an edit with its recipe inside, for downloading.

    Raises:
        OutputError: it cannot be written.
    """
    target = folder / f"{uuid4().hex}" / "edited.png"
    target.parent.mkdir(parents=True)
    result.save(target)
    return target
