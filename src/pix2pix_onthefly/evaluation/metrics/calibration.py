"""Is the data whole and the metric the official one? The true pictures scored in place of generated ones.

A true picture differs from itself in nothing. How well it agrees with its descriptions is the ceiling of CLIP-T, and
for MagicBrush's test set others have published that figure. `onthefly calibrate test.zip` prints the table.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch

from ...records import Progress, no_progress
from ..data.turns import MULTI, SETTINGS, SINGLE, Dataset
from ..optional_libraries import import_extra
from .embeddings import ClipScorer
from .scores import Averages, Metrics, Scores, average, check_descriptions, read_rgb

if TYPE_CHECKING:
    from pandas import DataFrame

TEST_SESSIONS, TEST_TURNS = 535, 1053
"""MagicBrush's test split."""
_ROUNDING = 2e-4
"""Published figures have four digits, and were computed in half precision."""
_RERUN = "official script, github.com/OSU-NLP-Group/MagicBrush no. 27"
_UNSURE = "third party, no. 8: probably these descriptions; setting not stated"


@dataclass(frozen=True)
class Expectation:
    """What a figure should be, within `tolerance`; None where the source does not say enough to insist."""

    value: float
    tolerance: float | None
    source: str


_ALWAYS = {name: Expectation(value, 1e-6, "by definition") for name, value in (("l1", 0), ("l2", 0), ("clip_i", 1))}
_PUBLISHED = {
    (SINGLE, "clip_t_local"): Expectation(0.2826, _ROUNDING, _RERUN),
    (MULTI, "clip_t_local"): Expectation(0.2855, _ROUNDING, _RERUN),
    (SINGLE, "clip_t_global"): Expectation(0.3069, None, _UNSURE),
}
_FIGURES = ("l1", "l2", "clip_i", "clip_t_local", "clip_t_local_without_blank", "clip_t_global")


@dataclass(frozen=True)
class Figure:
    """One figure of the true pictures; `value` is None where the set has no such descriptions."""

    setting: str
    name: str
    turns: int
    value: float | None
    expected: Expectation | None = None

    @property
    def agrees(self) -> bool | None:
        """Whether it is as expected; None where nothing definite is expected."""
        if self.expected is None or self.expected.tolerance is None or self.value is None:
            return None
        return abs(self.value - self.expected.value) <= self.expected.tolerance


def calibrate(dataset: Dataset, clip: ClipScorer, progress: Progress = no_progress) -> tuple[Figure, ...]:
    """Scores the true pictures against themselves and their descriptions.

    The published figures hold for `openai/clip-vit-base-patch32`.

    Raises:
        InputError: a picture cannot be read, or a description is too long.
    """
    check_descriptions(dataset, clip)
    metrics = Metrics(clip)
    scores: dict[tuple[str, int], Scores] = {}
    for done, turn in enumerate(dataset.turns, 1):
        scores[turn.session, turn.number] = metrics.score(turn, read_rgb(turn.target))
        progress("score", done, len(dataset.turns))
    published = (len(dataset.sessions()), len(dataset.turns)) == (TEST_SESSIONS, TEST_TURNS)
    return tuple(
        figure
        for setting, turns in ((setting, dataset.turns_of(setting)) for setting in SETTINGS)
        for figure in _figures(
            setting, average(turns, [scores[turn.session, turn.number] for turn in turns]), published=published
        )
    )


def _figures(setting: str, averages: Averages, *, published: bool) -> list[Figure]:
    return [
        Figure(
            setting,
            name,
            averages.turns - (averages.blank if name == "clip_t_local_without_blank" else 0),
            getattr(averages, name),
            _ALWAYS.get(name) or (_PUBLISHED.get((setting, name)) if published else None),
        )
        for name in _FIGURES
    ]


def as_table(figures: tuple[Figure, ...]) -> DataFrame:
    """A row for each figure.

    Raises:
        OnTheFlyError: pandas is not installed.
    """
    rows: list[dict[str, Any]] = [
        {
            "setting": figure.setting,
            "figure": figure.name,
            "turns": figure.turns,
            "here": figure.value,
            "expected": figure.expected and figure.expected.value,
            "agrees": {True: "yes", False: "no", None: ""}[figure.agrees],
            "source": figure.expected.source if figure.expected else "",
        }
        for figure in figures
    ]
    return import_extra("pandas").DataFrame(rows)


def calibrate_path(
    path: str,
    *,
    family: str | None = None,
    device: str | None = None,
    into: str | None = None,
    progress: Progress = no_progress,
) -> tuple[Dataset, tuple[Figure, ...]]:
    """`calibrate` for a folder or a zip, with a family's CLIP: by default the published one, for MiniBrush our own.

    Raises:
        InputError: as of `load_dataset` and `calibrate`.
        ModelUnavailableError: the weights of CLIP are not here and cannot be had.
    """
    from ...models.families import DEFAULT_FAMILY, FAMILIES, PHOTOGRAPH_FAMILY, pick_family
    from ...models.loading import load_clip, pick_device
    from ..data.magicbrush import load_dataset

    dataset = load_dataset(path, into=into, progress=progress)
    name = pick_family(family or (DEFAULT_FAMILY if dataset.is_rendered else PHOTOGRAPH_FAMILY))
    clip = ClipScorer(*load_clip(FAMILIES[name].clip, pick_device(device), torch.float32))
    return dataset, calibrate(dataset, clip, progress)
