"""The form of the answer as JSON, for language models that can be held to a schema and not to a grammar.

It has the answer's own words: headers and marks are the keys, so that the task and the examples of the prompt, which
show the paper's form (Fig. 5), fit it as they are. `replies.py` reads the one as the other.
"""

from __future__ import annotations

import json
from typing import Any, cast

from .formats import AFTER_HEADER, BEFORE_HEADER, caption_mark


def reply_schema(count: int, *, locked: bool) -> dict[str, Any]:
    """What may stand behind `formats.build_prompt`, as a JSON schema: every caption is a property of its own, for not
    all servers can count the entries of a list.

    Args:
        count: how many captions are asked for on each side.
        locked: whether the prompt ends with the first before-caption, which is not to be written again.
    """
    sides = {
        BEFORE_HEADER: [caption_mark(place) for place in range(2 if locked else 1, count + 1)],
        AFTER_HEADER: [caption_mark(place) for place in range(1, count + 1)],
    }
    text = {"type": "string"}
    return _object({header: _object(dict.fromkeys(marks, text)) for header, marks in sides.items() if marks})


def as_written(reply: str) -> str:
    """A reply in the paper's form: one in JSON is laid out in it, any other stays as it is."""
    try:
        read = json.loads(reply)
    except (ValueError, RecursionError):
        return reply
    if not isinstance(read, dict):
        return reply
    sides = cast("dict[str, object]", read)
    if not sides.keys() <= {BEFORE_HEADER, AFTER_HEADER}:
        return reply
    return "\n\n".join(f"{header}\n\n{_lines(side)}" for header, side in sides.items())


def _lines(side: object) -> str:
    captions: dict[str, object] = side if isinstance(side, dict) else {}
    return "\n".join(f"{mark} {' '.join(str(caption).split())}" for mark, caption in captions.items())


def _object(properties: dict[str, Any]) -> dict[str, Any]:
    required = list(properties)
    return {"type": "object", "properties": properties, "required": required, "additionalProperties": False}
