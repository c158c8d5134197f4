"""What people type is tidied before a language model is asked, and no more than that."""

from __future__ import annotations

import pytest

from pix2pix_onthefly.rewriting.lexicon import load_lexicon
from pix2pix_onthefly.rewriting.normalising import tidy, with_colours, with_known_words
from pix2pix_onthefly.rewriting.pool import load_pool
from pix2pix_onthefly.world.captions import every_caption_word
from pix2pix_onthefly.world.vocabulary import COLOURS, KINDS

WORLD = load_lexicon("world")


@pytest.mark.parametrize(
    ("typed", "tidied"),
    [
        ("MAKE THE HAT YELLOW", "make the hat yellow"),
        ("pls make it BLUE!!", "make it BLUE"),
        ("Hey, could you please turn the cat into a rabbit? Thanks!", "turn the cat into a rabbit"),
        ("put it on the beach, thank you :)", "put it on the beach"),
        ("Would you be so kind as to paint the car green?", "paint the car green"),
        ("put Big Ben behind him", "put Big Ben behind him"),
        ("just the bear", "just the bear"),
        ("please", "please"),
        ("把猫变成狗", "把猫变成狗"),
    ],
)
def test_shouting_politeness_and_marks_go(typed: str, tidied: str) -> None:
    assert tidy(typed) == tidied
    assert tidy(tidied) == tidied


def test_tidy_instructions_stay_as_they_are() -> None:
    instructions = [example.instruction for pool in ("photographs", "world") for example in load_pool(pool)]
    changed = [text for text in instructions if tidy(text) != text]
    polite = ("?", "could you", "can you", "please", "I want", "I would like", "I'd like")
    assert all(text.endswith(polite) or text.startswith(polite) or "please" in text for text in changed)


@pytest.mark.parametrize(
    ("typed", "read"),
    [
        ("make the cat a dgo", "make the cat a dog"),
        ("trun the aple green", "turn the apple green"),
        ("replace teh ballon with a rokcet", "replace the balloon with a rocket"),
        ("chnage the backgroud to a beach", "change the background to a beach"),
        ("make the kitty a hat", "make the cat a cap"),
        ("paint the automobile violet", "paint the car purple"),
        ("add a parasol", "add an umbrella"),
        ("delte the cap", "delete the cap"),
        ("I want it red", "I want it red"),
    ],
)
def test_slips_and_synonyms_become_known_words(typed: str, read: str) -> None:
    assert with_known_words(typed, WORLD).text == read


@pytest.mark.parametrize(
    "word",
    ["dragon", "horse", "mouse", "bean", "beard", "lemon", "lock", "crow", "coat", "goat", "donkey", "pocket", "pain"],
)
def test_other_words_of_english_are_not_taken_for_slips(word: str) -> None:
    assert with_known_words(f"add a {word}", WORLD).text == f"add a {word}"


def test_what_was_read_otherwise_is_said() -> None:
    assert with_known_words("remove the umbrela", WORLD).note == "I read 'umbrela' as 'umbrella'."
    assert with_known_words("remove teh umbrella", WORLD).note == ""


def test_a_word_with_two_meanings_means_what_the_picture_shows() -> None:
    assert with_known_words("remove the flower", WORLD, "a cat next to a sunflower").text == "remove the sunflower"
    assert with_known_words("add a flower", WORLD, "a cat").text == "add a tulip"


@pytest.mark.parametrize(
    ("typed", "read"),
    [
        ("add an umbrella", "add an orange umbrella"),
        ("add a blue umbrella", "add a blue umbrella"),
        ("turn the apple into a book", "turn the apple into an orange book"),
        ("make it a dog, not an apple", "make it a dog, not an apple"),
        ("add a dog", "add a dog"),
    ],
)
def test_a_new_object_gets_a_colour(typed: str, read: str) -> None:
    found = with_colours(typed, WORLD, "a red apple on the beach")
    assert found.text == read
    assert bool(found.note) == (typed != read)


def test_the_lexicon_holds_the_world() -> None:
    assert {word for word, kind in KINDS.items() if kind.comes_in_colours} == WORLD.coloured
    assert tuple(COLOURS) == WORLD.colours
    assert set(every_caption_word()) == WORLD.words
    assert set(KINDS) == WORLD.things
    meant = {word for table in (WORLD.synonyms, WORLD.implied) for words in table.values() for word in words}
    assert meant <= WORLD.words
    assert not {*WORLD.synonyms, *WORLD.implied} & WORLD.words
