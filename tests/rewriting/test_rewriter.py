"""The rewriter with a scripted language model, and with a real one that knows nothing."""

from __future__ import annotations

import pytest
import torch

from pix2pix_onthefly.errors import InputError, OptionError
from pix2pix_onthefly.language.language_model import LanguageModel, Sampling
from pix2pix_onthefly.language.prompts import ASSISTANT, USER, Message, as_text
from pix2pix_onthefly.language.transformers_model import TransformersModel
from pix2pix_onthefly.options import RewritingOptions
from pix2pix_onthefly.rewriting.formats import build_prompt, task
from pix2pix_onthefly.rewriting.grammar import reply_grammar
from pix2pix_onthefly.rewriting.instructions import check_instruction
from pix2pix_onthefly.rewriting.pool import load_pool
from pix2pix_onthefly.rewriting.rewriter import Rewriter
from tests.language.tiny import ignorant_model
from tests.rewriting.scripted import Scripted
from training.rewriter import build_tokenizer

GOOD = "\nAfter transformation\n\nCaption 1: a red dog\n"
BAD = "I cannot see the picture."


def rewriter(*replies: str) -> tuple[Rewriter, Scripted]:
    model = Scripted(*replies)
    return Rewriter(model, load_pool("photographs")), model


def test_complies_at_once() -> None:
    asker, model = rewriter(GOOD)
    told: list[tuple[str, int, int]] = []
    options = RewritingOptions(shots=0)
    captions = asker.rewrite("make it\n red", " a  dog", options, progress=lambda *now: told.append(now))
    assert (captions.before, captions.after) == (("a dog",), ("a red dog",))
    assert (captions.outcome, captions.note, captions.replies) == ("complied", "", (GOOD,))
    assert captions.prompt == build_prompt("make it red", count=1, first_caption="a dog")
    assert told == [("rewrite", 0, 10), ("rewrite", 10, 10)]
    assert model.calls == [(captions.prompt, Sampling(room=100, stops=("Instruct:",)))]


def test_captions_stay_as_written() -> None:
    captions = rewriter("\nAfter transformation\n\nCaption 1: A red dog.\n")[0].rewrite(
        "x", "a dog", RewritingOptions()
    )
    assert (captions.before, captions.after) == (("a dog",), ("A red dog.",))


def test_complies_at_the_third_attempt() -> None:
    asker, model = rewriter(BAD, "", GOOD, BAD)
    captions = asker.rewrite("make it red", "a dog", RewritingOptions(), seed=5)
    assert captions.outcome == "complied"
    assert captions.replies == (BAD, "", GOOD)
    assert [(sampling.temperature, sampling.seed) for sampling in model.samplings] == [(0, 5), (1, 6), (1, 7)]


@pytest.mark.parametrize(("temperature", "used"), [(0.5, [0.5, 1.0]), (1.5, [1.5, 1.5])])
def test_temperature(temperature: float, used: list[float]) -> None:
    asker, model = rewriter(BAD)
    asker.rewrite("make it red", "a dog", RewritingOptions(temperature=temperature, attempts=2))
    assert [sampling.temperature for sampling in model.samplings] == used


def test_partial_takes_the_best_reply() -> None:
    two = "Caption 2: a puppy\n\nAfter transformation\n\nCaption 1: a scarlet dog\nCaption 2: a red puppy\n"
    asker, _ = rewriter(BAD, GOOD, two, GOOD)
    captions = asker.rewrite("make it red", "a dog", RewritingOptions(captions=3, attempts=4))
    assert (captions.outcome, len(captions.replies)) == ("partial", 4)
    assert captions.before == ("a dog", "a puppy")
    assert captions.after == ("a scarlet dog", "a red puppy")
    assert captions.note == "Of the 3 pairs of captions that were asked for, 2 could be used."


def test_among_equal_replies_fewer_problems_count() -> None:
    worse = "After transformation\nCaption 2: a pink dog\nCaption 3: a red puppy"
    asker, _ = rewriter(worse, "After transformation\nCaption 2: a red dog")
    captions = asker.rewrite("make it red", "a dog", RewritingOptions(attempts=2))
    assert (captions.outcome, captions.after) == ("partial", ("a red dog",))


def test_what_is_not_understood_holds_the_captions_of_a_forced_edit() -> None:
    asker, _ = rewriter(BAD, "\nAfter transformation\n\nCaption 1: A dog.")
    captions = asker.rewrite("make it red", "a dog", RewritingOptions(attempts=3))
    assert (captions.before, captions.after) == (("a dog",), ("a dog, make it red",))
    assert (captions.outcome, len(captions.replies)) == ("not understood", 3)
    assert captions.note == "I did not understand this; nothing was changed."


def test_no_instruction_is_put_behind_a_full_stop() -> None:
    captions = rewriter(BAD)[0].rewrite("make it red", "A dog.", RewritingOptions(attempts=1))
    assert (captions.before, captions.after) == (("A dog.",), ("A dog, make it red",))


def test_not_understood_without_a_caption() -> None:
    captions = rewriter("")[0].rewrite("make it red", None, RewritingOptions(attempts=1))
    assert (captions.before, captions.after) == (("a picture",), ("a picture, make it red",))
    assert captions.outcome == "not understood"


