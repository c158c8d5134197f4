"""What became of an edit of a batch."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ..errors import NotUnderstoodError
from ..records import EditCaptions, EditResult

MADE, KEPT, FAILED = "made", "kept", "failed"


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What became of an edit.

    Attributes:
        image: the picture's file, as it was named.
        instruction: what should change.
        status: `made`, `kept` (an earlier run had made it) or `failed`.
        key: hash of all that the edit depends on; None where the picture could not be read.
        pictures: names of what was made in the batch's folder, the first or best candidate first.
        caption, before, after: the texts.
        seconds: what it took.
        warnings: sentences for the user.
        error: why there is no picture, in one sentence.
        question, candidates: what the instruction left open, and the answers to choose from.
    """

    image: str
    instruction: str
    status: str
    key: str | None = None
    pictures: tuple[str, ...] = ()
    caption: str | None = None
    before: tuple[str, ...] = ()
    after: tuple[str, ...] = ()
    seconds: float = 0.0
    warnings: tuple[str, ...] = ()
    error: str | None = None
    question: str = ""
    candidates: tuple[str, ...] = field(default=())

    @classmethod
    def of(cls, plain: Mapping[str, Any]) -> Outcome:
        """From what `plain` gave.

        Raises:
            TypeError: it is something else.
        """
        fields: dict[str, Any] = {name: tuple(v) if isinstance(v, list) else v for name, v in plain.items()}
        return cls(**fields)

    @classmethod
    def made(cls, image: str, key: str, pictures: tuple[str, ...], result: EditResult) -> Outcome:
        """Of a finished edit."""
        return cls(
            image=image,
            instruction=result.instruction,
            status=MADE,
            key=key,
            pictures=pictures,
            caption=result.caption,
            before=result.captions.before,
            after=result.captions.after,
            seconds=round(sum(result.seconds.values()), 3),
            warnings=result.warnings,
            question=result.captions.question,
            candidates=result.captions.candidates,
        )

    @classmethod
    def failed(cls, image: str, instruction: str, error: Exception, key: str | None = None) -> Outcome:
        """Of an edit that could not be made."""
        captions = error.captions if isinstance(error, NotUnderstoodError) else None
        asked: dict[str, Any] = {}
        if isinstance(captions, EditCaptions):
            asked = {"question": captions.question, "candidates": captions.candidates}
        return cls(image=image, instruction=instruction, status=FAILED, key=key, error=str(error), **asked)

    def plain(self) -> dict[str, Any]:
        """As plain data, ready for JSON; what says nothing is left out."""
        return {name: value for name, value in dataclasses.asdict(self).items() if value not in (None, "", ())}
