"""What an evaluation reads: turns of editing, grouped into sessions."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path

SINGLE = "single"
"""Every turn, each from the true picture before it; "all turns" in the official script."""
MULTI = "multi"
"""The last turn of every session, reached from picture to generated picture; "final turns" in the official script."""
SETTINGS = (SINGLE, MULTI)


@dataclass(frozen=True)
class Turn:
    """One instruction with the pictures before and after it.

    Attributes:
        session: id of the session; also the name of its folder.
        number: place in the session, from 1.
        instruction: what is to change.
        source, target: the true pictures before and after.
        mask: where it may change (white), if the set says so.
        source_caption: global description of the source.
        global_caption: global description of the target.
        local_caption: description of what changed; "" where its author left it blank.
        extra: what the set says beyond MagicBrush's layout.
    """

    session: str
    number: int
    instruction: str
    source: Path
    mask: Path | None
    target: Path
    source_caption: str | None = None
    global_caption: str | None = None
    local_caption: str | None = None
    extra: Mapping[str, object] = field(default_factory=dict[str, object], hash=False)

    @property
    def is_blank(self) -> bool:
        """Whether there is a local description without a word in it."""
        return self.local_caption is not None and not self.local_caption.strip()


@dataclass(frozen=True)
class Dataset:
    """A set of turns; those of a session follow one another.

    Attributes:
        name: for tables.
        folder: where `edit_sessions.json` lies.
        turns: all of them, in the order of that file.
        notes: sentences about what is missing or unusual.
    """

    name: str
    folder: Path
    turns: tuple[Turn, ...]
    notes: tuple[str, ...] = ()

    @property
    def is_rendered(self) -> bool:
        """Whether this is MiniBrush, of which more is known than of photographs."""
        return any(turn.extra for turn in self.turns)

    def sessions(self) -> tuple[tuple[Turn, ...], ...]:
        """The turns of each session."""
        return tuple(tuple(turns) for _, turns in groupby(self.turns, key=lambda turn: turn.session))

    def turns_of(self, setting: str) -> tuple[Turn, ...]:
        """The turns that are scored in a setting.

        Raises:
            ValueError: neither `SINGLE` nor `MULTI`.
        """
        if setting not in SETTINGS:
            raise ValueError(f"the setting {setting!r} is none of {', '.join(SETTINGS)}")
        return self.turns if setting == SINGLE else tuple(turns[-1] for turns in self.sessions())

    def lengths(self) -> dict[int, int]:
        """How many sessions there are of each number of turns."""
        return dict(sorted(Counter(len(turns) for turns in self.sessions()).items()))
