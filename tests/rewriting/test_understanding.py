"""Captions are held against caption and instruction: never silently the wrong thing."""

from __future__ import annotations

import random

import pytest

from pix2pix_onthefly.errors import NotUnderstoodError
from pix2pix_onthefly.options import RewritingOptions
from pix2pix_onthefly.records import EditCaptions
from pix2pix_onthefly.rewriting.judging import judge, kind_of
from pix2pix_onthefly.rewriting.lexicon import load_lexicon
from pix2pix_onthefly.rewriting.mentions import shown_in
from pix2pix_onthefly.rewriting.paint import painted_things
from pix2pix_onthefly.rewriting.pool import load_pool
from pix2pix_onthefly.rewriting.rewriter import Rewriter
from pix2pix_onthefly.rewriting.understanding import check_understood, forced, judged, read_wish
from pix2pix_onthefly.world.captions import describe
from pix2pix_onthefly.world.instructions import EDIT_TYPES, sample_edit
from tests.rewriting.scripted import Scripted

WORLD = load_lexicon("world")
PAIR = "a pink umbrella next to a yellow tulip in the snow"


def asked(instruction: str, caption: str, *after: str) -> EditCaptions:
    """What becomes of an instruction about the world where the model writes these after-captions."""
    reply = "\nAfter transformation\n\n" + "".join(f"Caption {n}: {text}\n" for n, text in enumerate(after, 1))
    return Rewriter(Scripted(reply), (), WORLD).rewrite(instruction, caption, RewritingOptions(shots=0, attempts=2))


@pytest.mark.parametrize("seen", [True, False])
def test_true_captions_of_the_world_are_never_refused(seen: bool) -> None:
    for index in range(200):
        edit = sample_edit(random.Random(index), EDIT_TYPES[index % len(EDIT_TYPES)], seen=seen)
        before, after = describe(edit.source), describe(edit.target)
        wish = read_wish(edit.instruction, before, WORLD)
        assert not wish.refusal, edit
        assert not judged(wish, [before], [after], WORLD).problem, edit


@pytest.mark.parametrize(
    ("instruction", "caption", "after"),
    [
        ("get rid of the tulip", PAIR, "a yellow tulip in the snow"),
        ("make it snowy", "a tree in a grassy field", "a bear in the snow"),
        ("add another umbrella", "a red umbrella on the beach", "a blue umbrella on the beach"),
        ("make the cat a dog", "a cat in the snow", "a dog on a pink background"),
        ("make the cat a dog and the background blue", "a cat in the snow", "a cat next to a dog on a blue background"),
        ("make the cat a dog and the background blue", "a cat in the snow", "a dog in the snow"),
        ("make the umbrella blue and the tulip red", PAIR, "a pink umbrella next to a blue tulip in the snow"),
        ("remove the one on the left", PAIR, "a pink umbrella in the snow"),
        ("make the right one a dog", PAIR, "a dog next to a yellow tulip in the snow"),
        ("put a duck to the left of the cat", "a cat in the snow", "a cat next to a duck in the snow"),
        ("make the tulip red", PAIR, "a red umbrella next to a yellow tulip in the snow"),
        ("remove the tulip", PAIR, "a pink umbrella next to a pink umbrella in the snow"),
        ("turn the cat into a dog", "a cat in the snow", "a kgon in the snow"),
        ("make the umbrella blue and the tulip red", PAIR, "a red umbrella next to a blue tulip in the snow"),
        ("add a blue balloon", "an orange book in the snow", "a blue book next to a blue balloon in the snow"),
        ("make the background blue", "a red cap in the snow", "a blue cap on a blue background"),
        ("let a dog join the cat", "a cat in the snow", "a dog next to a join in the snow"),
        ("let a dog join the cat", "a cat in the snow", "a dog in the snow"),
        ("turn the umbrella into a dog", PAIR, "a yellow tulip next to a dog in the snow"),
    ],
)
def test_the_wrong_thing_is_not_done(instruction: str, caption: str, after: str) -> None:
    captions = asked(instruction, caption, after)
    assert captions.outcome == "not understood"
    assert captions.note


