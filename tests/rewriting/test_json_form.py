"""The answer's form as JSON: what a server is held to, and how its replies are read."""

from __future__ import annotations

import json

import pytest

from pix2pix_onthefly.language.prompts import USER, Message
from pix2pix_onthefly.options import RewritingOptions
from pix2pix_onthefly.rewriting.formats import task
from pix2pix_onthefly.rewriting.json_form import as_written, reply_schema
from pix2pix_onthefly.rewriting.replies import parse_reply
from pix2pix_onthefly.rewriting.rewriter import Rewriter
from tests.rewriting.scripted import Scripted

AFTER = {"After transformation": {"Caption 1:": "a red dog", "Caption 2:": "the dog is red"}}
BEFORE = {"Before transformation": {"Caption 1:": "a dog", "Caption 2:": "one dog"}}


def test_the_schema_asks_for_every_caption_and_for_nothing_else() -> None:
    schema = reply_schema(2, locked=False)
    assert schema["required"] == ["Before transformation", "After transformation"]
    for side in schema["properties"].values():
        assert side["required"] == list(side["properties"]) == ["Caption 1:", "Caption 2:"]
        assert side["additionalProperties"] is False


def test_a_locked_caption_is_not_written_again() -> None:
    assert reply_schema(2, locked=True)["properties"]["Before transformation"]["required"] == ["Caption 2:"]
    assert reply_schema(1, locked=True)["required"] == ["After transformation"]


def test_a_reply_in_json_is_read_as_one_in_the_papers_form() -> None:
    free = parse_reply(json.dumps({**BEFORE, **AFTER}), count=2, first_caption=None)
    assert (free.before, free.after) == (("a dog", "one dog"), ("a red dog", "the dog is red"))
    rest = {"Before transformation": {"Caption 2:": "one dog"}}
    locked = parse_reply(json.dumps({**rest, **AFTER}), count=2, first_caption="a dog")
    assert (locked.before, locked.after) == (free.before, free.after)
    assert (free.problems, locked.problems) == ((), ())


def test_what_is_amiss_in_json_is_named_as_elsewhere() -> None:
    read = parse_reply(json.dumps({"After transformation": {"Caption 1:": ""}}), count=1, first_caption="a dog")
    assert read.problems == ("after: caption 1 is empty",)


@pytest.mark.parametrize("reply", ["7", "[1]", '{"a": 1}', '{"After transformation"', "Caption 1: {}", "[" * 20000])
def test_any_other_reply_stays_as_it_is(reply: str) -> None:
    assert as_written(reply) == reply


@pytest.mark.parametrize("side", ["null", "[]", '"a dog"', '{"Caption 1:": null}', '{"Caption 1:": {"a": [1]}}'])
def test_odd_json_is_a_reply_with_problems(side: str) -> None:
    read = parse_reply(f'{{"After transformation": {side}}}', count=1, first_caption="a dog")
    assert read.problems or read.after != ("a dog",)


def test_a_model_that_begins_its_answers_itself_is_asked_to_begin_so() -> None:
    reply = json.dumps({"After transformation": {"Caption 1:": "a red dog"}})
    model = Scripted(reply, has_chat_template=True, begins_answers=False, can_constrain=True)
    captions = Rewriter(model, ()).rewrite("make it red", "a dog", RewritingOptions(shots=0))
    ((prompt, sampling),) = model.calls
    asked = "Begin your answer with:\n\nBefore transformation\n\nCaption 1: a dog"
    assert prompt == (Message(USER, f"{task('make it red', 1, 'terse')}\n\n{asked}"),)
    assert sampling.schema == reply_schema(1, locked=True)
    assert captions.after == ("a red dog",)
