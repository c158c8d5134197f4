"""Settings of the methods' own: frozen records, one a method, that hold what was published."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any, TypeVar

from ...errors import OptionError
from ...options import EditOptions

Some = TypeVar("Some", bound="Settings")


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
    known = {field.name: getattr(settings, field.name) for field in dataclasses.fields(settings)}
    for key, value in changes.items():
        if key not in known:
            has = f"its settings are {', '.join(known)}" if known else "it has none"
            raise OptionError(f"the method {name} has no setting {key!r}; {has}")
        kinds = (int, float) if isinstance(known[key], float) else type(known[key])
        if not isinstance(value, kinds) or (isinstance(value, bool) and kinds is not bool):
            raise OptionError(f"{key} of {name} must be of type {type(known[key]).__name__}, not {value!r}")
    return dataclasses.replace(settings, **changes)


def scaled_guidance(published: float, options: EditOptions) -> float:
    """A guidance scale published for Stable Diffusion, as the models in use need it.

    Small models overshoot at Stable Diffusion's scales, which is why a family may have a default of its own. Every
    method's scale is moved in the same proportion as ours.
    """
    return published * options.guidance_scale / EditOptions().guidance_scale
