"""MagicBrush's first turns edited in the ways of the photographs: the ordinary evaluation, in a folder of their own."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from ...editor import Editor
from ...errors import OptionError
from ...models import hub
from ...options import EditOptions
from ...records import Progress, no_progress
from ..data.turns import SINGLE, Dataset
from .configurations import Configuration
from .photograph_edits import WAYS
from .result_files import Result
from .runner import Extent, run_all
from .setup import Setup

FOLDER = "magicbrush"
"""Below that of the photographs; within it one for each family."""


def make_sure_of_metrics(editor: Editor, dataset: Dataset, folder: Path) -> None:
    """Brings to this machine what scores a set, before hours of edits.

    Raises:
        ModelUnavailableError: it cannot be had.
    """
    hub.make_sure(_setup(editor, dataset, folder).scorer.clip_row, "clip", half=False)


def turn_results(
    editor: Editor,
    dataset: Dataset,
    folder: Path,
    changes: Mapping[str, Any],
    turns: int,
    progress: Progress = no_progress,
) -> list[Result]:
    """The results of a set's first turns, each from its true picture, in every way; what is kept among them.

    Args:
        folder: of the photographs.
        changes: settings of all edits, by flat names.
        turns: how many.

    Raises:
        OnTheFlyError: models that cannot be had, or a folder that cannot be written to.
    """
    wanted = [Configuration(options) for options in _options(editor, changes)]
    ran = run_all(_setup(editor, dataset, folder), wanted, Extent((SINGLE,), turns), progress)
    return [result for one in ran for result in one.results]


def _options(editor: Editor, changes: Mapping[str, Any]) -> Iterator[EditOptions]:
    """Those of each way that these settings go with; the page tells of the others where it has the photographs."""
    for chosen in WAYS.values():
        try:
            wanted: dict[str, Any] = {**chosen, "force": True, **changes}
            yield editor.options(**wanted)
        except OptionError:
            continue


def _setup(editor: Editor, dataset: Dataset, folder: Path) -> Setup:
    """Descriptions that are too long for CLIP are cut: hours of work on a machine must not end for one of them."""
    return Setup(editor, dataset, folder / FOLDER / editor.family_name, truncate=True)
