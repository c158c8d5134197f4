"""The reply parser on answers in the form of the paper's Fig. 5, and on what language models make of it."""

from __future__ import annotations

import random
from dataclasses import dataclass

import pytest

from pix2pix_onthefly.rewriting.formats import expected_reply
from pix2pix_onthefly.rewriting.full_stop import without_full_stop
from pix2pix_onthefly.rewriting.replies import LONGEST_CAPTION, ParsedReply, parse_reply
from pix2pix_onthefly.world.captions import STYLES, describe
from pix2pix_onthefly.world.instructions import EDIT_TYPES, sample_edit

A = "\nAfter transformation\n\n"
NO_AFTER = "the header 'After transformation' is missing"
SAME = "the captions after the transformation are those before it"


@dataclass(frozen=True)
class Odd:
    """A reply with what should be read from it. `locked` is what the prompt gave as caption 1."""

    name: str
    reply: str
    before: tuple[str, ...] = ("a dog",)
    after: tuple[str, ...] = ("a cat",)
    problems: tuple[str, ...] = ()
    count: int = 1
    locked: str | None = "a dog"


def two(name: str, reply: str, before: str, after: str, *problems: str, locked: str | None = None) -> Odd:
    """A case with two captions asked for; captions are given as one text, parted by bars."""
    return Odd(name, reply, _parts(before), _parts(after), problems, 2, locked)


def _parts(text: str) -> tuple[str, ...]:
    return tuple(text.split("|")) if text else ()


B2 = " a dog\nCaption 2: a puppy\n"
A2 = A + "Caption 1: a cat\nCaption 2: a kitten\n"
LONG = "x" * (LONGEST_CAPTION + 1)

