"""Edit a picture by saying what should change: Pix2Pix-OnTheFly (arXiv 2403.08004)."""

from .editor import Editor
from .errors import InputError, ModelUnavailableError, OnTheFlyError, OptionError, OutputError
from .options import EditOptions
from .records import EditCaptions, EditResult

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
]
