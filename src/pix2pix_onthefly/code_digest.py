"""Hash of code: what other code made is something else, whatever its version says."""

from __future__ import annotations

import hashlib
import inspect
import sys
from collections.abc import Iterator
from functools import cache
from types import ModuleType

_ROOMS = tuple(
    f"{__package__}.{room}." for room in ("backbones", "inversions", "methods", "rewriting", "evaluation.rivals")
)
"""Where imports are followed: rooms whose code decides what comes out."""
_LISTINGS = frozenset([f"{__package__}.methods.table"])
"""Modules of these rooms that only list the others."""


def code_digest(*modules: ModuleType) -> str:
    """Hash of the source of modules and of all that they import from the rooms of the method."""
    return _digest(tuple(module.__name__ for module in modules))


@cache
def _digest(names: tuple[str, ...]) -> str:
    found: dict[str, ModuleType] = {}
    waiting = [sys.modules[name] for name in names]
    while waiting:
        module = waiting.pop()
        if module.__name__ not in found:
            found[module.__name__] = module
            waiting += _imported(module)
    sources = "".join(inspect.getsource(found[name]) for name in sorted(found))
    return hashlib.sha256(sources.encode()).hexdigest()


def _imported(module: ModuleType) -> Iterator[ModuleType]:
    """Modules of `_ROOMS` that a module has imported, or has names from."""
    for value in vars(module).values():
        name = value.__name__ if isinstance(value, ModuleType) else getattr(value, "__module__", None)
        if isinstance(name, str) and name.startswith(_ROOMS) and name not in _LISTINGS and name in sys.modules:
            yield sys.modules[name]
