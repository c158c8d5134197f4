"""A dropped picture that carries a recipe fills the form with it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from ..errors import InputError
from ..pictures.digest import picture_digest
from ..pictures.opening import OpenedPicture
from ..pictures.saving import read_recipe
from .fields import Field
from .texts import as_lines


class Asked(Protocol):
    """What a recipe's edit asked for: the command line's request, `cli.requests.EditRequest`."""

    @property
    def instruction(self) -> str: ...
    @property
    def caption(self) -> str | None: ...
    @property
    def before(self) -> tuple[str, ...]: ...
    @property
    def after(self) -> tuple[str, ...]: ...
    @property
    def method(self) -> str | None: ...
    @property
    def changes(self) -> dict[str, Any]: ...


Like = Callable[[Mapping[str, object], str, bool], Asked]
"""Called as like(recipe, name of its picture, whether it is the picture that the recipe's edit started from)."""


@dataclass(frozen=True)
class Filled:
    """What the form holds after a picture was dropped.

    Attributes:
        notices: sentences for the user.
        instruction, method: None where they stay as they are.
        settings: of the form by flat name; None where they stay.
        caption, before, after: the text boxes.
    """

    notices: tuple[str, ...] = ()
    instruction: str | None = None
    method: str | None = None
    settings: dict[str, Any] | None = field(default=None)
    caption: str = ""
    before: str = ""
    after: str = ""


def filled_from(path: Path | str, opened: OpenedPicture, fields: Sequence[Field], like: Like) -> Filled:
    """What a picture's recipe makes of the form; a picture without one leaves instruction and settings alone."""
    try:
        recipe = read_recipe(Path(path))
    except InputError:
        return Filled(opened.warnings)
    name = Path(path).name
    try:
        asked = like(recipe, name, recipe.get("source_sha256") == picture_digest(opened.image))
    except InputError as error:
        return Filled((*opened.warnings, str(error)))
    known = {field.name: field.raw_of(asked.changes[field.name]) for field in fields if field.name in asked.changes}
    return Filled(
        (*opened.warnings, "this picture carries a recipe, and the form below was filled from it"),
        asked.instruction,
        asked.method,
        known,
        asked.caption or "",
        as_lines(asked.before),
        as_lines(asked.after),
    )
