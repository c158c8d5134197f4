"""The pools of few-shot examples in `pools/` (paper 5.2): one about photographs, one about the rendered world."""

from __future__ import annotations

import json
from importlib import resources
from typing import Any

from ..errors import InputError, OptionError
from .formats import Example

POOLS = ("photographs", "world")


def load_pool(name: str) -> tuple[Example, ...]:
    """All examples of a pool, in the file's order.

    Raises:
        OptionError: there is no pool of that name.
        InputError: the file is not what it should be.
    """
    if name not in POOLS:
        raise OptionError(f"there is no example pool {name!r}; the pools are {', '.join(POOLS)}")
    file = resources.files("pix2pix_onthefly.rewriting") / "pools" / f"{name}.json"
    try:
        rows: list[dict[str, Any]] = json.loads(file.read_text(encoding="utf-8"))["examples"]
        return tuple(_example(row) for row in rows)
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise InputError(f"the example pool {name!r} cannot be read ({error}); install the package anew") from error


def _example(row: dict[str, Any]) -> Example:
    example = Example(row["instruction"], tuple(row["before"]), tuple(row["after"]))
    texts: tuple[Any, ...] = (example.instruction, *example.before, *example.after)
    if not all(isinstance(text, str) and text.strip() for text in texts):
        raise ValueError("an example holds an empty text")
    if not example.before or len(example.before) != len(example.after):
        raise ValueError(
            f"{example.instruction!r} has {len(example.before)} captions before, {len(example.after)} after"
        )
    return example
