"""Edits that failed, and why."""

from __future__ import annotations

from .data_frames import Frame
from .tables import Table

_MOST_ROWS = 20


def failures(frame: Frame, name: str, title: str) -> Table | None:
    """How many edits of each row failed for which reason, the most frequent first; None where none did."""
    failed = frame[frame["failed"]]
    if not len(failed):
        return None
    data = failed.groupby(["label", "error"], sort=True).size().rename("failed").reset_index()
    data = data.sort_values(["failed", "label", "error"], ascending=[False, True, True])[["label", "failed", "error"]]
    shown = data.head(_MOST_ROWS)
    rows = tuple((str(label), str(number), str(why)) for label, number, why in shown.itertuples(index=False, name=None))
    left = len(data) - len(shown)
    caption = "Paths are cut to their last names."
    if left:
        caption += f" {left} rarer reasons are in the CSV file only."
    return Table(name, title, caption, ("row", "failed", "why"), rows, data, prose=("why",))
