"""The command that edits photographs on somebody's machine and writes one page of it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ..models.families import EDIT_ROLES, family_of
from ..options import EditOptions, LoadOptions
from .console import complain, progress_display
from .countdown import countdown
from .flags import flags_of, settings
from .loading import load_editor

if TYPE_CHECKING:
    from ..evaluation.data.turns import Dataset
    from ..evaluation.runs.result_files import Result

PAGE = "photographs.html"
_RUN_FLAGS = flags_of(LoadOptions, ("device", "low_vram"))
_EDIT_FLAGS = flags_of(EditOptions, ("steps", "size"))


@settings(changes=_EDIT_FLAGS, models=_RUN_FLAGS)
def photographs(
    out: Annotated[
        Path,
        typer.Option("--out", metavar="DIR", help="Where edits and page go; a run that was cut off goes on."),
    ],
    family: Annotated[
        list[str] | None, typer.Option(metavar="NAME", help="A family of models for photographs; repeatable.")
    ] = None,
    limit: Annotated[
        int | None, typer.Option(metavar="INTEGER", min=1, help="Only so many photographs, the first ones.")
    ] = None,
    magicbrush: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="MagicBrush's test set, its zip or folder: its first turns are scored, too."),
    ] = None,
    turns: Annotated[int, typer.Option(metavar="INTEGER", min=1, help="So many turns of MagicBrush.")] = 50,
    *,
    changes: dict[str, Any],
    models: dict[str, Any],
) -> None:
    """Edit a dozen photographs in three ways and write one page with pictures, seconds and memory, to be sent back.

    With --magicbrush the page has the tables of MagicBrush's first turns as well.
    """
    from ..evaluation.data.photographs import photograph_files
    from ..evaluation.optional_libraries import import_extra
    from ..evaluation.report.photographs_page import photographs_page
    from ..evaluation.runs.photograph_edits import PhotographRun
    from ..evaluation.runs.photograph_turns import make_sure_of_metrics
    from ..files import written_whole

    import_extra("jinja2")
    files, names = photograph_files(limit), list(dict.fromkeys(family or ["sd14"]))
    EditOptions.of().with_changes(**changes)
    for name in names:  # all that may be amiss first: a slip in a name, weights that cannot be had
        family_of(LoadOptions().with_changes(family=name))
    dataset = None if magicbrush is None else _opened(magicbrush)
    for name in names:
        editor = load_editor({**models, "family": name}, EDIT_ROLES)
        if dataset is not None:
            make_sure_of_metrics(editor, dataset, out)
    run = PhotographRun(out, files, models, changes, complain)
    precisions = [run.precisions(name) for name in names]
    edits = [edit for name in names for edit in run.edits(name)]
    scored = [] if dataset is None else _scored(names, models, dataset, out, changes, turns)
    page = out / PAGE
    with written_whole(page) as part:
        part.write_text(photographs_page(out, files, edits, precisions, scored), encoding="utf-8")
    complain(f"Page: {page}")


def _opened(path: Path) -> Dataset:
    """The user's MagicBrush, once it is sure that tables can be made of it."""
    from ..evaluation.data.magicbrush import load_dataset
    from ..evaluation.report.writing import require_libraries

    require_libraries()
    with progress_display() as progress:
        dataset = load_dataset(path, progress=progress)
    for note in dataset.notes:
        complain(f"Note: {note}")
    return dataset


def _scored(
    names: Sequence[str], models: dict[str, Any], dataset: Dataset, out: Path, changes: dict[str, Any], turns: int
) -> list[Result]:
    """MagicBrush's first turns with every family, scored."""
    from ..editor import Editor
    from ..evaluation.runs.photograph_turns import turn_results

    return [
        result
        for name in names
        for result in turn_results(Editor.load(name, **models), dataset, out, changes, turns, countdown())
    ]
