"""Prints docs/reference.md: every command and every setting, as the program itself knows them.

python -m pix2pix_onthefly.cli.reference > docs/reference.md
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from typer.main import get_command

from ..methods.method import refusal_of
from ..methods.table import METHODS
from ..models.families import FAMILIES
from ..models.layouts import LAYOUTS
from ..options import (
    DrawOptions,
    EditOptions,
    InversionOptions,
    LoadOptions,
    Options,
    ReconstructionOptions,
    RewritingOptions,
    flag_of,
    settings_in,
)
from ..presets import PRESETS
from ..server.settings import ServeOptions
from .app import app
from .flags import range_of, shown

HEAD = """\
# Reference

Written by `make reference` from the program itself; a test fails where it is stale. `onthefly COMMAND --help` says the
same, `--help-all` with all settings.
"""
_SETTINGS = "Settings: "


def reference() -> str:
    """The page as Markdown."""
    parts = [HEAD, *_commands(), *_settings(), *_presets(), *_families(), *_backbones()]
    return "\n".join(parts).rstrip("\n") + "\n"


def _commands() -> Iterator[str]:
    yield "## Commands\n"
    for name, command in _leaves("onthefly", get_command(app)):
        parameters: list[Any] = command.params
        arguments = [one for one in parameters if one.param_type_name == "argument"]
        options = [one for one in parameters if one.param_type_name == "option"]
        own = [one for one in options if not str(one.rich_help_panel or "").startswith(_SETTINGS)]
        places = [_place(one) if one.required else f"[{_place(one)}]" for one in arguments]
        usage = " ".join([name, *places])
        yield f"### `{usage}`\n\n{_paragraphs(command.help)}\n"
        yield from _table(("argument", "meaning"), [(f"`{_place(one)}`", one.help) for one in arguments])
        yield from _table(("option", "meaning"), [(_names(one), one.help) for one in own])
        panels = dict.fromkeys(one.rich_help_panel.removeprefix(_SETTINGS) for one in options if one not in own)
        if panels:
            yield f"Settings: {'; '.join(panels)}; see below.\n"


def _leaves(name: str, command: Any) -> Iterator[tuple[str, Any]]:
    """Commands by their full names; a group only where it does something by itself."""
    inner: dict[str, Any] = getattr(command, "commands", {})
    if not inner or (command.invoke_without_command and " " in name):
        yield name, command
    for word, other in inner.items():
        yield from _leaves(f"{name} {word}", other)


def _place(argument: Any) -> str:
    return argument.metavar or argument.name.upper()


def _names(option: Any) -> str:
    value = "" if option.is_flag or not option.metavar else f" {option.metavar}"
    return ", ".join(f"`{name}{value}`" for name in (*option.opts, *option.secondary_opts))


def _settings() -> Iterator[str]:
    yield "## Settings\n\nOf the command line and, with underscores, of `editor.options(...)` and `Editor.load(...)`.\n"
    for record in (EditOptions, RewritingOptions, InversionOptions, LoadOptions, DrawOptions, ServeOptions):
        yield from _of_record(record, record.title)
    yield "## Methods\n\n`--method NAME`; each has settings of its own.\n"
    for name, row in METHODS.items():
        yield f"### {name}\n\n`{name}` {row.about}.{'' if row.listed else _unlisted(name)}\n"
        yield from _of_record(row.options, "")


def _unlisted(name: str) -> str:
    return " It is what `onthefly reconstruct` does." if name == "reconstruction" else " For `onthefly evaluate` alone."


def _of_record(record: Options | type[Options], title: str) -> Iterator[str]:
    if title:
        yield f"### {title[0].upper()}{title[1:]}\n"
    heads = "setting", "default", "values", "meaning"
    yield from _table(heads, [_row(one, getattr(record, one.name, one.default)) for one in settings_in(record)])


def _row(one: dataclasses.Field[Any], default: Any) -> tuple[str, ...]:
    flag = flag_of(one).replace("_", "-")
    return f"`--{flag}`", "" if default is None else shown(default), _limits(one), one.metadata["help"]


def _limits(setting: dataclasses.Field[Any]) -> str:
    return " or ".join(f"`{choice}`" for choice in setting.metadata["choices"]) or range_of(setting)


def _presets() -> Iterator[str]:
    yield "## Presets\n\n`--preset NAME`; what is given beside it wins.\n"
    yield from _table(("preset", "settings"), [(f"`{name}`", _listed(values)) for name, values in PRESETS.items()])


def _families() -> Iterator[str]:
    yield "## Families\n\nWhat differs from the defaults above.\n"
    rows = [
        (f"`{name}`", _listed(family.option_defaults), f"{family.guidance_factor:g}")
        for name, family in FAMILIES.items()
    ]
    yield from _table(("family", "defaults", "factor on guidance scales"), rows)


def _backbones() -> Iterator[str]:
    yield "## Methods on backbones\n\nEvery cell is a test (`tests/methods/test_every_backbone.py`).\n"
    homes = {
        layout: ", ".join(f"`{name}`" for name, family in FAMILIES.items() if family.diffusion.layout == layout)
        for layout in LAYOUTS
    }
    yield from _table(("backbone", "families"), [(f"`{layout}`", names) for layout, names in homes.items()])
    refusals = {(method, layout): refusal_on(method, layout) for method in ways_of_editing() for layout in LAYOUTS}
    yield from _table(
        ("method", *(f"`{layout}`" for layout in LAYOUTS)),
        [
            (f"`{method}`", *("refused" if refusals[method, layout] else "works" for layout in LAYOUTS))
            for method in ways_of_editing()
        ],
    )
    sentences = dict.fromkeys(sentence for sentence in refusals.values() if sentence)
    yield "\n".join(f'Refused before anything is loaded: "{sentence}".\n' for sentence in sentences)


def ways_of_editing() -> list[str]:
    """The methods that work on a family's own weights, by name."""
    return [name for name, row in METHODS.items() if row.listed or name == ReconstructionOptions.name]


def refusal_on(method: str, layout: str) -> str:
    """Why a method does not work on a kind of backbone; empty where it does."""
    factory: Any = METHODS[method].factory
    return refusal_of(factory.needs, predicts_noise=LAYOUTS[layout].predicts_noise)


def _listed(values: Mapping[str, Any]) -> str:
    return ", ".join(f"{name} {shown(value)}" for name, value in values.items())


def _table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterator[str]:
    lines = [[_cell(cell) for cell in row] for row in rows]
    if lines:
        rule = ["---"] * len(heads)
        yield "\n".join(f"| {' | '.join(line)} |" for line in (heads, rule, *lines)) + "\n"


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|") or "-"


def _paragraphs(text: str) -> str:
    return "\n\n".join(" ".join(part.split()) for part in text.split("\n\n"))


if __name__ == "__main__":
    print(reference(), end="")
