"""Which configurations are run: one, or the grid of the paper's Table 1."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ..options import EditOptions
from ..prompts import WORDINGS
from .cache import digest
from .ours import OURS
from .texts import CAPTIONER, GOLD

SHOTS = (0, 1, 3)
COLUMNS: tuple[tuple[int, bool], ...] = ((1, False), (1, True), (2, True), (4, True))
"""How many captions are asked for, and whether the first is the captioner's."""
ORACLE = (1, 1)
"""Shots and captions of the rows that start from the set's own captions."""
GRID_OPTIONS = ("shots", "captions", "lock_first_caption", "wording")
"""What the grid varies."""
_ID_DIGITS = 8


@dataclass(frozen=True)
class Configuration:
    """One way of editing a whole set.

    Attributes:
        options: of the texts, and of our own method.
        caption_source: `captioner` or `gold`.
        method: `ours`, or a name in the table of methods.
    """

    options: EditOptions
    caption_source: str = CAPTIONER
    method: str = OURS

    def plain(self) -> dict[str, object]:
        """As plain data."""
        return dataclasses.asdict(self)


def paper_grid(base: EditOptions) -> tuple[Configuration, ...]:
    """The 24 configurations of the paper's Table 1, and the oracle in both wordings.

    Args:
        base: all other options.
    """

    def options(shots: int, captions: int, locked: bool, wording: str) -> EditOptions:
        return base.with_changes(shots=shots, captions=captions, lock_first_caption=locked, wording=wording)

    table = [
        Configuration(options(shots, captions, locked, wording))
        for shots in SHOTS
        for captions, locked in COLUMNS
        for wording in WORDINGS
    ]
    shots, captions = ORACLE
    oracle = [Configuration(options(shots, captions, True, wording), GOLD) for wording in WORDINGS]
    return (*table, *oracle)


def name_of(configuration: Configuration, facts: Mapping[str, object]) -> str:
    """A name for files: what people look for, and a hash of all that the results depend on.

    Args:
        facts: what else they depend on: the set, models, precision.
    """
    options = configuration.options
    parts: Sequence[str] = (
        re.sub(r"[^a-z0-9]+", "-", configuration.method.lower()).strip("-"),
        f"{options.shots}shot",
        f"{options.captions}caption",
        *(() if options.lock_first_caption else ("free",)),
        options.wording,
        *((GOLD,) if configuration.caption_source == GOLD else ()),
        f"{options.steps}steps",
        digest({"configuration": configuration.plain(), "facts": dict(facts)})[:_ID_DIGITS],
    )
    return "-".join(parts)
