"""The command that edits photographs on somebody's machine and writes one page of it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from ..models.families import EDIT_ROLES, family_of
from ..options import EditOptions, LoadOptions
from .console import complain
from .flags import flags_of, settings
from .loading import load_editor

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
    *,
    changes: dict[str, Any],
    models: dict[str, Any],
) -> None:
    """Edit a dozen photographs in three ways and write one page with pictures, seconds and memory, to be sent back."""
    from ..evaluation.data.photographs import photograph_files
    from ..evaluation.optional_libraries import import_extra
    from ..evaluation.report.photographs_page import photographs_page
    from ..evaluation.runs.photograph_edits import PhotographRun
    from ..files import written_whole

    import_extra("jinja2")
    files, names = photograph_files(limit), list(dict.fromkeys(family or ["sd14"]))
    EditOptions.of().with_changes(**changes)
    for name in names:  # all that may be amiss first: a slip in a name, weights that cannot be had
        family_of(LoadOptions().with_changes(family=name))
    for name in names:
        load_editor({**models, "family": name}, EDIT_ROLES)
    run = PhotographRun(out, files, models, changes, complain)
    precisions = [run.precisions(name) for name in names]
    edits = [edit for name in names for edit in run.edits(name)]
    page = out / PAGE
    with written_whole(page) as part:
        part.write_text(photographs_page(out, files, edits, precisions), encoding="utf-8")
    complain(f"Page: {page}")