def test_a_question_is_not_put_to_the_model() -> None:
    asker, model = rewriter(GOOD)
    captions = asker.rewrite("what is this?", "a dog", RewritingOptions())
    assert captions.outcome == "not understood"
    assert not model.calls


@pytest.mark.parametrize(("caption", "lock"), [(None, True), ("a cow", False), ("  ", True)])
def test_unlocked(caption: str | None, lock: bool) -> None:
    asker, _ = rewriter(" a dog\n" + GOOD)
    captions = asker.rewrite("make it red", caption, RewritingOptions(lock_first_caption=lock))
    assert (captions.outcome, captions.before) == ("complied", ("a dog",))
    assert captions.prompt is not None
    assert captions.prompt.endswith("Output: Before transformation\n\nCaption 1:")


def test_the_prompt_can_be_had_without_asking_the_model() -> None:
    asker, model = rewriter(GOOD)
    options = RewritingOptions(shots=3, captions=2)
    prompt = asker.prompt("make it\n red", " a  dog", options, seed=7)
    assert not model.calls
    assert prompt == asker.rewrite("make it red", "a dog", options, seed=7).prompt


def test_examples_depend_on_seed_instruction_and_caption() -> None:
    asker, _ = rewriter(GOOD)

    def examples(instruction: str = "make it red", caption: str = "a dog", seed: int = 0) -> str:
        prompt = asker.prompt(instruction, caption, RewritingOptions(shots=3), seed)
        return prompt[: prompt.rindex("Instruct:")]

    assert examples() == examples()
    assert len({examples(), examples(seed=1), examples("make it blue"), examples(caption="a cat")}) == 4
    assert examples().count("Instruct:") == 3


def test_too_many_shots() -> None:
    asker = Rewriter(Scripted(GOOD), load_pool("photographs")[:2])
    with pytest.raises(OptionError, match="shots is 3, but the example pool holds 2; lower shots"):
        asker.rewrite("make it red", "a dog", RewritingOptions(shots=3))


def test_room_for_the_answer() -> None:
    prompt = len(as_text(build_prompt("make it red", count=1, first_caption="a dog")))
    model = Scripted(GOOD, longest=prompt + 70)
    asker = Rewriter(model, ())
    assert asker.rewrite("make it red", "a dog", RewritingOptions(shots=0)).outcome == "complied"
    assert model.samplings[0].room == 70
    model.longest = prompt + 59
    with pytest.raises(OptionError, match=f"takes {prompt} of the language model's .* lower shots or captions"):
        asker.rewrite("make it red", "a dog", RewritingOptions(shots=0))


def test_a_model_with_a_chat_template_gets_a_conversation() -> None:
    model = Scripted(GOOD, has_chat_template=True)
    captions = Rewriter(model, ()).rewrite("make it red", "a dog", RewritingOptions(shots=0))
    ((prompt, sampling),) = model.calls
    assert prompt == (
        Message(USER, task("make it red", 1, "terse")),
        Message(ASSISTANT, "Before transformation\n\nCaption 1: a dog\n"),
    )
    assert captions.prompt == as_text(prompt)
    assert sampling.stops == ()


@pytest.mark.parametrize(
    ("possible", "constrain", "held"),
    [(True, None, True), (True, False, False), (True, True, True), (False, None, False)],
)
def test_replies_are_held_to_the_form_where_that_is_possible(
    possible: bool, constrain: bool | None, held: bool
) -> None:
    model = Scripted(GOOD, can_constrain=possible)
    Rewriter(model, ()).rewrite("make it red", "a dog", RewritingOptions(shots=0, constrain=constrain))
    assert model.samplings[0].grammar == (reply_grammar(1, locked=True) if held else None)


def test_a_constraint_that_cannot_be_had_is_refused() -> None:
    with pytest.raises(OptionError, match=r"needs the library llguidance .*\[constrain\]"):
        Rewriter(Scripted(GOOD), ()).rewrite("make it red", "a dog", RewritingOptions(shots=0, constrain=True))


def test_moves_the_language_model() -> None:
    asker, model = rewriter(GOOD)
    asker.to(torch.device("meta"))
    assert model.device == torch.device("meta")


@pytest.mark.parametrize("text", ["", " \n\t "])
def test_blank_instruction(text: str) -> None:
    with pytest.raises(InputError, match="the instruction is empty"):
        check_instruction(text)


def test_long_instruction() -> None:
    assert check_instruction(" a\r\n" * 500) == "a " * 499 + "a"
    with pytest.raises(InputError, match="has 1001 characters; at most 1000"):
        check_instruction("a" * 1001)


def test_real_model_that_knows_nothing() -> None:
    tokenizer = build_tokenizer()
    model: LanguageModel = TransformersModel(ignorant_model(tokenizer), tokenizer)
    asker = Rewriter(model, load_pool("world"))
    options = RewritingOptions(attempts=2, constrain=False)
    first = asker.rewrite("make it red", "a dog", options)
    assert first.outcome in ("partial", "not understood")
    assert len(set(first.replies)) == 2
    assert first.note
    assert asker.rewrite("make it red", "a dog", options) == first
