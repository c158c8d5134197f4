"""Captions as a text box holds them, and what is made of them when they were changed there."""

from __future__ import annotations

from ..errors import InputError
from ..records import EditCaptions


def as_lines(captions: tuple[str, ...]) -> str:
    """Captions, one a line."""
    return "\n".join(captions)


def of_lines(text: str | None) -> tuple[str, ...]:
    """The captions of a text box."""
    return tuple(line.strip() for line in (text or "").splitlines() if line.strip())


def corrected(known: EditCaptions | None, before: str | None, after: str | None) -> EditCaptions:
    """The captions of an edit that is made again.

    What was left as it was keeps its history; captions of the user's count as given, and the edit stays of its kind.

    Args:
        known: those of the edit that is shown.
        before, after: the text boxes.

    Raises:
        InputError: one side is empty.
    """
    ahead, behind = of_lines(before), of_lines(after)
    if not ahead or not behind:
        raise InputError("write at least one caption before and one after the edit, one a line")
    if known is not None and (known.before, known.after) == (ahead, behind):
        return known
    return EditCaptions(ahead, behind, "given", kind="" if known is None else known.kind)
