"""Shapes in signatures, checked at run time while the tests run, in the rooms where tensors flow.

Only what jaxtyping's annotations say is checked. The seams between rooms are protocols, and some names are imported for
type checkers alone: neither can be looked at when a function is called, and pyright sees to both.
"""

from __future__ import annotations

from inspect import isclass
from typing import Any, get_args

from beartype import beartype
from jaxtyping import AbstractArray

ROOMS = [f"pix2pix_onthefly.{room}" for room in ("records", "backbones", "inversions", "methods")]
"""Not captioning, rewriting, models and running, whose signatures hold no shapes."""


def checked(function: Any) -> Any:
    """A function, as jaxtyping's import hook hands it over, that refuses arguments and results of other shapes."""
    hints: dict[str, Any] = dict(function.__annotations__)
    function.__annotations__ = {name: hint for name, hint in hints.items() if _tells_a_shape(hint)}
    return beartype(function)


def _tells_a_shape(hint: Any) -> bool:
    if isclass(hint) and issubclass(hint, AbstractArray):
        return True
    return any(_tells_a_shape(part) for part in get_args(hint))
