"""The rewriter with a scripted language model, and with a real one that knows nothing."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
import torch
from transformers import PhiConfig, PhiForCausalLM

from pix2pix_onthefly.errors import InputError, OptionError
from pix2pix_onthefly.options import RewritingOptions
from pix2pix_onthefly.rewriting.formats import build_prompt
from pix2pix_onthefly.rewriting.pool import load_pool
from pix2pix_onthefly.rewriting.rewriter import Rewriter, check_instruction
from training.rewriter import build_tokenizer

GOOD = "After transformation:\nCaption 1: a red dog\n"
BAD = "I cannot see the picture."


class Letters:
    """One token a character; with a chat template if wanted."""

    pad_token_id, eos_token_id = None, 0

    def __init__(self, chat_template: str | None = None) -> None:
        self.chat_template = chat_template
        self.special_tokens: list[bool] = []

    def __call__(self, text: str, return_tensors: str, add_special_tokens: bool) -> dict[str, torch.Tensor]:
        self.special_tokens.append(add_special_tokens)
        return {"input_ids": torch.tensor([[ord(letter) for letter in text]])}

    def decode(self, ids: torch.Tensor, skip_special_tokens: bool) -> str:
        return "".join(chr(number) for number in ids.tolist())

    def apply_chat_template(self, messages: list[dict[str, str]], add_generation_prompt: bool, tokenize: bool) -> str:
        assert add_generation_prompt
        assert not tokenize
        (message,) = messages
        return f"<{message['role']}>{message['content']}<assistant>"


class Scripted:
    """A language model that gives the replies of its script in turn and notes how it was asked."""

    device = torch.device("cpu")

    def __init__(self, *replies: str, positions: int = 100_000) -> None:
        self.replies = list(replies)
        self.config = SimpleNamespace(max_position_embeddings=positions)
        self.calls: list[dict[str, Any]] = []
        self.drawn: list[float] = []

    def generate(self, input_ids: torch.Tensor, **kwargs: Any) -> torch.Tensor:
        self.drawn.append(torch.rand(1).item())
        reply = self.replies[min(len(self.calls), len(self.replies) - 1)]
        self.calls.append(kwargs)
        return torch.cat([input_ids, torch.tensor([[ord(letter) for letter in reply]], dtype=torch.long)], dim=1)


def rewriter(*replies: str) -> tuple[Rewriter, Scripted]:
    model = Scripted(*replies)
    return Rewriter(model, Letters(), load_pool("photographs")), model


def test_complies_at_once() -> None:
    asker, model = rewriter(GOOD)
    told: list[tuple[str, int, int]] = []
    captions = asker.rewrite(
        "make it\n red", " a  dog", RewritingOptions(shots=0), progress=lambda *now: told.append(now)
    )
    assert (captions.before, captions.after) == (("a dog",), ("a red dog",))
    assert (captions.outcome, captions.note, captions.replies) == ("complied", "", (GOOD,))
    assert captions.prompt == build_prompt("make it red", count=1, first_caption="a dog")
    assert told == [("rewrite", 0, 10), ("rewrite", 10, 10)]
    (call,) = model.calls
    assert call["do_sample"] is False
    assert call["stop_strings"] == ["Instruction:"]
    assert call["pad_token_id"] == 0
    assert call["max_new_tokens"] == 100


def test_complies_at_the_third_attempt() -> None:
    asker, model = rewriter(BAD, "", GOOD, BAD)
    captions = asker.rewrite("make it red", "a dog", RewritingOptions(), seed=5)
    assert captions.outcome == "complied"
    assert captions.replies == (BAD, "", GOOD)
    assert [call["do_sample"] for call in model.calls] == [False, True, True]
    assert [call["temperature"] for call in model.calls] == [None, 1.0, 1.0]
    wanted = [torch.rand(1, generator=torch.Generator().manual_seed(seed)).item() for seed in (5, 6, 7)]
    assert model.drawn == wanted


@pytest.mark.parametrize(("temperature", "used"), [(0.5, [0.5, 1.0]), (1.5, [1.5, 1.5])])
def test_temperature(temperature: float, used: list[float]) -> None:
    asker, model = rewriter(BAD)
    asker.rewrite("make it red", "a dog", RewritingOptions(temperature=temperature, attempts=2))
    assert [call["temperature"] for call in model.calls] == used
    assert all(call["do_sample"] for call in model.calls)


def test_partial_takes_the_best_reply() -> None:
    one = "After transformation:\nCaption 1: a red dog\n"
    two = "Caption 2: a puppy\nAfter transformation:\nCaption 1: a scarlet dog\nCaption 2: a red puppy\n"
    asker, _ = rewriter(BAD, one, two, one)
    captions = asker.rewrite("make it red", "a dog", RewritingOptions(captions=3, attempts=4))
    assert (captions.outcome, len(captions.replies)) == ("partial", 4)
    assert captions.before == ("a dog", "a puppy")
    assert captions.after == ("a scarlet dog", "a red puppy")
    assert captions.note == (
        "The language model was asked 4 times and never answered as it should; the best reply was used, with 2 of 3 "
        "pairs of captions (before: 2 captions instead of 3; after: 2 captions instead of 3)."
    )


def test_among_equal_replies_fewer_problems_count() -> None:
    worse = "After transformation:\nCaption 2: a pink dog\nCaption 3: a red puppy"
    asker, _ = rewriter(worse, "After transformation:\nCaption 2: a red dog")
    captions = asker.rewrite("make it red", "a dog", RewritingOptions(attempts=2))
    assert (captions.outcome, captions.after) == ("partial", ("a red dog",))


def test_fallback_puts_the_instruction_behind_the_caption() -> None:
    asker, _ = rewriter(BAD, "After transformation:\nCaption 1: a dog")
    captions = asker.rewrite("make it red", "a dog", RewritingOptions(attempts=3))
    assert (captions.before, captions.after) == (("a dog",), ("a dog, make it red",))
    assert (captions.outcome, len(captions.replies)) == ("fallback", 3)
    assert "asked 3 times and wrote no usable captions" in captions.note
    assert captions.note.endswith("the instruction itself was put behind the caption instead.")


def test_fallback_without_a_caption() -> None:
    asker, _ = rewriter("")
    captions = asker.rewrite("make it red", None, RewritingOptions(attempts=1))
    assert (captions.before, captions.after) == (("a picture",), ("a picture, make it red",))
    assert "asked 1 time and wrote no usable captions (the reply is empty)" in captions.note


@pytest.mark.parametrize(("caption", "lock"), [(None, True), ("a cow", False), ("  ", True)])
def test_unlocked(caption: str | None, lock: bool) -> None:
    asker, _ = rewriter("Caption 1: a dog\n" + GOOD)
    captions = asker.rewrite("make it red", caption, RewritingOptions(lock_first_caption=lock))
    assert (captions.outcome, captions.before) == ("complied", ("a dog",))
    assert captions.prompt is not None
    assert captions.prompt.endswith("Instruction: make it red\nBefore transformation:\n")


def test_examples_are_drawn_by_seed() -> None:
    def prompt(seed: int) -> str | None:
        return rewriter(GOOD)[0].rewrite("make it red", "a dog", RewritingOptions(shots=3), seed=seed).prompt

    assert prompt(1) == prompt(1) != prompt(2)
    assert (prompt(1) or "").count("Instruction:") == 4


def test_examples_with_fewer_captions_are_shown_with_all_they_have() -> None:
    captions = rewriter(GOOD)[0].rewrite("make it red", "a dog", RewritingOptions(captions=16, attempts=1))
    assert (captions.prompt or "").count("Caption ") == 4 + 4 + 1


def test_too_many_shots() -> None:
    asker = Rewriter(Scripted(GOOD), Letters(), load_pool("photographs")[:2])
    with pytest.raises(OptionError, match="shots is 3, but the example pool holds 2; lower shots"):
        asker.rewrite("make it red", "a dog", RewritingOptions(shots=3))


def test_room_for_the_answer() -> None:
    prompt = len(build_prompt("make it red", count=1, first_caption="a dog"))
    model = Scripted(GOOD, positions=prompt + 70)
    asker = Rewriter(model, Letters(), ())
    assert asker.rewrite("make it red", "a dog", RewritingOptions(shots=0)).outcome == "complied"
    assert model.calls[0]["max_new_tokens"] == 70
    model.config.max_position_embeddings -= 11
    with pytest.raises(OptionError, match=f"takes {prompt} of the language model's .* lower shots or captions"):
        asker.rewrite("make it red", "a dog", RewritingOptions(shots=0))


def test_chat_template() -> None:
    tokenizer = Letters("a template")
    captions = Rewriter(Scripted(GOOD), tokenizer, ()).rewrite("make it red", "a dog", RewritingOptions(shots=0))
    plain = build_prompt("make it red", count=1, first_caption="a dog")
    assert captions.prompt == f"<user>{plain}<assistant>"
    assert tokenizer.special_tokens == [False]


def test_global_random_numbers_are_untouched() -> None:
    torch.manual_seed(3)
    state = torch.get_rng_state()
    rewriter(BAD)[0].rewrite("make it red", "a dog", RewritingOptions(attempts=3))
    assert torch.equal(torch.get_rng_state(), state)


@pytest.mark.parametrize("text", ["", " \n\t "])
def test_blank_instruction(text: str) -> None:
    with pytest.raises(InputError, match="the instruction is empty"):
        check_instruction(text)


def test_long_instruction() -> None:
    assert check_instruction(" a\r\n" * 500) == "a " * 499 + "a"
    with pytest.raises(InputError, match="has 1001 characters; at most 1000"):
        check_instruction("a" * 1001)


def ignorant_model(tokenizer: Any) -> PhiForCausalLM:
    config = PhiConfig(
        vocab_size=len(tokenizer),
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=2,
        max_position_embeddings=1024,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
    )
    with torch.random.fork_rng(devices=()):
        torch.manual_seed(0)
        return PhiForCausalLM(config).eval()


def test_real_model_that_knows_nothing() -> None:
    tokenizer = build_tokenizer()
    asker = Rewriter(ignorant_model(tokenizer), tokenizer, load_pool("world"))
    state = torch.get_rng_state()
    first = asker.rewrite("make it red", "a dog", RewritingOptions(attempts=2))
    assert first.outcome in ("partial", "fallback")
    assert len(set(first.replies)) == 2
    assert first.note
    assert asker.rewrite("make it red", "a dog", RewritingOptions(attempts=2)) == first
    assert torch.equal(torch.get_rng_state(), state)


def test_real_model_stops_where_it_starts_another_instruction() -> None:
    tokenizer = build_tokenizer()
    model = ignorant_model(tokenizer)
    script = tokenizer(GOOD + "\nInstruction: and so on and on", add_special_tokens=False).input_ids
    places: list[int] = []

    def follow_script(module: Any, arguments: Any, output: Any) -> None:
        output.logits[:, -1] = -1e4
        output.logits[:, -1, script[len(places)]] = 0
        places.append(len(places))

    model.register_forward_hook(follow_script)
    captions = Rewriter(model, tokenizer, ()).rewrite("make it red", "a dog", RewritingOptions(shots=0, attempts=1))
    assert captions.replies == (GOOD + "\nInstruction:",)
    assert captions.outcome == "complied"
