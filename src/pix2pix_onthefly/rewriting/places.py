"""A caption of the place alone, without any thing in it: what a removed thing leaves behind."""

from __future__ import annotations

import re

from .mentions import PLACING

_PREPOSITION = re.compile(rf"\b(?:{'|'.join(sorted(PLACING))})\b", re.IGNORECASE)


def place_in(caption: str) -> str:
    """The words behind the last object of a caption that tell where it is: `on a blue background`; empty if none do."""
    found = list(_PREPOSITION.finditer(caption))
    return caption[found[-1].start() :].strip(" .") if found else ""
