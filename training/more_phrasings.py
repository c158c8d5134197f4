"""More ways to phrase an instruction than the world's own tables: for the rewriter's training text alone.

MiniBrush draws its instructions from the tables of `world/phrasings.py`, so that those stay as they are. The texts lie
in `more_phrasings.json`. Fields are the same as in those tables; besides, `{q}` is a place as it follows "make the
background", a bare colour or a noun phrase, `{w}` is one of `WEATHER`, and `{m}` the mention of an object.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

Texts = tuple[str, ...]

_TEXTS: dict[str, Any] = json.loads(Path(__file__).with_suffix(".json").read_text(encoding="utf-8"))


def _texts(name: str) -> Texts:
    return tuple(_TEXTS[name])


def _by_name(name: str) -> dict[str, Texts]:
    return {key: tuple(texts) for key, texts in _TEXTS[name].items()}


def _left_and_right(name: str) -> tuple[Texts, Texts]:
    left, right = _TEXTS[name]
    return tuple(left), tuple(right)


MORE, UNSPECIFIED_MORE = _by_name("more"), _by_name("unspecified_more")
"""By type of edit; the latter name no object."""
WEATHER = _by_name("weather")
"""Backgrounds as people call them who don't know the world's names."""
WEATHER_TEMPLATES = _texts("weather_templates")
SIDES, ADD_AT_SIDE = _left_and_right("sides"), _left_and_right("add_at_side")
"""Mentions of one of two objects by its place, and requests for one at a place."""
EXCHANGES = _texts("exchanges")
CLAUSES, SHORT_CLAUSES = _by_name("clauses"), _by_name("short_clauses")
"""Of instructions that hold two edits; the latter is what a second one shrinks to behind a first one with "make"."""
JOINTS = _texts("joints")
BEFORE_IMPERATIVES, BEHIND_ANYTHING = _texts("before_imperatives"), _texts("behind_anything")
NOT_AN_EDIT = _texts("not_an_edit")
