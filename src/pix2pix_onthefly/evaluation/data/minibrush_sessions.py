"""MiniBrush's editing sessions: exact edits of the rendered world, each starting where the one before it ended."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from ...world.captions import describe
from ...world.changes import EDIT_TYPES, Change, change_scene, is_possible
from ...world.instructions import Edit, fitting_phrasings, phrase
from ...world.scenes import Scene, sample_scene

PICTURE_SIDE = 128
"""In pixels, unless another is asked for: what the bundled models draw."""
SMALLEST_SIDE = 32
"""In pixels; smaller pictures show no difference between many objects."""


@dataclass(frozen=True)
class Split:
    """What a split holds.

    Attributes:
        seed: all chance comes from here; session `i` is drawn from `seed + 1 + i`, which is also its id.
        sessions: how many sessions have one turn, two and three.
        unseen_share: share of the edits of each type whose phrasing no training text holds.
        unspecified_share: share of all edits whose instruction leaves the object unnamed (paper 5.4).
    """

    seed: int
    sessions: tuple[int, int, int]
    unseen_share: float = 1 / 3
    unspecified_share: float = 1 / 4


SPLITS: dict[str, Split] = {
    "dev": Split(8_000_000, (22, 16, 22)),  # 120 edits; MagicBrush has 100, 70 and 96 sessions
    "test": Split(9_000_000, (61, 34, 57)),  # 300 edits; MagicBrush has 216, 120 and 199
}


@dataclass(frozen=True)
class Session:
    """One picture and the edits made to it in turn.

    Attributes:
        seed: what it was drawn from.
        edits: each one's source is the target of the one before.
    """

    seed: int
    edits: tuple[Edit, ...]

    @property
    def id(self) -> str:
        """Name of its folder and beginning of its file names."""
        return str(self.seed)


def make_sessions(split: Split) -> tuple[Session, ...]:
    """Draws all sessions of a split.

    The types of edit are equally frequent, never twice in a session. No two edits have the same captions before and
    after, and no session comes back to a scene it has shown.
    """
    rng = random.Random(split.seed)
    plans = _plan_types(rng, split.sessions)
    taken: set[tuple[str, str]] = set()
    chains = [_chain(random.Random(split.seed + 1 + index), plan, taken) for index, plan in enumerate(plans)]
    edits = iter(_phrased(rng, [change for chain in chains for change in chain], split))
    return tuple(Session(split.seed + 1 + index, tuple(next(edits) for _ in plan)) for index, plan in enumerate(plans))


def _plan_types(rng: random.Random, sessions: tuple[int, int, int]) -> list[list[str]]:
    """The types of each session's edits: always the rarest so far, in random order."""
    lengths = [turns for turns, count in enumerate(sessions, 1) for _ in range(count)]
    rng.shuffle(lengths)
    counts: Counter[str] = Counter()
    plans: list[list[str]] = []
    for length in lengths:
        types: list[str] = sorted(EDIT_TYPES, key=lambda edit_type: (counts[edit_type], rng.random()))[:length]
        rng.shuffle(types)
        counts.update(types)
        plans.append(types)
    return plans


def _chain(rng: random.Random, types: Sequence[str], taken: set[tuple[str, str]]) -> list[Change]:
    """Changes of the given types, one after another, none of them taken; they are taken then."""
    while True:
        changes = _attempt(rng, types)
        if len(changes) < len(types):
            continue
        captions = {(describe(change.source), describe(change.target)) for change in changes}
        if not captions & taken:
            taken |= captions
            return changes


def _attempt(rng: random.Random, types: Sequence[str]) -> list[Change]:
    """Goes on until the next type is impossible or the scene has been there before."""
    scene, changes = _first_scene(rng, types), list[Change]()
    shown = {describe(scene)}
    for edit_type in types:
        if not is_possible(scene, edit_type):
            break
        change = change_scene(rng, scene, edit_type)
        if describe(change.target) in shown:
            break
        changes.append(change)
        scene = change.target
        shown.add(describe(scene))
    return changes


def _first_scene(rng: random.Random, types: Sequence[str]) -> Scene:
    """A scene the first of the types is likely to be possible in; pairs come mostly with adding and removing."""
    number_changes = [edit_type for edit_type in types if edit_type in ("add", "remove")]
    if not number_changes:
        return sample_scene(rng, pair_share=0.1)
    if number_changes[0] == "remove":
        return sample_scene(rng, pair_share=1.0)
    return sample_scene(rng, pair_share=0.0, slot_share=1.0)


def _phrased(rng: random.Random, changes: Sequence[Change], split: Split) -> list[Edit]:
    """Gives each change an instruction; of the templates that fit, the least used."""
    unseen, unspecified = _unseen(rng, changes, split), _unspecified(rng, changes, split)
    used: Counter[str] = Counter()
    edits: list[Edit] = []
    for index, change in enumerate(changes):
        seen, specified = index not in unseen, index not in unspecified
        templates = fitting_phrasings(change, seen=seen, specified=specified)
        template = min(templates, key=lambda text: (used[text], rng.random()))
        used[template] += 1
        edits.append(phrase(rng, change, template, seen=seen, specified=specified))
    return edits


def _unseen(rng: random.Random, changes: Sequence[Change], split: Split) -> set[int]:
    """Indices of the edits with a phrasing never seen in training: the same share of each type."""
    chosen: set[int] = set()
    for edit_type in EDIT_TYPES:
        indices = [index for index, change in enumerate(changes) if change.type == edit_type]
        chosen.update(rng.sample(indices, round(split.unseen_share * len(indices))))
    return chosen


def _unspecified(rng: random.Random, changes: Sequence[Change], split: Split) -> set[int]:
    """Indices of the edits whose instruction names no object: possible where the picture shows one, not two."""
    possible = [i for i, change in enumerate(changes) if fitting_phrasings(change, seen=True, specified=False)]
    return set(rng.sample(possible, min(len(possible), round(split.unspecified_share * len(changes)))))
