"""Settings of the methods' own: frozen records, one a method, that hold what was published."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from ...errors import OptionError
from ...options import EditOptions

Some = TypeVar("Some", bound="Settings")
_TRUTHS = {"yes": True, "true": True, "no": False, "false": False}
_KINDS: dict[type[Any], str] = {bool: "yes or no", int: "a whole number", float: "a number", str: "text"}
"""Types that a value given as text may have."""


@dataclass(frozen=True, kw_only=True)
class Settings:
    """A method without settings of its own."""

    def plain(self) -> dict[str, object]:
        """As plain data, for a table's record."""
        return dataclasses.asdict(self)


def with_changes(name: str, settings: Some, changes: dict[str, Any]) -> Some:
    """A copy with some values changed.

    Raises:
        OptionError: the method has no such setting, or the value is of another type or not usable.
    """
    known = _changeable(settings)
    for key, value in changes.items():
        if key not in known:
            raise OptionError(f"the method {name} has no setting {key!r}; {_names(known)}")
        kinds = (int, float) if isinstance(known[key], float) else type(known[key])
        if not isinstance(value, kinds) or (isinstance(value, bool) and kinds is not bool):
            raise OptionError(f"{key} of {name} must be of type {type(known[key]).__name__}, not {value!r}")
    return dataclasses.replace(settings, **changes)


def parsed(name: str, settings: Settings, texts: Sequence[str]) -> dict[str, Any]:
    """Changes given as `NAME=VALUE`, each value as the type of its setting; `with_changes` checks them further.

    Raises:
        OptionError: not of that form, no such setting, one that is given twice, or no value of its type.
    """
    known = _changeable(settings)
    found: dict[str, Any] = {}
    for text in texts:
        key, equals, value = text.partition("=")
        key = key.strip().replace("-", "_")
        if not equals:
            raise OptionError(f"a setting of {name} is given as NAME=VALUE, not as {text!r}; {_names(known)}")
        if key not in known:
            raise OptionError(f"the method {name} has no setting {key!r}; {_names(known)}")
        if key in found:
            raise OptionError(f"{key} of {name} is given twice; give it once")
        found[key] = _value(f"{key} of {name}", value, type(known[key]))
    return found


def _changeable(settings: Settings) -> dict[str, Any]:
    """Names and values of the settings that are plain values."""
    values = {field.name: getattr(settings, field.name) for field in dataclasses.fields(settings)}
    return {name: value for name, value in values.items() if type(value) in _KINDS}


def _names(known: Mapping[str, Any]) -> str:
    return f"its settings are {', '.join(known)}" if known else "it has none"


def _value(what: str, text: str, kind: type[Any]) -> Any:
    """A text as a value of a type."""
    try:
        value: Any = _TRUTHS[text.strip().lower()] if kind is bool else kind(text)
        if kind is float and not math.isfinite(value):
            raise ValueError("not a finite number")
    except (KeyError, ValueError) as error:
        raise OptionError(f"{what} must be {_KINDS[kind]}, not {text!r}") from error
    return value


def check_range(name: str, value: float, low: float, high: float) -> None:
    """Makes sure that a setting lies between two values, both included.

    Raises:
        OptionError: it does not.
    """
    if not low <= value <= high:
        raise OptionError(f"{name} must lie between {low:g} and {high:g}, not {value:g}")


def scaled_guidance(published: float, options: EditOptions) -> float:
    """A guidance scale published for Stable Diffusion, as the models in use need it.

    Small models overshoot at Stable Diffusion's scales, which is why a family may have a default of its own. Every
    method's scale is moved in the same proportion as ours.
    """
    return published * options.guidance_scale / EditOptions().guidance_scale