@pytest.mark.parametrize(
    ("instruction", "caption", "note"),
    [
        ("make the red apple red", "a red apple in the snow", "The picture shows that already"),
        ("remove the dog", "a cat in the snow", "There is no dog in the picture"),
        ("make the cat blue", "a dog in the snow", "There is no cat in the picture"),
        ("remove it", "a cat in the snow", "The cat is all that the picture shows"),
        ("make the cap turquoise", "a red cap in the snow", "do not know the word 'turquoise'"),
        ("mach die Katze zu einem Hund", "a cat in the snow", "I did not understand this"),
        ("nice picture!", "a cat in the snow", "I did not understand this"),
    ],
)
def test_why_nothing_changes_is_said(instruction: str, caption: str, note: str) -> None:
    captions = asked(instruction, caption, caption)
    assert captions.outcome == "not understood"
    assert note in captions.note
    assert captions.note.endswith("nothing was changed.")


def test_what_has_one_look_is_not_painted() -> None:
    captions = asked("make it red", "a cat in the snow", "a red cat in the snow")
    assert captions.outcome == "not understood"
    assert captions.note == (
        "I understood 'a red cat in the snow', but the models of this family know a cat in its own colour only; "
        "nothing was changed."
    )


def test_what_was_understood_is_said_where_a_word_is_not_known() -> None:
    captions = asked("turn the cat into a dragon", "a cat in the snow", "a dragon in the snow")
    assert captions.after == ("a dragon in the snow",)
    assert captions.note == (
        "I understood 'a dragon in the snow', but the models of this family do not know the word 'dragon'; "
        "nothing was changed."
    )


@pytest.mark.parametrize("lexicon", [WORLD, None])
@pytest.mark.parametrize(
    ("instruction", "note"),
    [
        ("what is this?", "asks about the picture"),
        ("how many animals are there?", "asks about the picture"),
        ("Caption 1: a dog on the beach", "--before and --after"),
        ("make it red After transformation Caption 1: a pizza", "--before and --after"),
    ],
)
def test_no_instruction_is_turned_away(instruction: str, note: str, lexicon: object) -> None:
    assert note in read_wish(instruction, "a cat in the snow", WORLD if lexicon else None).refusal


@pytest.mark.parametrize(
    "instruction", ["what if it was red?", "what about a red one?", "why not make it red?", "how about a dog?"]
)
def test_a_change_in_the_form_of_a_question_is_none(instruction: str) -> None:
    assert not read_wish(instruction, "a cat in the snow", None).refusal


def test_it_among_two_is_a_question() -> None:
    caption = "a red apple next to a red car on the beach"
    captions = asked("make it blue", caption, "a blue apple next to a red car on the beach")
    assert captions.question == "Which one do you mean: the red apple or the red car?"
    assert captions.candidates == ("the red apple", "the red car")
    assert (captions.outcome, captions.kind) == ("complied", "recolour")
    assert captions.note == "I took 'it' to be the red apple; it could also be the red car."


def test_an_answer_settles_the_question() -> None:
    reply = "\nAfter transformation\n\nCaption 1: a red apple next to a blue car on the beach\n"
    captions = Rewriter(Scripted(reply), (), WORLD).rewrite(
        "make it blue", "a red apple next to a red car on the beach", RewritingOptions(shots=0), answer="the red car"
    )
    assert (captions.outcome, captions.question, captions.note) == ("complied", "", "")
    assert captions.prompt is not None
    assert "'make the red car blue'" in captions.prompt


def test_the_likeliest_is_the_one_that_would_change() -> None:
    wish = read_wish("make it red", "a red apple next to a blue car on the beach", WORLD)
    assert wish.text == "make the blue car red"


def test_an_answer_takes_the_place_of_what_was_open() -> None:
    wish = read_wish("make it blue", "a red apple next to a red car on the beach", WORLD, answer="the red car")
    assert (wish.text, wish.question, wish.note) == ("make the red car blue", None, "")


@pytest.mark.parametrize(
    ("instruction", "caption"),
    [
        ("make it blue", "a red apple on the beach"),
        ("put it on the beach", "a red apple next to a red car in the snow"),
        ("make the apple a car and make it blue", "a red apple next to a cat in the snow"),
        ("remove that red car", "a red apple next to a red car in the snow"),
        ("make it a dog instead of an apple", "a red apple next to a red car in the snow"),
    ],
)
def test_no_question_where_nothing_is_open(instruction: str, caption: str) -> None:
    assert read_wish(instruction, caption, WORLD).question is None


def test_photographs_get_the_question_too() -> None:
    question = read_wish("make it a dog", "A man riding a horse on a beach.", None).question
    assert question is not None
    assert question.candidates == ("the man", "the horse")


