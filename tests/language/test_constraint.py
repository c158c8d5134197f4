"""Constrained decoding: what an ignorant model writes under the grammar has the form of the paper's answer."""

from __future__ import annotations

import random
from typing import Any

import pytest

pytest.importorskip("llguidance")

from llguidance import LLMatcher

from pix2pix_onthefly.language.constraint import constraint_vocabulary
from pix2pix_onthefly.language.language_model import Sampling
from pix2pix_onthefly.language.transformers_model import TransformersModel
from pix2pix_onthefly.rewriting.formats import build_prompt, expected_reply
from pix2pix_onthefly.rewriting.grammar import reply_grammar
from pix2pix_onthefly.rewriting.pool import load_pool
from pix2pix_onthefly.rewriting.replies import parse_reply
from tests.language.tiny import follow_script, ignorant_model
from training.rewriter import build_tokenizer

TOKENIZER: Any = build_tokenizer()
VOCABULARY: Any = constraint_vocabulary(TOKENIZER, [TOKENIZER.eos_token_id])


def accepts(grammar: str, text: str) -> bool:
    matcher = LLMatcher(VOCABULARY, LLMatcher.grammar_from_lark(grammar), log_level=0)
    tokens = TOKENIZER(text, add_special_tokens=False).input_ids
    return all(matcher.consume_token(token) for token in tokens) and matcher.is_accepting()


@pytest.mark.parametrize("locked", [True, False], ids=["locked", "free"])
@pytest.mark.parametrize("count", [1, 2, 4])
def test_the_grammar_accepts_every_perfect_answer(count: int, locked: bool) -> None:
    for example in load_pool("photographs") + load_pool("world"):
        reply = expected_reply(example.before[:count], example.after[:count], locked=locked)
        assert accepts(reply_grammar(count, locked=locked), reply)
        assert accepts(reply_grammar(count, locked=locked), reply.rstrip("\n"))


@pytest.mark.parametrize(
    "reply",
    [
        "",
        "\nAfter transformation\n\nCaption 1:",
        "\nAfter transformation\n\nCaption 1: \n",
        "\nAfter transformation\n\nCaption 1: - a cat",
        "\nAfter transformation\n\nCaption 2: a cat",
        "\nAfter transformation:\n\nCaption 1: a cat",
        "\nAfter transformation\n\nCaption 1: a cat\nCaption 2: a hen",
        "\nAfter transformation\n\nCaption 1: a cat caption 2: a hen",
        "\nAfter transformation\n\nCaption 1: a cat After transformation",
        "\nAfter transformation\n\nCaption 1: a cat\n\nInstruct: more",
        "Caption 2: a dog\n\nAfter transformation\n\nCaption 1: a cat",
        "\nAfter transformation\n\nCaption 1: " + "a" * 60,
    ],
)
def test_the_grammar_refuses_what_leaves_the_form(reply: str) -> None:
    assert not accepts(reply_grammar(1, locked=True), reply)


@pytest.mark.parametrize("locked", [True, False], ids=["locked", "free"])
@pytest.mark.parametrize("count", [1, 3])
def test_an_ignorant_model_answers_in_the_form(count: int, locked: bool) -> None:
    model = TransformersModel(ignorant_model(TOKENIZER), TOKENIZER)
    caption = "a dog" if locked else None
    prompt = build_prompt("make it red", count=count, first_caption=caption)
    grammar = reply_grammar(count, locked=locked)
    reply = model.complete(prompt, Sampling(room=1800, temperature=1.0, grammar=grammar))
    parsed = parse_reply(reply, count=count, first_caption=caption)
    assert (len(parsed.before), len(parsed.after), parsed.problems) == (count, count, ())


def test_within_the_form_the_model_chooses_as_ever() -> None:
    model = TransformersModel(ignorant_model(TOKENIZER), TOKENIZER)
    reply = "\nAfter transformation\n\nCaption 1: a red dog on the beach\n\n"
    follow_script(model.model, [*TOKENIZER(reply, add_special_tokens=False).input_ids, TOKENIZER.eos_token_id])
    grammar = reply_grammar(1, locked=True)
    assert model.complete("make it red", Sampling(room=200, grammar=grammar)) == reply


def test_answers_follow_one_another_each_under_its_own_grammar() -> None:
    model = TransformersModel(ignorant_model(TOKENIZER), TOKENIZER)
    rng = random.Random(0)
    for seed in range(4):
        count, locked = rng.randint(1, 2), rng.random() < 0.5
        sampling = Sampling(room=1500, temperature=1.0, seed=seed, grammar=reply_grammar(count, locked=locked))
        reply = model.complete("make it red", sampling)
        parsed = parse_reply(reply, count=count, first_caption="a dog" if locked else None)
        assert (len(parsed.after), parsed.problems) == (count, ())


def test_a_model_says_whether_it_can_be_constrained(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*arguments: Any, **named: Any) -> None:
        raise ValueError("unknown pre-tokenizer")

    assert TransformersModel(ignorant_model(TOKENIZER), TOKENIZER).can_constrain
    assert constraint_vocabulary(object(), [0]) is None
    monkeypatch.setattr("llguidance.hf.from_tokenizer", refuse)
    assert not TransformersModel(ignorant_model(TOKENIZER), TOKENIZER).can_constrain