HARMLESS = [
    Odd("the paper's form", A + "Caption 1: a cat\n"),
    two("Fig. 5", " A dog.\nCaption 2: A puppy.\n\nAfter transformation\n\nCaption 1: A cat.\nCaption 2: A kitten.",
        "A dog.|A puppy.", "A cat.|A kitten."),
    two("Fig. 5 without empty lines", " a dog\nCaption 2: a puppy\nAfter transformation\nCaption 1: a cat\n"
        "Caption 2: a kitten", "a dog|a puppy", "a cat|a kitten"),
    Odd("full stops stay", A + "Caption 1: A cat. On a sofa.", after=("A cat. On a sofa.",)),
    Odd("lower case header", "after transformation\nCaption 1: a cat"),
    Odd("upper case header", "AFTER TRANSFORMATION\nCAPTION 1: a cat"),
    Odd("header with a colon", "After transformation:\nCaption 1: a cat"),
    Odd("header with an article", "After the transformation:\nCaption 1: a cat"),
    Odd("bold header", "**After transformation:**\n**Caption 1:** a cat"),
    Odd("bold header, colon outside", "**After transformation**:\n**Caption 1**: a cat"),
    Odd("hash header", "### After Transformation\nCaption 1: a cat"),
    Odd("bulleted header", "- After transformation:\n  - Caption 1: a cat"),
    Odd("header twice", A + A + "Caption 1: a cat"),
    Odd("header and caption on one line", "After transformation: Caption 1: a cat"),
    Odd("indented with spaces and tabs", "   After   transformation\n\t Caption  1 :   a    cat  "),
    Odd("windows line ends", "After transformation\r\nCaption 1: a cat\r\n"),
    Odd("blank lines between", "\n\nAfter transformation\n\n\nCaption 1: a cat\n\n"),
    Odd("code fence", "```\nAfter transformation\nCaption 1: a cat\n```"),
    Odd("caption with a dash", A + "Caption 1 - a cat"),
    Odd("caption without a number", A + "Caption: a cat"),
    Odd("number and stop", A + "1. a cat"),
    Odd("number and bracket", A + "1) a cat"),
    Odd("number in brackets", A + "(1) a cat"),
    Odd("dash list", A + "- a cat"),
    Odd("star list", A + "* a cat"),
    Odd("numbered and named", A + "1. Caption 1: a cat"),
    Odd("double quotes", A + 'Caption 1: "a cat"'),
    Odd("stop within quotes", A + 'Caption 1: "a cat."', after=("a cat.",)),
    Odd("typographic quotes", A + "Caption 1: “a cat”"),
    Odd("control characters", A + "Caption 1: a\x00 \x07cat"),
    Odd("greeting before the answer", "Sure! Here it is.\n" + A + "Caption 1: a cat"),
    Odd("talk behind the answer", A + "Caption 1: a cat\n\nI hope this helps!"),
    Odd("rule below the answer", A + "Caption 1: a cat\n---\n"),
    Odd("run-on request", A + "Caption 1: a cat\n\nInstruct: Given\nOutput: Before transformation\n\nCaption 1: hen"),
    Odd("bold run-on request", A + "Caption 1: a cat\n**Instruct:** add a hat\nCaption 2: a hen"),
    Odd("second answer", A + "Caption 1: a cat\n\nBefore transformation\n\nCaption 1: hen\n" + A + "Caption 1: owl"),
    Odd("second after section", A + "Caption 1: a cat\n" + A + "Caption 1: an owl"),
    Odd("whole answer restated", "Before transformation\n\nCaption 1: A dog.\n" + A + "Caption 1: a cat"),
    Odd("locked caption restated", "Caption 1: a dog\n" + A + "Caption 1: a cat"),
    two("whole answer begun anew", f"\nBefore transformation\n\nCaption 1:{B2}{A2}", "a dog|a puppy", "a cat|a kitten"),
    two("caption 1 begun anew", f"Caption 1:{B2}{A2}", "a dog|a puppy", "a cat|a kitten"),
    two("first caption on the next line", f"\n{B2}{A2}", "a dog|a puppy", "a cat|a kitten"),
    two("first caption in quotes", f' "a dog"\nCaption 2: "a puppy"\n{A2}', "a dog|a puppy", "a cat|a kitten"),
    Odd("colon in the caption", A + "Caption 1: a sign: no dogs: ever", after=("a sign: no dogs: ever",)),
    Odd("quotes inside", A + 'Caption 1: a sign that says "stop"', after=('a sign that says "stop"',)),
    Odd("quotes at both ends", A + 'Caption 1: "stop" beside "go"', after=('"stop" beside "go"',)),
    Odd("apostrophe within quotes", A + "Caption 1: 'the dog's bone'", after=("the dog's bone",)),
    Odd("word doubled", A + "Caption 1: a very very very very big cat", after=("a very very very very big cat",)),
    Odd("not latin", A + "Caption 1: 一只猫", after=("一只猫",)),
    Odd("locked caption with a colon", A + "Caption 1: a cat", before=("a sign: dog",), locked="a sign: dog"),
    Odd("exactly the longest", A + "Caption 1: " + LONG[1:], after=(LONG[1:],)),
]  # fmt: skip

