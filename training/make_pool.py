"""Writes the few-shot examples about the rendered world, in the format of `data/photographs.json`.

python -m training.make_pool
"""

from __future__ import annotations

import json
import random
from pathlib import Path

from pix2pix_onthefly.rewriting.formats import Example
from pix2pix_onthefly.world.instructions import EDIT_TYPES, sample_edit

from .requests_of_the_world import Request, example_of, sight_of

SEED = 2026
EXAMPLES = 26
CAPTIONS = 4
TARGET = Path(__file__).parents[1] / "src/pix2pix_onthefly/rewriting/pools/world.json"


def draw_pool() -> list[Example]:
    """Examples of all edit types in turn, no instruction twice; the canonical caption comes first."""
    rng = random.Random(SEED)
    pool: dict[str, Example] = {}
    while len(pool) < EXAMPLES:
        edit = sample_edit(rng, EDIT_TYPES[len(pool) % len(EDIT_TYPES)], seen=True)
        request = Request(edit.instruction, sight_of(edit.source), sight_of(edit.target))
        pool.setdefault(edit.instruction, example_of(rng, request, CAPTIONS))
    return list(pool.values())


def as_text(pool: list[Example]) -> str:
    """JSON with one line for each instruction and each side."""
    rows = [
        f'{{"instruction": {json.dumps(example.instruction)},\n'
        f' "before": {json.dumps(example.before)},\n "after": {json.dumps(example.after)}}}'
        for example in pool
    ]
    return '{"examples": [\n' + ",\n".join(rows) + "\n]}\n"


if __name__ == "__main__":
    TARGET.write_text(as_text(draw_pool()), encoding="utf-8")
    print(f"{EXAMPLES} examples: {TARGET}")
