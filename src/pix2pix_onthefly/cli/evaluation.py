"""Commands that measure: evaluate, sweep, tables."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ..errors import OptionError
from ..evaluation.data.turns import SETTINGS, SINGLE
from ..evaluation.rivals import register_rivals
from ..evaluation.runs.configurations import CAPTION_SOURCES, CAPTIONER, GOLD, GRID_OPTIONS, GRIDS
from ..models.families import EDIT_ROLES, family_of
from ..options import AttentionOptions, EditOptions, LoadOptions
from ..running.defaults import options_for
from ..workers.workers import LOCAL, opened_workers
from .arguments import MethodName, PresetName, WorkersName
from .console import complain, progress_display, say
from .countdown import countdown
from .flags import edit_flags, flags_of, settings
from .loading import load_editor

if TYPE_CHECKING:
    from ..editor import Editor
    from ..evaluation.runs.configurations import Configuration
    from ..evaluation.runs.runner import Extent, Ran
    from ..evaluation.runs.setup import Setup
    from ..workers.workers import Workers

BOTH = "both"

register_rivals()
RUN_FLAGS = flags_of(LoadOptions, without=("map_memory",))
EDIT_FLAGS = edit_flags(rivals=True)

SetName = Annotated[
    str,
    typer.Argument(
        metavar="DATASET",
        help="A folder or a zip in MagicBrush's layout, or minibrush:dev, minibrush:test, magicbrush:dev.",
        show_default=False,
    ),
]
Folder = Annotated[
    Path,
    typer.Option("--out", metavar="DIR", help="Where results go; a run that was cut off goes on.", show_default=False),
]
SettingName = Annotated[
    str,
    typer.Option(
        metavar="single|multi|both", help="Start each turn from the true picture, from the generated one, or both."
    ),
]
Limit = Annotated[int | None, typer.Option(metavar="INTEGER", min=1, help="Only so many turns, the first ones.")]
ShardText = Annotated[str, typer.Option(metavar="I/N", help="Only share i of n, by sessions; 'tables' joins them.")]
Truncate = Annotated[
    bool, typer.Option("--truncate", help="Cut descriptions that are too long for CLIP; the official script stops.")
]
OneObject = Annotated[bool, typer.Option("--json", help="Print one JSON object on one line instead of tables.")]


@settings(changes=EDIT_FLAGS, models=RUN_FLAGS)
def evaluate(
    dataset: SetName,
    out: Folder,
    method: MethodName = None,
    preset: PresetName = None,
    setting: SettingName = SINGLE,
    limit: Limit = None,
    shard: ShardText = "1/1",
    workers: WorkersName = LOCAL,
    caption_source: Annotated[
        str, typer.Option(metavar="|".join(CAPTION_SOURCES), help="Who captions the picture: the captioner or the set.")
    ] = CAPTIONER,
    truncate: Truncate = False,
    as_json: OneObject = False,
    *,
    changes: dict[str, Any],
    models: dict[str, Any],
) -> None:
    """Edit a whole test set in one way and print its table."""
    from ..evaluation.runs.configurations import Configuration

    if caption_source not in CAPTION_SOURCES:
        raise OptionError(f"caption-source must be one of {', '.join(CAPTION_SOURCES)}, not {caption_source!r}")
    extent, options = _extent(setting, limit, shard), _options(models, changes, method, preset)
    with opened_workers(workers, models.get("device")) as hands:
        setup = _setup(dataset, out, models, gold=caption_source == GOLD, truncate=truncate)
        ran = _run(setup, [Configuration(options, caption_source)], extent, hands)
    _tell(ran, out, as_json=as_json)


@settings(changes=[flag for flag in EDIT_FLAGS if flag.name not in GRID_OPTIONS], models=RUN_FLAGS)
def sweep(
    grid: Annotated[str, typer.Argument(metavar="|".join(GRIDS), help="Which grid.", show_default=False)],
    dataset: SetName,
    out: Folder,
    method: MethodName = None,
    preset: PresetName = None,
    setting: SettingName = SINGLE,
    limit: Limit = None,
    shard: ShardText = "1/1",
    workers: WorkersName = LOCAL,
    truncate: Truncate = False,
    as_json: OneObject = False,
    *,
    changes: dict[str, Any],
    models: dict[str, Any],
) -> None:
    """Edit a whole test set in all ways of a grid: 'paper' is its Table 1 with the oracle, 26 configurations."""
    from ..evaluation.runs.configurations import paper_grid

    if grid not in GRIDS:
        raise OptionError(f"there is no grid {grid!r}; choose {', '.join(GRIDS)}")
    chosen = method if method or preset else AttentionOptions.name  # the paper's own, whatever the default is
    extent, options = _extent(setting, limit, shard), _options(models, changes, chosen, preset)
    with opened_workers(workers, models.get("device")) as hands:
        setup = _setup(dataset, out, models, gold=False, truncate=truncate)
        ran = _run(setup, paper_grid(options), extent, hands)
    _tell(ran, out, as_json=as_json)


def tables(
    folders: Annotated[list[Path], typer.Argument(metavar="DIR...", help="Folders of results.", show_default=False)],
    out: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Where tables and page go; the first folder if not given.")
    ] = None,
    as_json: OneObject = False,
) -> None:
    """Write tables (Markdown, CSV) and a page to look at, of what is stored; print the tables."""
    from ..evaluation.report.writing import summaries, write_report
    from ..evaluation.runs.result_files import read_results

    written = write_report(folders, out or folders[0])
    if as_json:
        results = [item.result for item in read_results(folders)]
        say(json.dumps({"rows": summaries(results)}))
    else:
        say(written.markdown.read_text(encoding="utf-8").rstrip("\n"))
    complain(f"Tables: {written.markdown}, page: {written.page}")


def _extent(setting: str, limit: int | None, shard: str) -> Extent:
    from ..evaluation.runs.batches import Shard
    from ..evaluation.runs.runner import Extent

    if setting not in (*SETTINGS, BOTH):
        raise OptionError(f"setting must be one of {', '.join((*SETTINGS, BOTH))}, not {setting!r}")
    return Extent(SETTINGS if setting == BOTH else (setting,), limit, Shard.of(shard))


def _options(models: dict[str, Any], changes: dict[str, Any], method: str | None, preset: str | None) -> EditOptions:
    """The settings of all edits, checked before anything is loaded."""
    _, family = family_of(LoadOptions().with_changes(**models))
    # A table has a row for every edit: what was not understood is edited all the same, and judged.
    return options_for(family, method=method, named=preset, changes={"force": True, **changes})


def _setup(name: str, out: Path, models: dict[str, Any], *, gold: bool, truncate: bool) -> Setup:
    """Set and models, whatever may be missing first: pandas, the set, weights."""
    from ..evaluation.data.named_sets import open_dataset
    from ..evaluation.report.writing import require_libraries
    from ..evaluation.runs.setup import Setup
    from ..models import hub

    require_libraries()
    with progress_display() as progress:
        dataset = open_dataset(name, out, progress)
    for note in dataset.notes:
        complain(f"Note: {note}")
    editor: Editor = load_editor(models, [role for role in EDIT_ROLES if not (gold and role == "captioner")])
    setup = Setup(editor, dataset, out, truncate=truncate)
    hub.make_sure(setup.scorer.clip_row, "clip", half=False)
    if note := setup.scorer.dino[1]:
        complain(f"Note: {note}")
    return setup


def _run(setup: Setup, configurations: Sequence[Configuration], extent: Extent, workers: Workers) -> list[Ran]:
    from ..evaluation.runs.runner import run_all

    return run_all(setup, configurations, extent, countdown(), workers)


def _tell(ran: Sequence[Ran], out: Path, *, as_json: bool) -> None:
    """The tables of what was asked for; files are of all that the folder holds."""
    from ..evaluation.report.tables import as_markdown
    from ..evaluation.report.writing import summaries, tables_of, write_report

    results = [result for one in ran for result in one.results]
    if not results:
        complain("This share holds no session; nothing was done.")
        return
    written = write_report([out], out)
    if as_json:
        say(json.dumps(_summary(summaries(results))))
    else:
        say("\n".join(as_markdown(table) for table in tables_of(results)).rstrip("\n"))
    complain(f"Tables: {written.markdown}, page: {written.page}")


def _summary(rows: Sequence[dict[str, object]]) -> dict[str, object]:
    """Of one configuration its figures, where it ran in both settings those of chains under `multi`; else all rows."""
    if len({row["configuration"] for row in rows}) > 1:
        return {"rows": list(rows)}
    first, *others = rows
    return {**first, **{str(row["setting"]): row for row in others}}


def register(app: typer.Typer) -> None:
    """Adds the commands to a command line."""
    for command in (evaluate, sweep, tables):
        app.command()(command)
