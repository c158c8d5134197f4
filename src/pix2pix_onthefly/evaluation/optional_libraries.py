"""Libraries that only the evaluation needs."""

from __future__ import annotations

from typing import Any

from .. import extras


def import_extra(name: str) -> Any:
    """The module of a library that the extra `evaluate` brings.

    Raises:
        OnTheFlyError: it is not installed.
    """
    return extras.import_extra(name, "evaluate")
