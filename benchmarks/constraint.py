"""What constrained decoding changes: replies that comply at the first attempt, and right captions; free against held.

    python -m benchmarks.constraint                                    # the bundled rewriter
    python -m benchmarks.constraint --language-model model.gguf --count 30
    python -m benchmarks.constraint --language-model folder --device cuda

Edits of the rendered world in phrasings that no training text holds, in equal parts of each kind, the first caption
locked, few-shot examples of the world's pool, greedy decoding, one attempt each; edit `i` has seed `i`. A caption is
right where it is, but for capitals and full stop, the caption of the scene that the edit leads to, word by word. A GGUF
file (pip install gguf) is read by transformers and made a model in float32.
"""

from __future__ import annotations

import argparse
import random
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from pix2pix_onthefly.language.transformers_model import TransformersModel
from pix2pix_onthefly.models.families import FAMILIES
from pix2pix_onthefly.models.loading import load_rewriter
from pix2pix_onthefly.options import RewritingOptions
from pix2pix_onthefly.rewriting.pool import load_pool
from pix2pix_onthefly.rewriting.replies import same_caption
from pix2pix_onthefly.rewriting.rewriter import Rewriter
from pix2pix_onthefly.world.captions import describe
from pix2pix_onthefly.world.instructions import EDIT_TYPES, Edit, sample_edit
from pix2pix_onthefly.world.scenes import HELD_OUT_SEED

SETTINGS = ((0, 1), (1, 1), (3, 2))
"""Shots and captions a side: some of the paper's grid, its best CLIP-T among them (6.1)."""


@dataclass(frozen=True)
class Row:
    """One setting, decoded in one way.

    Attributes:
        shots, captions, held: the setting, and whether the reply was held to its form.
        complied: share of the first replies that could be read without complaint.
        right: share of the edits whose first after-caption is right, complied or not.
        seconds: of processor time a reply takes on average; other programs do not count.
    """

    shots: int
    captions: int
    held: bool
    complied: float
    right: float
    seconds: float

    def cells(self) -> tuple[str, ...]:
        way = "held" if self.held else "free"
        shares = f"{self.complied * 100:.0f} %", f"{self.right * 100:.0f} %"
        return str(self.shots), str(self.captions), way, *shares, f"{self.seconds:.2f}"


def held_out_edits(count: int) -> list[Edit]:
    """Edits of each kind in turn."""
    kinds = (EDIT_TYPES[index % len(EDIT_TYPES)] for index in range(count))
    return [sample_edit(random.Random(HELD_OUT_SEED + index), kind, seen=False) for index, kind in enumerate(kinds)]


def measure(rewriter: Rewriter, edits: list[Edit], *, shots: int, captions: int, held: bool) -> Row:
    """Asks once for each edit."""
    options = RewritingOptions(shots=shots, captions=captions, attempts=1, constrain=held)
    complied = right = 0
    began = time.process_time()
    for seed, edit in enumerate(edits):
        made = rewriter.rewrite(edit.instruction, describe(edit.source), options, seed=seed)
        complied += made.outcome == "complied"
        right += same_caption(made.after[0], describe(edit.target))
    seconds = (time.process_time() - began) / len(edits)
    return Row(shots, captions, held, complied / len(edits), right / len(edits), seconds)


def load(path: Path | None, device: torch.device) -> Rewriter:
    """The bundled rewriter, or the model of a folder or of a GGUF file with the world's pool."""
    if path is None:
        return load_rewriter(FAMILIES["mini"].rewriter, "world", device, torch.float32)
    from transformers import AutoModelForCausalLM, AutoTokenizer

    where = {"gguf_file": path.name} if path.is_file() else {}
    folder = path.parent if path.is_file() else path
    tokenizer = AutoTokenizer.from_pretrained(folder, **where)
    model: Any = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32, **where)
    return Rewriter(TransformersModel(model.to(device), tokenizer), load_pool("world"))


def rows(rewriter: Rewriter, count: int) -> Iterator[Row]:
    """All settings, each decoded in both ways."""
    edits = held_out_edits(count)
    for shots, captions in SETTINGS:
        for held in (False, True):
            print(f"{shots} shots, {captions} captions, {'held' if held else 'free'}", file=sys.stderr, flush=True)
            yield measure(rewriter, edits, shots=shots, captions=captions, held=held)


def main() -> None:
    """Prints the table, row by row."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--language-model", type=Path, help="folder or GGUF file; the bundled rewriter if not given")
    parser.add_argument("--count", type=int, default=100, help="edits a setting")
    parser.add_argument("--device", default="cpu")
    given = parser.parse_args()
    heads = ("shots", "captions", "decoding", "complied at first", "right caption", "CPU seconds a reply")
    print(f"| {' | '.join(heads)} |\n|{' --- |' * len(heads)}")
    for row in rows(load(given.language_model, torch.device(given.device)), given.count):
        print(f"| {' | '.join(row.cells())} |", flush=True)


if __name__ == "__main__":
    main()
