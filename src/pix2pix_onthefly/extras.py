"""Libraries that only some people need."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from .errors import OnTheFlyError


def import_extra(name: str, extra: str) -> Any:
    """The module of a library that an extra of this package brings.

    Raises:
        OnTheFlyError: it is not installed.
    """
    try:
        return import_module(name)
    except ModuleNotFoundError as error:
        raise OnTheFlyError(
            f"the package {error.name} is not installed; install it with pip install 'pix2pix-onthefly[{extra}]'"
        ) from error
