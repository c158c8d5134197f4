"""What the bundled rewriter is trained on, and what it must never be trained on."""

from __future__ import annotations

import random

import torch
from transformers import PhiForCausalLM

from pix2pix_onthefly.rewriting.lexicon import load_lexicon
from pix2pix_onthefly.rewriting.understanding import judged, read_wish
from pix2pix_onthefly.world.phrasings import UNSEEN, UNSPECIFIED_UNSEEN
from pix2pix_onthefly.world.vocabulary import KINDS
from training import more_phrasings as more
from training.longer_requests import at_a_side, two_edits
from training.requests_of_the_world import Sight
from training.rewriter import _config, build_tokenizer, grown
from training.rewriter_text import training_request, typed_instructions
from training.typed import DONE, TOLD, WARNED, WRONG, judge, read_typed


def test_held_out_phrasings_are_held_out() -> None:
    held_out = {text for table in (UNSEEN, UNSPECIFIED_UNSEEN) for group in table.values() for text in group}
    ours = {text for table in (more.MORE, more.UNSPECIFIED_MORE) for group in table.values() for text in group}
    assert not {text.rstrip("?") for text in held_out} & {text.rstrip("?") for text in ours}


def test_typed_instructions_are_kept_out() -> None:
    typed = typed_instructions()
    assert len(typed) == 100
    assert not typed & {training_request(random.Random(seed)).instruction.casefold() for seed in range(3000)}


def can_be_drawn(sight: Sight) -> bool:
    """Whether a sight is one of the world: what comes in colours has one, and nothing else has."""
    return all(KINDS[noun.split(" ")[-1]].comes_in_colours == (" " in noun) for noun in sight.nouns)


def test_the_check_agrees_with_the_training_text() -> None:
    lexicon = load_lexicon("world")
    for seed in range(200):
        request = (two_edits, at_a_side)[seed % 2](random.Random(seed))
        if not can_be_drawn(request.before) or not can_be_drawn(request.after):
            continue
        before, after = request.before.caption(0), request.after.caption(0)
        wish = read_wish(request.instruction, before, lexicon)
        assert not wish.refusal, request
        assert not judged(wish, [before], [after], lexicon).problem, request


def test_a_grown_model_computes_what_it_computed() -> None:
    tokenizer = build_tokenizer()
    config = _config(tokenizer)
    config.num_hidden_layers = 4
    torch.manual_seed(1)
    model = PhiForCausalLM(config).eval()
    larger, _ = grown(model, tokenizer)
    ids = tokenizer("make the cat a dog", return_tensors="pt").input_ids
    with torch.no_grad():
        torch.testing.assert_close(larger.eval()(ids).logits, model(ids).logits)
    assert len(larger.model.layers) > 4


def test_verdicts_on_typed_instructions() -> None:
    from pix2pix_onthefly.records import EditCaptions

    plain, ambiguous = read_typed()[0], next(typed for typed in read_typed() if typed.note)
    right, wrong = EditCaptions(("x",), plain.after, "complied"), EditCaptions(("x",), ("a cow",), "complied")
    assert judge(plain, right) == DONE
    assert judge(plain, wrong) == WRONG
    assert judge(plain, EditCaptions(("x",), ("a cow",), "partial", note="Odd.")) == WARNED
    assert judge(plain, EditCaptions(("x",), ("a cow",), "not understood", note="No.")) == TOLD
    assert judge(ambiguous, EditCaptions(("x",), ambiguous.after[:1], "complied")) == WRONG
