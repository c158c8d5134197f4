"""A causal model of transformers behind the seam: sampling, stops, and the layout of conversations."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import torch

from pix2pix_onthefly.language.language_model import Sampling
from pix2pix_onthefly.language.prompts import ASSISTANT, USER, Message
from pix2pix_onthefly.language.transformers_model import TransformersModel
from tests.language.tiny import follow_script, ignorant_model
from training.rewriter import build_tokenizer

SHORT = Sampling(room=12)
TURNS = (Message(USER, "make it red"), Message(ASSISTANT, "Caption 1: a dog\n"))

CHATML = (
    "{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\\n' + message['content'] + '<|im_end|>\\n' }}"
    "{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}"
)
TRIMMING = CHATML.replace("message['content']", "(message['content'] | trim)")
THINKING = CHATML.replace(
    "{{ '<|im_start|>assistant\\n' }}",
    "{{ '<|im_start|>assistant\\n' }}{% if enable_thinking is defined and not enable_thinking %}"
    "{{ '<think></think>' }}{% endif %}",
).replace("message['content']", "(message['content'] | upper)")
REFUSING = (
    "{% if messages[-1]['role'] == 'assistant' %}{{ raise_exception('the last turn must be a user\\'s') }}{% endif %}"
    + CHATML
)


def language_model(chat_template: str | None = None) -> TransformersModel:
    tokenizer = build_tokenizer()
    tokenizer.chat_template = chat_template
    return TransformersModel(ignorant_model(tokenizer), tokenizer)


def test_the_same_arguments_give_the_same_text_and_another_seed_another() -> None:
    model = language_model()
    warm = replace(SHORT, temperature=1.0)
    assert model.complete("make it", warm) == model.complete("make it", warm)
    assert model.complete("make it", warm) != model.complete("make it", replace(warm, seed=1))
    assert model.complete("make it", SHORT) == model.complete("make it", replace(SHORT, seed=1))


def test_random_numbers_of_the_process_are_untouched() -> None:
    state = torch.get_rng_state()
    language_model().complete("make it", replace(SHORT, temperature=1.0))
    assert torch.equal(torch.get_rng_state(), state)


def test_the_answer_is_what_was_written_up_to_the_stop() -> None:
    model = language_model()
    written = "\nCaption 1: a red dog .\n\nInstruct: and so on"
    follow_script(model.model, model.tokenizer(written, add_special_tokens=False).input_ids)
    answer = model.complete("make it red", Sampling(room=60, stops=("Instruct:",)))
    assert answer == "\nCaption 1: a red dog .\n\nInstruct:"


def test_room_bounds_the_answer() -> None:
    model = language_model()
    follow_script(model.model, model.tokenizer("a dog on a cat on a dog", add_special_tokens=False).input_ids)
    assert model.complete("make it", replace(SHORT, room=3)) == "a dog on"


def test_tokens_and_positions_are_the_models() -> None:
    model = language_model()
    assert model.longest == 2048
    assert model.count_tokens("Caption: a dog") == 4


@pytest.mark.parametrize("template", [CHATML, TRIMMING], ids=["plain", "trimming"])
def test_a_conversation_ends_with_the_beginning_of_the_answer(template: str) -> None:
    model = language_model(template)
    assert model.has_chat_template
    assert model.layout(TURNS) == ("<|im_start|>user\nmake it red<|im_end|>\n<|im_start|>assistant\nCaption 1: a dog\n")


def test_a_template_that_refuses_or_rewrites_beginnings_gets_them_behind_its_generation_prompt() -> None:
    assert language_model(REFUSING).layout(TURNS).endswith("<|im_start|>assistant\nCaption 1: a dog\n")
    assert language_model(THINKING).layout(TURNS).endswith("<|im_start|>assistant\n<think></think>Caption 1: a dog\n")


def test_the_special_tokens_of_a_conversation_are_its_templates(monkeypatch: pytest.MonkeyPatch) -> None:
    model = language_model(CHATML)
    asked: list[Any] = []
    original = model.tokenizer._encode_plus

    def noting(*arguments: Any, **named: Any) -> Any:
        asked.append(named.get("add_special_tokens"))
        return original(*arguments, **named)

    monkeypatch.setattr(model.tokenizer, "_encode_plus", noting)
    model.count_tokens(TURNS)
    model.count_tokens("a text")
    assert asked == [False, True]


def test_a_text_is_given_as_it_is() -> None:
    assert language_model().layout("Caption 1:") == "Caption 1:"
    assert not language_model().has_chat_template
