"""Which configurations are run: one, or the grid of the paper's Table 1."""

from __future__ import annotations

from dataclasses import dataclass

from ...options import EditOptions
from ...rewriting.formats import WORDINGS

CAPTIONER, GOLD = "captioner", "gold"
CAPTION_SOURCES = (CAPTIONER, GOLD)
"""Who writes the caption of the picture: the captioning model, or the author of the set."""
SHOTS = (0, 1, 3)
COLUMNS: tuple[tuple[int, bool], ...] = ((1, False), (1, True), (2, True), (4, True))
"""How many captions are asked for, and whether the first is the captioner's."""
ORACLE = (1, 1)
"""Shots and captions of the rows that start from the set's own captions."""
GRID_OPTIONS = ("shots", "captions", "lock_first_caption", "wording")
"""What the grid varies."""
GRIDS = ("paper",)


@dataclass(frozen=True)
class Configuration:
    """One way of editing a whole set.

    Attributes:
        options: settings of an edit, with those of the method.
        caption_source: `captioner` or `gold`.
    """

    options: EditOptions
    caption_source: str = CAPTIONER

    def plain(self) -> dict[str, object]:
        """As plain data."""
        return {"options": self.options.flat(), "caption_source": self.caption_source}


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
