"""The texts for the language model, and the pools of examples in them."""

from __future__ import annotations

import pytest

from pix2pix_onthefly.errors import OptionError
from pix2pix_onthefly.rewriting.formats import NUMBER, WORDINGS, Example, build_prompt, expected_reply, number_words
from pix2pix_onthefly.rewriting.pool import POOLS, load_pool
from pix2pix_onthefly.world.vocabulary import BACKGROUNDS
from training.make_pool import as_text, draw_pool

EXAMPLE = Example("make it a cat", ("a dog", "a puppy", "a hound"), ("a cat", "a kitten", "a tomcat"))


def test_exact_prompt_with_an_example_and_a_locked_caption() -> None:
    prompt = build_prompt("add a hat", count=2, wording="terse", examples=[EXAMPLE], first_caption="a horse")
    assert prompt == (
        "Write two (2) captions of an image before a transformation and two (2) captions of it after the "
        "transformation, given the instruction for the transformation.\n"
        "\n"
        "Instruction: make it a cat\n"
        "Before transformation:\n"
        "Caption 1: a dog\n"
        "Caption 2: a puppy\n"
        "After transformation:\n"
        "Caption 1: a cat\n"
        "Caption 2: a kitten\n"
        "\n"
        "Instruction: add a hat\n"
        "Before transformation:\n"
        "Caption 1: a horse\n"
    )


def test_prompt_without_examples_and_lock_ends_with_the_header() -> None:
    prompt = build_prompt("add a hat", count=1, wording="detailed")
    assert prompt.endswith("\n\nInstruction: add a hat\nBefore transformation:\n")
    assert prompt.count("Instruction:") == 1
    assert "First write one (1) caption that could describe" in prompt


def test_prompt_and_expected_reply_make_up_an_example() -> None:
    first, *_ = EXAMPLE.before
    shown = build_prompt("x", count=3, examples=[EXAMPLE])
    for locked in (None, first):
        prompt = build_prompt(EXAMPLE.instruction, count=3, first_caption=locked)
        whole = prompt + expected_reply(EXAMPLE.before, EXAMPLE.after, locked=locked is not None)
        assert shown.startswith(whole)


@pytest.mark.parametrize("wording", sorted(WORDINGS))
def test_wordings_hold_the_number(wording: str) -> None:
    assert WORDINGS[wording].count(NUMBER) == 2
    assert NUMBER not in build_prompt("x", count=16, wording=wording)


def test_number_words() -> None:
    words = "one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen".split()
    assert number_words(1) == "one (1) caption"
    assert [number_words(count) for count in range(2, 17)] == [
        f"{word} ({count}) captions" for count, word in enumerate(words[1:], 2)
    ]


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
            assert text == " ".join(text.split()).rstrip(".")
            assert ":" not in text


def test_pool_of_photographs_is_not_about_the_world() -> None:
    photographs, world = load_pool("photographs"), load_pool("world")
    plain = [background.phrase for background in BACKGROUNDS.values() if background.is_plain]
    captions = {caption for example in photographs for caption in example.before + example.after}
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
