"""Edit a picture by saying what should change: Pix2Pix-OnTheFly (arXiv 2403.08004)."""

from __future__ import annotations

from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING

from .errors import InputError, ModelUnavailableError, OnTheFlyError, OptionError, OutputError
from .options import EditOptions

__all__ = [
    "EditCaptions",
    "EditOptions",
    "EditResult",
    "Editor",
    "InputError",
    "ModelUnavailableError",
    "OnTheFlyError",
    "OptionError",
    "OutputError",
    "__version__",
]

try:
    __version__ = version("pix2pix-onthefly")
except PackageNotFoundError:  # run from a source tree that was never installed
    __version__ = "unknown"

if TYPE_CHECKING:
    from .editor import Editor
    from .records import EditCaptions, EditResult
else:
    # These import torch and its kin, which takes seconds that `onthefly --help` should not cost.
    _LATE = {"EditCaptions": ".records", "EditResult": ".records", "Editor": ".editor"}

    def __getattr__(name: str) -> object:
        if name not in _LATE:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        return getattr(import_module(_LATE[name], __name__), name)