AMISS = [
    Odd("nothing", "", after=(), problems=("the reply is empty",)),
    Odd("white space", " \n\t\n", after=(), problems=("the reply is empty",)),
    Odd("run-on at once", "\nInstruct: add a hat\n" + A + "Caption 1: a hen", after=(), problems=(NO_AFTER,)),
    two("run-on at once, nothing locked", "\nInstruct: add a hat\n" + A2, "", "", "before: no caption instead of 2",
        NO_AFTER),
    Odd("prose", "The dog turns into a cat.", after=(), problems=(NO_AFTER,)),
    Odd("prose, nothing locked", " The dog turns into a cat.", ("The dog turns into a cat.",), (), (NO_AFTER,),
        locked=None),
    Odd("caption without header", "a cat", after=(), problems=(NO_AFTER,)),
    Odd("header alone", A, after=(), problems=("after: no caption instead of 1",)),
    Odd("bare text below the header", A + "a cat", after=(), problems=("after: no caption instead of 1",)),
    Odd("empty caption", A + "Caption 1:", after=(), problems=("after: caption 1 is empty",)),
    Odd("caption of dots", A + "Caption 1: ...", after=(), problems=("after: caption 1 is empty",)),
    Odd("caption of quotes", A + 'Caption 1: ""', after=(), problems=("after: caption 1 is empty",)),
    Odd("too long", A + "Caption 1: " + LONG, after=(), problems=("after: caption 1 is longer than 300 characters",)),
    Odd("loop", A + "Caption 1: a " + "dai " * 99, after=(),
        problems=("after: caption 1 repeats 'dai' over and over",)),
    Odd("loop with commas", A + "Caption 1: big, big, big, big, Big cat", after=(),
        problems=("after: caption 1 repeats 'big' over and over",)),
    Odd("loop of three words", A + "Caption 1: a cat" + " and a cat" * 5, after=(),
        problems=("after: caption 1 repeats 'a cat and' over and over",)),
    Odd("loop without a caption", "dai " * 300, after=(),
        problems=("the reply repeats 'dai' over and over", NO_AFTER)),
    Odd("unchanged but for a full stop", A + "Caption 1: A dog.", after=("A dog.",), problems=(SAME,)),
    Odd("wrong number", A + "Caption 2: a cat", problems=("after: caption 2 stands where caption 1 was due",)),
    Odd("monstrous number", A + f"Caption {'9' * 5000}: a cat",
        problems=("after: caption 999999 stands where caption 1 was due",)),
    Odd("one too many after", A + "Caption 1: a cat\nCaption 2: a hen",
        problems=("after: 2 captions instead of 1, the extra ones were cut",)),
    Odd("one too many before", "Caption 2: a hen\n" + A + "Caption 1: a cat",
        problems=("before: 2 captions instead of 1, the extra ones were cut",)),
    Odd("another caption 1 than the locked one", "Caption 1: a hen\n" + A + "Caption 1: a cat",
        problems=("before: 2 captions instead of 1, the extra ones were cut",)),
    Odd("caption broken in two", A + "Caption 1: a cat\non a sofa",
        problems=("the line 'on a sofa' below a caption is neither a caption nor a header",)),
    two("no header between", B2 + "Caption 1: a cat\nCaption 2: a kitten", "a dog|a puppy", "",
        "before: 4 captions instead of 2, the extra ones were cut", NO_AFTER),
    two("sections swapped", A2 + "\nBefore transformation\n\nCaption 1:" + B2, "", "a cat|a kitten",
        "before: no caption instead of 2"),
    two("before too short", " a dog\n" + A2, "a dog", "a cat|a kitten", "before: 1 caption instead of 2"),
    two("after too short", B2 + A + "Caption 1: a cat", "a dog|a puppy", "a cat", "after: 1 caption instead of 2"),
    two("cut in the middle of a header", B2 + "After transf", "a dog|a puppy", "",
        "the line 'After transf' below a caption is neither a caption nor a header", NO_AFTER),
    two("repeated caption", " a dog\nCaption 2: A dog.\n" + A2, "a dog", "a cat|a kitten",
        "before: caption 2 repeats caption 1"),
    two("locked caption repeated", "Caption 2: a dog\n" + A2, "a dog", "a cat|a kitten",
        "before: caption 2 repeats caption 1", locked="a dog"),
    two("first one empty", "\nCaption 2: a puppy\n" + A2, "a puppy", "a cat|a kitten",
        "before: caption 2 stands where caption 1 was due", "before: 1 caption instead of 2"),
    two("numbers swapped", "Caption 2: a dog\nCaption 1: a puppy\n" + A2, "a dog|a puppy", "a cat|a kitten",
        "before: caption 2 stands where caption 1 was due", "before: caption 1 stands where caption 2 was due"),
    two("numbers go on", B2 + A + "Caption 3: a cat\nCaption 4: a kitten", "a dog|a puppy", "a cat|a kitten",
        "after: caption 3 stands where caption 1 was due", "after: caption 4 stands where caption 2 was due"),
    two("both unchanged", B2 + A + "Caption 1:" + B2, "a dog|a puppy", "a dog|a puppy", SAME),
    two("pair by pair", " a dog\n" + A + "Caption 1: a cat\nBefore transformation\n\nCaption 2: a puppy",
        "a dog", "a cat", "before: 1 caption instead of 2", "after: 1 caption instead of 2"),
]  # fmt: skip


