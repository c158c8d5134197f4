"""What a setting is: a dataclass field that documents and limits itself, and what records of settings share."""

from __future__ import annotations

import dataclasses
import difflib
from collections.abc import Collection
from typing import Any, ClassVar, Self, cast

from .errors import OptionError


def setting(
    default: Any,
    help: str,
    *,
    minimum: float | None = None,
    maximum: float | None = None,
    choices: tuple[str, ...] = (),
    flag: str = "",
    common: bool = False,
    scaled: bool = False,
    letter: str = "",
) -> Any:
    """A dataclass field that documents and limits itself.

    Args:
        flag: the flat name, where it is not the field's own.
        common: one of the dozen that people use first; the others are shown by `--help-all`.
        scaled: a guidance scale meant for Stable Diffusion, which families of small models lower by their factor.
        letter: a short form for the command line.
    """
    metadata = {
        "help": help,
        "minimum": minimum,
        "maximum": maximum,
        "choices": choices,
        "flag": flag,
        "common": common,
        "scaled": scaled,
        "letter": letter,
    }
    return dataclasses.field(default=default, metadata=metadata)


def flag_of(field: dataclasses.Field[Any]) -> str:
    """The flat name of a setting."""
    return str(field.metadata["flag"] or field.name)


def type_of(field: dataclasses.Field[Any]) -> str:
    """A setting's type as text; where annotations are not texts, which is up to the module of its record, its name."""
    return str(getattr(field.type, "__name__", field.type))


def kind_of(field: dataclasses.Field[Any]) -> str:
    """`bool`, `int`, `float` or `str`: a setting's type without the None that it may also be."""
    return type_of(field).split(" ")[0]


def settings_in(record: Any) -> list[dataclasses.Field[Any]]:
    """The fields of a record, or of its class, that are settings of their own: all but nested records."""
    return [field for field in dataclasses.fields(record) if field.metadata]


_WORDS = {"true": True, "yes": True, "1": True, "on": True, "false": False, "no": False, "0": False, "off": False}


def value_of_text(field: dataclasses.Field[Any], text: str) -> Any:
    """A setting's value from a text, as forms and tables hold it; its range is checked where its record is made.

    Raises:
        OptionError: the text is none of its type.
    """
    kind, name = kind_of(field), flag_of(field)
    if kind == "str":
        return text
    try:
        return _WORDS[text.strip().lower()] if kind == "bool" else {"int": int, "float": float}[kind](text)
    except (KeyError, ValueError) as error:
        wanted = {"bool": "yes or no", "int": "a whole number", "float": "a number"}[kind]
        raise OptionError(f"{name} must be {wanted}, not {text!r}") from error


class Options:
    """What all records of settings share: they check themselves when they are made.

    Attributes:
        title: of the stage, for listings.
    """

    title: ClassVar[str] = ""

    def __post_init__(self) -> None:
        for field in settings_in(self):
            _check(field, getattr(self, field.name))

    def with_changes(self, **changes: Any) -> Self:
        """A copy with some values changed, by flat names.

        Raises:
            OptionError: an unknown name or a bad value.
        """
        names = {flag_of(field): field.name for field in settings_in(self)}
        for name in changes:
            if name not in names:
                raise unknown_option(name, names)
        changed = {names[name]: value for name, value in changes.items()}
        return dataclasses.replace(cast("Any", self), **changed)

    def flat(self) -> dict[str, Any]:
        """Names and values as plain data."""
        return {flag_of(field): getattr(self, field.name) for field in settings_in(self)}


def unknown_option(name: str, known: Collection[str], where: str = "") -> OptionError:
    """The error for a name that no setting has."""
    close = difflib.get_close_matches(name, known, n=1)
    hint = f"did you mean {close[0]!r}?" if close else f"the options {where}are {', '.join(sorted(known))}"
    return OptionError(f"there is no option {name!r} {where}".rstrip() + f"; {hint}")


def _check(field: dataclasses.Field[Any], value: Any) -> None:
    if value is None and field.default is None:
        return
    name, limits = flag_of(field), field.metadata
    kind = {"bool": bool, "str": str, "float": (int, float)}.get(kind_of(field), int)
    if not isinstance(value, kind) or (kind is not bool and isinstance(value, bool)):
        raise OptionError(f"{name} must be of type {type_of(field)}, not {type(value).__name__}")
    if limits["choices"] and value not in limits["choices"]:
        raise OptionError(f"{name} must be one of {', '.join(limits['choices'])}, not {value!r}")
    low, high = limits["minimum"], limits["maximum"]
    if low is not None and not low <= value <= high:
        raise OptionError(f"{name} must lie between {low:g} and {high:g}, not {value}")
