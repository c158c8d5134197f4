"""What is said where a model cannot be had: one sentence, with a way out."""

from __future__ import annotations

from ..errors import ModelUnavailableError
from .families import EDIT_ROLES, known_rows
from .rows import ModelRow

NAMED = 3
"""How many other families a sentence names that a model belongs to."""


def unavailable(row: ModelRow, reason: str, cure: str = "", *, advice: str = "") -> ModelUnavailableError:
    """The error of a row that cannot be loaded: one sentence with a way out.

    Args:
        reason: why.
        cure: what helps, beside another family, where it is not a download.
        advice: all that is said to help, where neither is of use.
    """
    what = f"the weights of {row.source} cannot be loaded: {reason}"
    if advice:
        return ModelUnavailableError(f"{what}; {advice}")
    if row.folder is not None:
        cure = cure or "give another folder or a hub id"
    table = ((role, names) for (role, known), names in known_rows().items() if known.source == row.source)
    role, families = next(table, ("", []))
    measures = bool(role) and role not in EDIT_ROLES  # neither fetched with a family nor replaced by another one
    first, *others = [row.source] if measures else families or [str(row)]
    more = f" and {len(others) - NAMED} more" if len(others) > NAMED else ""
    also = f" (or {', '.join(others[:NAMED])}{more})" if others else ""
    cure = cure or f"run 'onthefly models fetch {first}'{also} once while online"
    return ModelUnavailableError(f"{what}; {cure}{'' if measures else ', or use --family mini'}")


def brief(error: BaseException) -> str:
    """The first line of what a library says, without its full stop."""
    lines = str(error).strip().splitlines() or [type(error).__name__]
    return lines[0].strip()[:200].rstrip(".: ")
