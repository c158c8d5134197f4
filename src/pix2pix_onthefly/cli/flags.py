"""Command-line options made from the records of settings: their names, help texts and panels, and who is shown them."""

from __future__ import annotations

import dataclasses
import functools
import inspect
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Annotated, Any

import typer

from ..methods.table import METHODS
from ..models.families import FAMILIES
from ..options import (
    EditOptions,
    InversionOptions,
    LoadOptions,
    MethodOptions,
    Options,
    RewritingOptions,
    flag_of,
    kind_of,
    settings_in,
)

Command = Callable[..., None]

_KINDS: dict[str, tuple[Any, str]] = {
    "bool": (bool, ""),
    "int": (int, "INTEGER"),
    "float": (float, "NUMBER"),
    "str": (str, "TEXT"),
}


@dataclass(frozen=True)
class Flag:
    """One option of the command line.

    Attributes:
        name: flat name of the setting.
        field: the setting; of one that several methods have, the first one's.
        panel: the stage, which heads the options of a kind in the help.
        defaults: default by method, where several methods have it.
    """

    name: str
    field: dataclasses.Field[Any]
    panel: str
    defaults: tuple[tuple[str, Any], ...] = ()

    @property
    def common(self) -> bool:
        """Whether it is one of those that people use first."""
        return bool(self.field.metadata["common"])


Flags = Sequence[Flag]


def flags_of(record: type[Options], names: Collection[str] = (), *, without: Collection[str] = ()) -> Flags:
    """Those settings of a record that a command offers: the named ones, or all but some."""
    made = [Flag(flag_of(item), item, record.title) for item in settings_in(record)]
    return [flag for flag in made if (not names or flag.name in names) and flag.name not in without]


def method_flags(records: Sequence[MethodOptions]) -> Flags:
    """The settings of several methods, each name once."""
    found: dict[str, Flag] = {}
    for record in records:
        for flag in flags_of(type(record)):
            mine = (record.name, getattr(record, flag.field.name))
            before = found.get(flag.name, flag)
            found[flag.name] = dataclasses.replace(before, panel="method", defaults=(*before.defaults, mine))
    return list(found.values())


def edit_flags(*, rivals: bool = False) -> Flags:
    """All settings of an edit; with those of the rivals, too, where they have been registered."""
    records = [row.options for row in METHODS.values() if row.listed or rivals]
    return [
        *flags_of(EditOptions),
        *flags_of(RewritingOptions),
        *flags_of(InversionOptions),
        *method_flags(records),
    ]


LANGUAGE_MODEL_FLAGS = ("language_model", "language_model_name", "language_model_timeout")
MODEL_FLAGS = flags_of(LoadOptions, without=("batch", "map_memory"))
"""Both of those left out serve several edits of one call."""


def models_without(*names: str) -> Flags:
    """`MODEL_FLAGS` without those that a command has no use for; what belongs to a language model goes with it."""
    left_out = {*names, *(LANGUAGE_MODEL_FLAGS if "language_model" in names else ())}
    return [flag for flag in MODEL_FLAGS if flag.name not in left_out]


def settings(**groups: Flags) -> Callable[[Command], Command]:
    """Gives a command one option for every setting of one or more groups.

    The command takes what the user gave of a group as the keyword argument of the group's name: a mapping of setting
    to value, with nothing for the others. Where some settings are not for beginners, the help shows the others alone,
    and `--help-all` shows all.
    """
    flags = [flag for group in groups.values() for flag in group]
    rare = [flag.name for flag in flags if not flag.common]
    hide = len(flags) > len(rare) > 0 and len(flags) > FEW

    def decorate(command: Command) -> Command:
        @functools.wraps(command)
        def wrapper(**arguments: Any) -> None:
            arguments.pop("help_all", None)
            values = {flag.name: arguments.pop(flag.name) for flag in flags}
            given = {name: value for name, value in values.items() if value is not None}
            split = {
                key: {flag.name: given[flag.name] for flag in group if flag.name in given}
                for key, group in groups.items()
            }
            command(**arguments, **split)

        signature = inspect.signature(command, eval_str=True)
        own = [parameter for parameter in signature.parameters.values() if parameter.name not in groups]
        parameters = own + [_parameter(flag, hidden=hide and not flag.common) for flag in flags]
        if hide:
            parameters.append(_help_all())
        made: Any = wrapper  # Typer reads both of these
        made.__signature__ = signature.replace(parameters=parameters)
        made.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
        return wrapper

    return decorate


SMALL = "mini"
"""The family whose smaller guidance scales the help tells of."""
FEW = 16
"""So many settings are all shown."""


def _help_all() -> inspect.Parameter:
    option = typer.Option("--help-all", is_eager=True, callback=_show_all, help="Show every option and exit.")
    annotation = Annotated[bool, option]
    return inspect.Parameter("help_all", inspect.Parameter.KEYWORD_ONLY, default=False, annotation=annotation)


def _show_all(context: typer.Context, wanted: bool) -> None:
    if not wanted:
        return
    for parameter in context.command.params:
        if hasattr(parameter, "hidden"):
            parameter.hidden = False  # pyright: ignore[reportAttributeAccessIssue]
    typer.echo(context.get_help())
    raise typer.Exit


def _parameter(flag: Flag, *, hidden: bool) -> inspect.Parameter:
    """One option. Its default is None, which tells that it was not given: families set defaults of their own."""
    item = flag.field
    kind, metavar = _KINDS[kind_of(item)]
    dashed = flag.name.replace("_", "-")
    letter = [f"-{item.metadata['letter']}"] if item.metadata["letter"] else []
    names = [*letter, f"--{dashed}/--no-{dashed}" if kind is bool else f"--{dashed}"]
    choices: tuple[str, ...] = item.metadata["choices"]
    option = typer.Option(
        *names,
        help=help_of(flag),
        metavar="|".join(choices) or metavar or None,
        show_default=False,
        hidden=hidden,
        rich_help_panel=f"Settings: {flag.panel}",
    )
    annotation = Annotated[kind | None, option]
    return inspect.Parameter(flag.name, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=annotation)


def help_of(flag: Flag) -> str:
    """What a setting does, its default and its range."""
    item = flag.field
    limits = [text for text in (_default_of(flag), range_of(item)) if text]
    text = str(item.metadata["help"]).replace("`", "'")
    return f"{text} ({'; '.join(limits)})" if limits else text


def _default_of(flag: Flag) -> str:
    smaller = (
        f"; the family {SMALL} takes {FAMILIES[SMALL].guidance_factor:g} of it" if flag.field.metadata["scaled"] else ""
    )
    if len(flag.defaults) > 1:
        return ", ".join(f"{method} {value}" for method, value in flag.defaults) + smaller
    default = flag.defaults[0][1] if flag.defaults else flag.field.default
    text = "" if default in (None, "") else f"default {shown(default)}"
    text += smaller if text else ""
    return f"{flag.defaults[0][0]}: {text}" if flag.defaults and text else text


def shown(value: Any) -> str:
    """A value as help texts have it."""
    return ("yes" if value else "no") if isinstance(value, bool) else str(value)


def range_of(item: dataclasses.Field[Any]) -> str:
    """The numbers that a setting may be; empty where it is no number."""
    low, high = item.metadata["minimum"], item.metadata["maximum"]
    if low is None:
        return ""
    return f"at least {low:g}" if high >= 2**63 - 1 else f"{low:g} to {high:g}"
