"""The texts for the language model against the paper's figures and golden files, and the pools of examples in them."""

from __future__ import annotations

import random

import pytest

from pix2pix_onthefly.errors import OptionError
from pix2pix_onthefly.language.prompts import ASSISTANT, USER, Message
from pix2pix_onthefly.rewriting.formats import (
    FORMATS,
    NUMBER,
    TRANSFORMATION,
    WORDINGS,
    Example,
    answer,
    beginning,
    build_prompt,
    expected_reply,
)
from pix2pix_onthefly.rewriting.pool import POOLS, load_pool, sample_captions, sample_examples
from pix2pix_onthefly.world.vocabulary import BACKGROUNDS
from tests.rewriting.golden_prompts import FOLDER, golden_prompts
from training.make_pool import as_text, draw_pool

FIGURE_3 = (
    "Instruct: Given the transformation '[TRANSFORMATION]', generate [NUMBER] image captions for before and after the "
    "transformation.\nOutput: Before transformation\n\nCaption 1:"
)
FIGURE_4 = FIGURE_3.replace("[TRANSFORMATION]", "Make the cat a dog").replace("[NUMBER]", "2")
FIGURE_5 = (
    FIGURE_4 + " A photo of a tabby cat sleeping.\nCaption 2: A cat playing with a ball of yarn.\n\n"
    "After transformation\n\nCaption 1: A photo of a cute dog.\nCaption 2: A dog chewing on a bone.\n"
)
FIGURE_6 = FIGURE_4.replace("the cat", "it") + " A photo of an orange cat.\n"
FIGURE_5_CAPTIONS = Example(
    "Make the cat a dog",
    ("A photo of a tabby cat sleeping.", "A cat playing with a ball of yarn."),
    ("A photo of a cute dog.", "A dog chewing on a bone."),
)
GOLDEN = dict(golden_prompts())


@pytest.mark.parametrize("name", GOLDEN)
def test_every_form_is_that_of_its_golden_file(name: str) -> None:
    assert GOLDEN[name] == (FOLDER / name).read_bytes().decode()


def test_no_golden_file_is_left_over() -> None:
    assert {file.name for file in FOLDER.iterdir()} == set(GOLDEN)
    assert len(GOLDEN) == len(FORMATS) * 2 * 3 * 3 * 2


def test_figure_4() -> None:
    assert build_prompt("Make the cat a dog", count=2) == FIGURE_4


def test_figure_5_is_the_prompt_with_its_perfect_reply_and_an_example() -> None:
    example = FIGURE_5_CAPTIONS
    assert FIGURE_4 + expected_reply(example.before, example.after, locked=False) == FIGURE_5 + "\n"
    assert build_prompt("Make it a dog", count=2, examples=[example]) == FIGURE_5 + "\n" + FIGURE_4.replace(
        "the cat", "it"
    )


def test_figure_6_the_model_goes_on_below_the_locked_caption() -> None:
    prompt = build_prompt("Make it a dog", count=2, first_caption="A photo of an orange cat.")
    assert prompt == FIGURE_6


@pytest.mark.parametrize("locked", [True, False], ids=["locked", "free"])
def test_prompt_and_perfect_reply_make_up_an_example(locked: bool) -> None:
    example = FIGURE_5_CAPTIONS
    first = example.before[0] if locked else None
    prompt = build_prompt(example.instruction, count=2, first_caption=first)
    shown = build_prompt("x", count=2, examples=[example])
    assert isinstance(prompt, str)
    assert str(shown).startswith(prompt + expected_reply(example.before, example.after, locked=locked))


def test_wordings_are_the_papers() -> None:
    assert WORDINGS["terse"] in FIGURE_3
    assert WORDINGS["detailed"] == (
        "Employing the specified method '[TRANSFORMATION]', craft [NUMBER] pairs of descriptive captions delineating "
        "the images both prior to and following the application of the transformation process, elucidating the "
        "changes brought about."
    )
    assert all(text.count(NUMBER) == text.count(TRANSFORMATION) == 1 for text in WORDINGS.values())


def test_an_instruction_that_holds_a_placeholder_stays_as_typed() -> None:
    assert "'write [NUMBER] on it', generate 3 image" in str(build_prompt("write [NUMBER] on it", count=3))