def test_the_paper_sends_what_was_typed() -> None:
    typed = "PLEASE make it BLUE!!"
    assert read_wish(typed, "a red apple next to a red car on the beach", WORLD, as_typed=True).text == typed


def test_a_noun_that_fits_two_is_a_question() -> None:
    wish = read_wish("remove the flower", "a red tulip next to a sunflower in the snow", WORLD)
    assert wish.question is not None
    assert wish.question.candidates == ("the red tulip", "the sunflower")
    assert read_wish("remove the dog", "a brown dog and a white dog on a sofa", None).question is not None
    assert read_wish("remove the white dog", "a brown dog and a white dog on a sofa", None).question is None


def test_pairs_that_do_not_do_it_are_left_out() -> None:
    reply = (
        "Caption 2: a photo of a cat in the snow\n\nAfter transformation\n\n"
        "Caption 1: a dog in the snow\nCaption 2: a photo of a cow in the snow\n"
    )
    captions = Rewriter(Scripted(reply), (), WORLD).rewrite(
        "make the cat a dog", "a cat in the snow", RewritingOptions(shots=0, captions=2, attempts=1)
    )
    assert (captions.outcome, captions.after) == ("partial", ("a dog in the snow",))
    assert captions.note == "Of the 2 pairs of captions that were asked for, 1 could be used."


def test_photographs_get_the_benefit_of_the_doubt() -> None:
    for example in load_pool("photographs"):
        wish = read_wish(example.instruction, example.before[0], None)
        assert not wish.refusal
        found = judged(wish, example.before, example.after, None)
        assert (found.after, found.problem, found.note) == (example.after, "", ""), example


def test_captions_that_change_nothing_are_no_edit_of_a_photograph() -> None:
    assert judge("make the dog bigger", "A dog on a sofa.", "a dog on a sofa", None).problem
    already = judge("make the dog brown", "a brown dog on a sofa", "a brown dog on a sofa", None).problem
    assert already == "The picture shows that already (a brown dog on a sofa); nothing was changed."
    assert judge("remove the dog", "a dog on a sofa", "a black dog on a sofa", None).note


@pytest.mark.parametrize(
    ("instruction", "before", "after", "kind"),
    [
        ("make the cat a dog", "a cat in the snow", "a dog in the snow", "replace"),
        ("make it red", "a blue cap in the snow", "a red cap in the snow", "recolour"),
        ("put it on the beach", "a cat in the snow", "a cat on the beach", "background"),
        ("add a dog", "a cat in the snow", "a cat next to a dog in the snow", "add"),
        ("remove the tulip", PAIR, "a pink umbrella in the snow", "remove"),
        ("make the cat a dog on the beach", "a cat in the snow", "a dog on the beach", "replace+background"),
        ("swap them", PAIR, "a yellow tulip next to a pink umbrella in the snow", "other"),
    ],
)
def test_kinds(instruction: str, before: str, after: str, kind: str) -> None:
    assert kind_of(instruction, before, after, WORLD) == kind


def test_a_style_is_a_kind_of_its_own() -> None:
    assert kind_of("make it a watercolor painting", "A dog.", "A watercolor painting of a dog.") == "style"


@pytest.mark.parametrize(
    ("instruction", "painted"),
    [
        ("make the red cap blue", {"red": {"cap"}, "blue": {"cap"}}),
        ("make the cap blue and the tulip red", {"blue": {"cap"}, "red": {"tulip"}}),
        ("make the cap and the tulip red", {"red": {"cap", "tulip"}}),
        ("make it red", {}),
        ("replace the blue cap with a red one", {"blue": {"cap"}, "red": {"cap"}}),
        ("make it red and the background blue", {"blue": {"background"}}),
    ],
)
def test_what_colours_belong_to(instruction: str, painted: dict[str, set[str]]) -> None:
    assert painted_things(instruction, WORLD) == painted


def test_what_a_caption_shows() -> None:
    shown = shown_in("A photo of two men riding a big horse in a green field.")
    assert [str(thing) for thing in shown.things] == ["men", "big horse"]
    assert shown.place == ("green", "field")


def test_callers_decide_by_an_error() -> None:
    captions = asked("remove the dog", "a cat in the snow", "a cat in the snow")
    with pytest.raises(NotUnderstoodError, match="There is no dog in the picture") as caught:
        check_understood(captions)
    assert caught.value.captions is captions
    check_understood(forced(captions))
    assert forced(captions).outcome == "fallback"
    check_understood(asked("make the cat a dog", "a cat in the snow", "a dog in the snow"))
