"""Which token takes the maps of which: word by word, with what a real tokenizer makes of the words."""

from __future__ import annotations

import pytest
import torch

from pix2pix_onthefly.backbones.stable_diffusion import LatentDiffusion
from pix2pix_onthefly.methods.token_alignment import TokenAlignment, align_tokens
from tests.helpers import TOKENS


def aligned(diffusion: LatentDiffusion, before: str, after: str, *, refine: bool = False) -> TokenAlignment:
    return align_tokens((before, after), (diffusion.spans(before), diffusion.spans(after)), refine=refine)


def sources(alignment: TokenAlignment, places: range) -> list[dict[int, float]]:
    """For some tokens, after, which ones they take maps of, and how much."""
    columns = [alignment.mapper[:, place] for place in places]
    return [{int(row): round(float(column[row]), 3) for row in column.nonzero()} for column in columns]


def test_spans_tell_where_tokens_stand(diffusion: LatentDiffusion) -> None:
    """Known words are one token each, any other is spelt out; nothing at the start, at the end and behind it."""
    text = "a Red  xy"
    spans = diffusion.spans(text)
    assert len(spans) == TOKENS
    assert spans[0] is None
    assert [text[span[0] : span[1]].strip() for span in spans if span] == ["a", "Red", "x", "y"]
    assert all(span is None for span in spans[5:])


def test_equal_captions_are_the_identity(diffusion: LatentDiffusion) -> None:
    same = aligned(diffusion, "a red cat on the table", "a red cat on the table")
    assert torch.equal(same.mapper, torch.eye(TOKENS))
    assert same.taken.min() == 1
    assert same.gone.sum() == same.new.sum() == 0


@pytest.mark.parametrize("refine", [False, True])
def test_a_swapped_word_takes_the_other_ones_maps_or_its_own(diffusion: LatentDiffusion, refine: bool) -> None:
    found = aligned(diffusion, "a red cat on the table", "a red dog on the table", refine=refine)
    expected = torch.eye(TOKENS)
    expected[3, 3] = 0.0 if refine else 1.0
    assert torch.equal(found.mapper, expected)
    assert found.taken.tolist() == [float(place != 3 or not refine) for place in range(TOKENS)]
    assert found.gone.nonzero().flatten().tolist() == found.new.nonzero().flatten().tolist() == [3]


def test_words_of_other_lengths_share_what_there_is(diffusion: LatentDiffusion) -> None:
    """Each token of the new word takes an equal part of all of the old one's; what follows has moved along."""
    found = aligned(diffusion, "a cat on", "a xyz on")
    assert sources(found, range(7)) == [{0: 1}, {1: 1}, {2: 0.333}, {2: 0.333}, {2: 0.333}, {3: 1}, {4: 1}]
    assert sources(found, range(TOKENS - 1, TOKENS)) == [{TOKENS - 3: 1}]
    assert found.new.nonzero().flatten().tolist() == [2, 3, 4]


def test_of_several_new_words_the_last_takes_the_place(diffusion: LatentDiffusion) -> None:
    found = aligned(diffusion, "a cat on the table", "a blue dog on the table")
    assert sources(found, range(5)) == [{0: 1}, {1: 1}, {}, {2: 1}, {3: 1}]
    assert found.taken[2] == 0
    assert found.new.nonzero().flatten().tolist() == [2, 3]


def test_words_that_are_gone_leave_the_end_where_the_end_was(diffusion: LatentDiffusion) -> None:
    """Padding is longer then; what lies beyond the old end takes the last."""
    found = aligned(diffusion, "a red cat on the table.", "a red cat")
    assert sources(found, range(3, 6)) == [{3: 1}, {8: 1}, {9: 1}]
    assert sources(found, range(TOKENS - 2, TOKENS)) == [{TOKENS - 1: 1}, {TOKENS - 1: 1}]
    assert found.gone.nonzero().flatten().tolist() == [4, 5, 6]  # a full stop is no thing to look for


def test_words_behind_the_encoders_end_are_left_out(diffusion: LatentDiffusion) -> None:
    long = " ".join(["cat"] * 100)
    found = aligned(diffusion, long, f"dog {long}")
    assert found.mapper.shape == (TOKENS, TOKENS)
    assert float(found.mapper.sum(0).max()) == 1