def test_chat_is_a_conversation_whose_last_message_is_the_beginning_of_the_answer() -> None:
    example = FIGURE_5_CAPTIONS
    prompt = build_prompt("Make it a dog", count=2, examples=[example], first_caption="a cat", format="chat")
    terse = WORDINGS["terse"].replace(NUMBER, "2")
    assert prompt == (
        Message(USER, terse.replace(TRANSFORMATION, "Make the cat a dog")),
        Message(ASSISTANT, answer(example.before, example.after).rstrip("\n")),
        Message(USER, terse.replace(TRANSFORMATION, "Make it a dog")),
        Message(ASSISTANT, beginning("a cat")),
    )
    assert FORMATS["chat"].is_conversation


@pytest.mark.parametrize("name", POOLS)
def test_pool_is_large_and_consistent(name: str) -> None:
    pool = load_pool(name)
    assert len(pool) >= 26
    assert len({example.instruction for example in pool}) == len(pool)
    for example in pool:
        assert len(example.before) == len(example.after) == 4
        assert len(set(example.before)) == len(set(example.after)) == 4
        assert all(old != new for old, new in zip(example.before, example.after, strict=True))
        for text in (example.instruction, *example.before, *example.after):
            assert text == " ".join(text.split())
            assert ":" not in text


def test_captions_about_photographs_are_sentences_as_in_figure_5() -> None:
    for example in load_pool("photographs"):
        for caption in example.before + example.after:
            assert caption[0].isupper()
            assert caption.endswith(".")


def test_pool_of_photographs_is_not_about_the_world() -> None:
    photographs, world = load_pool("photographs"), load_pool("world")
    plain = [background.phrase for background in BACKGROUNDS.values() if background.is_plain]
    captions = {caption.lower().rstrip(".") for example in photographs for caption in example.before + example.after}
    assert captions.isdisjoint(caption for example in world for caption in example.before + example.after)
    assert not [caption for caption in captions if any(phrase in caption for phrase in plain)]
    phrases = [background.phrase for background in BACKGROUNDS.values()]
    assert all(
        any(caption.endswith(phrase) for phrase in phrases) for row in world for caption in row.before + row.after
    )


def test_pool_of_the_world_is_what_its_script_draws() -> None:
    assert draw_pool() == list(load_pool("world"))
    assert as_text(draw_pool()).endswith("]}\n]}\n")


def test_unknown_pool() -> None:
    with pytest.raises(OptionError, match="the pools are photographs, world"):
        load_pool("paintings")


def drawn(shots: int = 3, captions: int = 2, seed: int = 0, instruction: str = "x", caption: str | None = "a cat"):
    pool = load_pool("photographs")
    return sample_examples(pool, shots, captions, seed=seed, instruction=instruction, caption=caption)


def test_examples_are_the_same_for_the_same_request_and_others_for_another() -> None:
    assert drawn() == drawn()
    others = [drawn(seed=1), drawn(instruction="y"), drawn(caption="a dog"), drawn(caption=None)]
    assert all(other != drawn() for other in others)


def test_an_example_shows_as_many_captions_as_asked_for_pair_by_pair() -> None:
    whole = {example.instruction: set(zip(example.before, example.after, strict=True)) for example in drawn(captions=4)}
    for captions in (1, 2, 3):
        for example in drawn(captions=captions):
            assert len(example.before) == captions
            assert set(zip(example.before, example.after, strict=True)) <= whole[example.instruction]


def test_captions_are_sampled_and_not_always_the_first() -> None:
    example = load_pool("photographs")[0]
    shown = {sample_captions(random.Random(seed), example, 1).before[0] for seed in range(40)}
    assert shown == set(example.before)


def test_an_example_with_fewer_captions_says_how_many_it_shows() -> None:
    (example,) = drawn(shots=1, captions=16)
    assert len(example.before) == 4
    assert "generate 4 image" in str(build_prompt("x", count=16, examples=[example]))


def test_too_many_shots() -> None:
    with pytest.raises(OptionError, match="shots is 33, but the example pool holds 32; lower shots"):
        drawn(shots=33)