@pytest.mark.parametrize("case", HARMLESS + AMISS, ids=lambda case: case.name)
def test_odd_reply(case: Odd) -> None:
    parsed = parse_reply(case.reply, count=case.count, first_caption=case.locked)
    assert parsed == ParsedReply(case.before, case.after, case.problems)


def test_one_of_two_unchanged_is_no_problem() -> None:
    reply = B2 + A + "Caption 1: a dog\nCaption 2: a kitten"
    assert parse_reply(reply, count=2, first_caption=None) == ParsedReply(
        ("a dog", "a puppy"), ("a dog", "a kitten"), ()
    )


@pytest.mark.parametrize("locked", [True, False], ids=["locked", "unlocked"])
@pytest.mark.parametrize("count", [1, 2, 4])
def test_well_formed_reply(count: int, locked: bool) -> None:
    before = ("A dog.", "a dog: the best friend", "a photo of a dog", "one dog")[:count]
    after = ("A cat.", "a cat: the best friend", "a photo of a cat", "one cat")[:count]
    reply = expected_reply(before, after, locked=locked)
    assert parse_reply(reply, count=count, first_caption=before[0] if locked else None) == ParsedReply(
        before, after, ()
    )


@pytest.mark.parametrize("index", range(200))
def test_expected_replies_about_the_world_parse_cleanly(index: int) -> None:
    rng = random.Random(index)
    edit = sample_edit(rng, EDIT_TYPES[index % len(EDIT_TYPES)], seen=rng.random() < 0.5)
    styles = rng.sample(range(len(STYLES)), rng.randint(1, len(STYLES)))
    before = tuple(describe(edit.source, style) for style in styles)
    after = tuple(describe(edit.target, style) for style in styles)
    locked = rng.random() < 0.5
    reply = expected_reply(before, after, locked=locked)
    parsed = parse_reply(reply, count=len(styles), first_caption=before[0] if locked else None)
    assert parsed == ParsedReply(before, after, ())


def test_no_reply_makes_the_parser_raise() -> None:
    rng = random.Random(0)
    pieces = "Caption/1/2/:/\n/./-/*/\"/'/a/dog/After transformation/Before/Instruct:/\0/\ud800/²/٣/(/)/_/ ".split("/")
    for _ in range(2000):
        reply = "".join(rng.choice(pieces) for _ in range(rng.randint(0, 40)))
        parsed = parse_reply(reply, count=rng.randint(1, 3), first_caption=rng.choice([None, "a dog", "", "\n"]))
        assert len(parsed.after) <= 3


@pytest.mark.parametrize(
    "piece", ["\n", " ", "-", "#", "1. ", "a ", "(", '"', "Caption 1: ", "Before transformation: "]
)
def test_long_replies_take_no_long_time(piece: str) -> None:
    assert parse_reply(piece * 20_000, count=4, first_caption=None).problems


@pytest.mark.parametrize(
    ("caption", "bare"),
    [("A cat.", "A cat"), ("a cat", "a cat"), ("A cat. ", "A cat"), ("a cat...", "a cat"), ("...", "..."), ("", "")],
)
def test_without_full_stop(caption: str, bare: str) -> None:
    assert without_full_stop(caption) == bare
