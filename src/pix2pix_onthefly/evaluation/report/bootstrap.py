"""How sure a difference between two rows is: a paired bootstrap that draws whole sessions.

Turns of a session share their pictures, so that they are no independent samples: sessions are drawn, with all their
turns, and a turn counts as the difference of its two figures (Efron and Tibshirani 1993, chapters 8 and 13).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

RESAMPLES = 2000
LEVEL = 0.95
SEED = 0
_DIGITS = 12
"""Equal figures that were summed in another order differ beyond these: such a difference is none."""

Figures = Mapping[tuple[str, int], float]
"""Session and turn to the figure of a row."""


@dataclass(frozen=True)
class Interval:
    """A mean difference with its percentile interval.

    Attributes:
        difference: mean over the turns that both rows have.
        low, high: of the interval.
        turns, sessions: how many there are.
    """

    difference: float
    low: float
    high: float
    turns: int
    sessions: int

    @property
    def is_sure(self) -> bool:
        """Whether the interval leaves zero out. One session says nothing of how much sessions differ."""
        return self.sessions > 1 and (self.low > 0 or self.high < 0)


def paired_interval(
    one: Figures, other: Figures, *, resamples: int = RESAMPLES, level: float = LEVEL, seed: int = SEED
) -> Interval | None:
    """The difference of the means of two rows, first less second, over the turns they share.

    Returns:
        None where they share none.
    """
    shared = sorted(one.keys() & other.keys())
    if not shared:
        return None
    differences = np.round([one[key] - other[key] for key in shared], _DIGITS)
    sessions = sorted({session for session, _ in shared})
    places = {session: place for place, session in enumerate(sessions)}
    owners = np.array([places[session] for session, _ in shared])
    sums = np.bincount(owners, differences, len(sessions))
    counts = np.bincount(owners, minlength=len(sessions))
    drawn = _draws(len(sessions), resamples, seed)
    means = (drawn @ sums) / (drawn @ counts)
    low, high = np.quantile(means, [(1 - level) / 2, (1 + level) / 2])
    return Interval(float(differences.mean()), float(low), float(high), len(shared), len(sessions))


@lru_cache(maxsize=4)
def _draws(sessions: int, resamples: int, seed: int) -> NDArray[np.int64]:
    """How often each session is drawn in each resample, [resamples, sessions]."""
    shares = np.full(sessions, 1 / sessions)
    return np.random.default_rng(seed).multinomial(sessions, shares, size=resamples)
