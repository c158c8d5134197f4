"""What mkdocstrings asks while it reads the docstrings: lines that tell of several names are taken apart."""

from __future__ import annotations

import re
from typing import Any

import griffe

_SHARED = re.compile(r"^    ([a-z_]\w*(?:, [a-z_]\w*)+): ", re.MULTILINE)


class SharedLines(griffe.Extension):
    """Makes of `before, after: captions` a line for either, which the page shows as two rows."""

    def on_object(self, *, obj: Any, **_: Any) -> None:
        """Called for everything that has a docstring or not."""
        if obj.docstring is not None:
            obj.docstring.value = taken_apart(obj.docstring.value)


def taken_apart(docstring: str) -> str:
    """A docstring with one name a line: the last of several keeps what is said, the others point to it."""

    def each(found: re.Match[str]) -> str:
        *others, last = found[1].split(", ")
        return "".join(f"    {name}: with `{last}`.\n" for name in others) + f"    {last}: "

    return _SHARED.sub(each, docstring)
