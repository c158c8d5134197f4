"""What changes between two captions, and sentences about it."""

from __future__ import annotations

import random

import pytest

from pix2pix_onthefly.methods.phrases import changed_phrases, is_place
from pix2pix_onthefly.methods.sentences import POOLS
from pix2pix_onthefly.models.families import FAMILIES
from pix2pix_onthefly.rewriting.pool import load_pool
from pix2pix_onthefly.world.captions import describe, every_caption_word
from pix2pix_onthefly.world.changes import EDIT_TYPES, sample_change


@pytest.mark.parametrize(
    ("before", "after", "phrases"),
    [
        ("a fox in the snow", "a cat in the snow", ("a fox", "a cat")),
        ("a red apple on the beach", "a blue apple on the beach", ("a red apple", "a blue apple")),
        ("an owl in a grassy field", "an owl on a white background", ("in a grassy field", "on a white background")),
        ("an owl on a pink background", "an owl on the beach", ("on a pink background", "on the beach")),
        ("a cat in the snow", "a cat next to a dog in the snow", ("a cat", "a cat next to a dog")),
        ("a cat next to a dog in the snow", "a cat in the snow", ("a cat next to a dog", "a cat")),
        ("a cat next to a dog in the snow", "a dog in the snow", ("a cat next to a dog", "a dog")),
        ("a horse in a field", "a white horse in a field", ("a horse", "a white horse")),
        ("a fox in the snow", "a cat in the desert", ("a fox", "a cat")),
        ("a man playing tennis", "a woman playing tennis", ("a man", "a woman")),
        ("a dog on a beach", "a dog on a beach at night", ("on a beach", "on a beach at night")),
        ("A cat.", "a cat", None),
        ("", "a cat", None),
    ],
)
def test_the_changed_phrase_is_found(before: str, after: str, phrases: tuple[str, str] | None) -> None:
    assert changed_phrases(before, after) == phrases


@pytest.mark.parametrize("edit_type", EDIT_TYPES)
def test_every_change_of_the_world_has_its_phrase(edit_type: str) -> None:
    """Both phrases are whole parts of their captions, and the rest of the captions is the same."""
    rng = random.Random(1)
    for _ in range(60):
        change = sample_change(rng, edit_type)
        before, after = describe(change.source), describe(change.target)
        phrases = changed_phrases(before, after)
        assert phrases is not None
        assert before.replace(phrases[0], "*", 1) == after.replace(phrases[1], "*", 1)
        assert is_place(phrases[0]) == is_place(phrases[1]) == (edit_type == "background")


def test_every_photograph_example_has_a_phrase() -> None:
    for example in load_pool("photographs"):
        for before, after in zip(example.before, example.after, strict=True):
            if before != after:
                phrases = changed_phrases(before, after)
                assert phrases is not None
                assert phrases[0] in before.lower()
                assert phrases[1] in after.lower()


@pytest.mark.parametrize("pool", POOLS)
@pytest.mark.parametrize("pair", [("a fox", "a cat"), ("on the beach", "in the snow")])
def test_a_few_hundred_sentences_differ_in_the_phrase_alone(pool: str, pair: tuple[str, str]) -> None:
    old, new = POOLS[pool].sentences(pair)
    assert len(old) == len(set(old)) == len(new)
    assert 200 <= len(old) <= 400
    for one, other in zip(old, new, strict=True):
        assert one.replace(pair[0], "*") == other.replace(pair[1], "*") or pair[0] in other or pair[1] in one


def test_sentences_about_the_world_hold_only_its_words() -> None:
    old, new = POOLS["world"].sentences(("a red car", "an owl next to a tree"))
    assert {word for sentence in (*old, *new) for word in sentence.split()} <= {*every_caption_word()}


def test_every_family_has_sentences() -> None:
    assert {family.pool for family in FAMILIES.values()} <= set(POOLS)
