"""Commands about the models: families, models, models fetch, doctor."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any, cast

import typer

from ..errors import InputError
from ..models import families as table
from ..models.families import EDIT_ROLES, ModelRow, close_names, custom_row, known_rows
from ..models.rows import FACTS
from ..options import LoadOptions
from .arguments import AsJson
from .console import complain, say, say_json, say_rows
from .flags import flags_of, settings

if TYPE_CHECKING:
    from ..models.hub import Presence

MEGABYTE = 10**6
SHORT_REVISION = 7
GATED, OPEN = "to be accepted", "open"
UNCHECKED = "?"
"""Marks what a row tells that the hub was not asked about."""
ONCE_MORE = "run this command again once you are online"

HEADS = (
    "role",
    "model",
    "revision",
    "licence",
    "gated",
    "weights",
    "download",
    "in half precision",
    "here",
    "size",
    "families",
)
models_app = typer.Typer(
    help="List the models, and what of them is on this machine; 'models fetch' downloads them.",
    invoke_without_command=True,
    no_args_is_help=False,
    rich_markup_mode=None,
)


def families() -> None:
    """List the model families; 'onthefly models' tells more about their models."""
    for name, family in table.FAMILIES.items():
        say(f"{name}{' (the default)' if name == table.DEFAULT_FAMILY else ''}: {family.about}")
        for role in EDIT_ROLES:
            row: ModelRow = getattr(family, role)
            say(f"  {role:<10} {row.source:<44} {row.licence}")
        say()


@models_app.callback()
def models(context: typer.Context, as_json: AsJson = False) -> None:
    """List the models, and what of them is on this machine; 'models fetch' downloads them."""
    if context.invoked_subcommand is not None:
        return
    from ..models.hub import presence

    found = [(role, row, names, presence(row, role)) for (role, row), names in known_rows().items()]
    if as_json:
        say_json({"models": [_described(*entry) for entry in found]})
        return
    _say_table([HEADS, *(_line(*entry) for entry in found)])
    if any(row.unchecked for _, row, _, _ in found):
        say()
        say(f"{UNCHECKED}: written down from memory, since the hub could not be asked; its page of the model says.")


def _described(role: str, row: ModelRow, names: Sequence[str], found: Presence) -> dict[str, object]:
    return {
        "role": role,
        "id": row.source,
        "revision": row.revision,
        "licence": row.licence,
        "gated": row.gated,
        "unchecked": list(row.unchecked),
        "safetensors": row.safetensors,
        "parameters_millions": row.parameters,
        "download_megabytes": row.megabytes,
        "variant": row.variant,
        "variant_download_megabytes": row.variant_megabytes or None,
        "cached": found.state,
        "cached_bytes": found.size,
        "families": list(names),
    }


def _line(role: str, row: ModelRow, names: Sequence[str], found: Presence) -> tuple[str, ...]:
    mark = {fact: UNCHECKED if fact in row.unchecked else "" for fact in FACTS}
    whole, half = ("-" if row.bundled else f"{row.download(half=half)} MB{mark['sizes']}" for half in (False, True))
    return (
        role,
        row.source,  # unmarked, for it is copied from here
        (row.revision or "-")[:SHORT_REVISION],
        row.licence + mark["licence"],
        (GATED if row.gated else OPEN) + mark["gated"],
        f"{row.parameters} million{mark['sizes']}",
        whole,
        half,
        found.state,
        f"{round(found.size / MEGABYTE)} MB" if found.size else "-",
        ", ".join(names) or "-",
    )


def _say_table(lines: Sequence[Sequence[str]]) -> None:
    widths = [max(len(cell) for cell in column) for column in zip(*lines, strict=True)]
    for line in lines:
        say("  ".join(f"{cell:<{width}}" for cell, width in zip(line, widths, strict=True)).rstrip())


@models_app.command()
@settings(choice=flags_of(LoadOptions, ("device", "precision")))
def fetch(
    name: Annotated[str, typer.Argument(metavar="NAME", help="A family, or a model's hub id.", show_default=False)],
    *,
    choice: dict[str, Any],
) -> None:
    """Download the models of a family, or one model, as far as loading them needs.

    In half precision, that of a GPU, the smaller half-precision files are taken. A download that was cut off goes on
    where it stopped.
    """
    from ..models import hub
    from ..models.devices import is_half, pick_device, pick_dtype

    load = LoadOptions(**choice)
    half = is_half(pick_dtype(load.precision, pick_device(load.device)))
    for role, row in _rows_of(name):
        if row.folder is not None or row.loader is not None:
            say(f"{row.source}: nothing to download")
            continue
        megabytes = row.download(half=half)
        complain(f"Fetching {row.source}{f' ({megabytes} MB)' if megabytes else ''} ...")
        hub.fetch(row, role, half=half, advice=ONCE_MORE)
        say(f"{row.source}: {round(hub.presence(row, role).size / MEGABYTE)} MB on this machine")


def _rows_of(name: str) -> list[tuple[str, ModelRow]]:
    """What an edit with a family needs, or the one row of a hub id.

    Raises:
        InputError: neither, but almost the name of a family; or no hub id at all.
        ModelUnavailableError: an unknown hub id whose role the hub has to tell, but can't.
    """
    from ..models.hub import role_of

    if name in table.FAMILIES:
        return [(role, getattr(table.FAMILIES[name], role)) for role in EDIT_ROLES]
    source = name.partition("@")[0]
    # Hub ids of one word are few and old: what is almost a family's name is a slip, and not looked for on the hub.
    if "/" not in source and (close := close_names(source)):
        raise InputError(f"there is no model family {name!r}; did you mean {' or '.join(close)}?")
    role = next((role for role, row in known_rows() if row.source == source), None) or role_of(name, ONCE_MORE)
    return [(role, custom_row(role, name))]


def doctor(as_json: AsJson = False) -> None:
    """Tell what this machine can run."""
    from ..models.doctor import examine

    report = examine()
    if as_json:
        say_json(report)
        return
    found = cast("dict[str, dict[str, object]]", report)
    device, memory, cache = found["device"], found["memory"], found["cache"]
    shown: dict[str, object] = {name: report[name] for name in ("python", "torch", "diffusers", "transformers")}
    shown["device"] = f"{device['name']} ({device['description']}), {device['free']} of {device['total']} MB free"
    shown["precision"] = device["precision"]
    shown["memory"] = f"{memory['available']} of {memory['total']} MB available, {report['cores']} cores"
    shown["cache"] = f"{cache['folder']}, {cache['free']} MB free on its disk"
    shown["downloads"] = cache["downloads"]
    say_rows(shown)
    say()
    heads = "family", "here", "fits", "needs", "with --low-vram", "licence"
    fits = cast("dict[str, dict[str, object]]", found["families"])
    lines = [
        (
            name,
            str(fit["cached"]),
            str(fit["fits"]),
            f"{fit['needed']} MB{UNCHECKED if fit['unchecked'] else ''}",
            f"{fit['needed_low_vram']} MB{UNCHECKED if fit['unchecked'] else ''}",
            GATED if fit["gated"] else "",
        )
        for name, fit in fits.items()
    ]
    _say_table([heads, *lines])
    if any(fit["unchecked"] for fit in fits.values()):
        say()
        say(f"{UNCHECKED}: from sizes that were written down from memory.")
