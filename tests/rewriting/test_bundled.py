"""The bundled rewriter answers the paper's prompt about its own world."""

from __future__ import annotations

import random

import pytest
import torch

from pix2pix_onthefly.models.families import FAMILIES
from pix2pix_onthefly.models.loading import load_rewriter
from pix2pix_onthefly.options import RewritingOptions
from pix2pix_onthefly.world.captions import describe
from pix2pix_onthefly.world.instructions import EDIT_TYPES, sample_edit
from pix2pix_onthefly.world.scenes import HELD_OUT_SEED

EDITS = 15


@pytest.mark.parametrize(("wording", "shots", "captions"), [("terse", 1, 1), ("detailed", 0, 2)])
def test_it_complies_at_once_and_writes_the_right_caption(wording: str, shots: int, captions: int) -> None:
    """Nearly always: 99 % are its bar in training.report, on phrasings that it was trained on."""
    rewriter = load_rewriter(FAMILIES["mini"].rewriter, "world", torch.device("cpu"), torch.float32)
    options = RewritingOptions(wording=wording, shots=shots, captions=captions, attempts=1, constrain=False)
    right = 0
    for seed in range(EDITS):
        edit = sample_edit(random.Random(HELD_OUT_SEED + seed), EDIT_TYPES[seed % len(EDIT_TYPES)], seen=True)
        made = rewriter.rewrite(edit.instruction, describe(edit.source), options, seed=seed)
        right += made.outcome == "complied" and made.after[0] == describe(edit.target)
    assert right >= EDITS - 2
