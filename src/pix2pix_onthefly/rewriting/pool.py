"""The pools of few-shot examples in `pools/` (paper 5.3): one about photographs, one about the rendered world."""

from __future__ import annotations

import json
import random
from collections.abc import Sequence
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


def sample_examples(
    pool: Sequence[Example], shots: int, captions: int, *, seed: int, instruction: str, caption: str | None
) -> tuple[Example, ...]:
    """The few-shot examples of one request (paper 5.3): examples of the pool, and captions of these, both by chance.

    Args:
        pool: what to choose from.
        shots: how many examples.
        captions: how many captions a side; an example that has fewer is shown with all it has.
        seed, instruction, caption: the request. Another one gets other examples, the same one the same.

    Raises:
        OptionError: more examples than the pool holds.
    """
    if shots > len(pool):
        raise OptionError(f"shots is {shots}, but the example pool holds {len(pool)}; lower shots")
    rng = random.Random(repr((seed, instruction, caption)))
    return tuple(sample_captions(rng, example, captions) for example in rng.sample(pool, shots))


def sample_captions(rng: random.Random, example: Example, captions: int) -> Example:
    """The example with so many of its pairs of captions, or all it has, in an order by chance."""
    places = rng.sample(range(len(example.before)), min(captions, len(example.before)))
    before, after = (tuple(side[place] for place in places) for side in (example.before, example.after))
    return Example(example.instruction, before, after)


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
