"""The settings that the page's form offers, and what its values mean. The command line hands them over as records."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..errors import OptionError

YES, NO = "yes", "no"


@dataclass(frozen=True)
class Field:
    """One setting of the form. An empty field is not given, so that the family's and the method's defaults count.

    Attributes:
        name: flat name of the setting.
        panel: the stage it belongs to.
        help: what it does, with its default and its range.
        kind: `bool`, `int`, `float` or `str`.
        choices: what it may be; empty for anything of its kind.
        minimum, maximum: the numbers it may be; None where it is none.
        common: whether people use it first.
        methods: the ways of editing that have it; empty for all.
    """

    name: str
    panel: str
    help: str
    kind: str
    choices: tuple[str, ...] = ()
    minimum: float | None = None
    maximum: float | None = None
    common: bool = False
    methods: tuple[str, ...] = ()

    @property
    def label(self) -> str:
        """Its name for people."""
        return self.name.replace("_", " ")

    @property
    def offered(self) -> tuple[str, ...]:
        """What is chosen from, where something is."""
        return (YES, NO) if self.kind == "bool" else self.choices

    def belongs_to(self, method: str) -> bool:
        """Whether a way of editing has it."""
        return not self.methods or method in self.methods

    def value_of(self, raw: object) -> Any:
        """The setting's value for what the form holds; None where nothing was given.

        Raises:
            OptionError: it holds something of another kind.
        """
        if raw is None or raw == "":
            return None
        if self.kind == "bool":
            return raw if isinstance(raw, bool) else raw == YES
        if self.kind == "str":
            return str(raw)
        try:
            return int(str(raw)) if self.kind == "int" else float(str(raw))
        except ValueError:
            kind = "a whole number" if self.kind == "int" else "a number"
            raise OptionError(f"{self.label} must be {kind}, not {str(raw)!r}; or leave it empty") from None

    def raw_of(self, value: object) -> str:
        """What the form holds for a value."""
        if isinstance(value, bool):
            return YES if value else NO
        return "" if value is None else str(value)


def changes_of(fields: Sequence[Field], raw: Mapping[str, object], method: str) -> dict[str, Any]:
    """Settings by flat name that were given and that a way of editing has.

    Raises:
        OptionError: one of another kind.
    """
    values = {field.name: field.value_of(raw.get(field.name)) for field in fields if field.belongs_to(method)}
    return {name: value for name, value in values.items() if value is not None}
