"""A language model behind an endpoint: what is sent, what servers need not know, and every failure in one sentence."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import Any

import pytest

pytest.importorskip("openai")

from pix2pix_onthefly.errors import LanguageModelError, RefusedAnswerError
from pix2pix_onthefly.language.endpoint import EndpointModel
from pix2pix_onthefly.language.language_model import Sampling
from pix2pix_onthefly.language.prompts import ASSISTANT, USER, Message
from pix2pix_onthefly.rewriting.json_form import reply_schema
from tests.language.serving import Reply, complaint, completion, free_port, odd_server

SAMPLING = Sampling(room=50, seed=3, schema=reply_schema(1, locked=True))
PROMPT = (Message(USER, "one"), Message(ASSISTANT, "two"), Message(USER, "make it red"))
GOOD = completion("a red dog")


def model(address: str, *, key: str = "", seconds: float = 20.0) -> EndpointModel:
    return EndpointModel(address, "small", key=key, seconds=seconds)


@pytest.fixture(autouse=True)
def _no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    """The client's pauses before it tries again."""
    monkeypatch.setattr("openai._base_client.BaseClient._calculate_retry_timeout", lambda *_, **__: 0.0)


def test_a_conversation_is_sent_with_all_that_it_depends_on() -> None:
    with odd_server(lambda _: GOOD) as server:
        assert model(server.address, key="secret").complete(PROMPT, SAMPLING) == "a red dog"
    (sent,) = server.requests
    assert [turn["content"] for turn in sent["messages"]] == ["one", "two", "make it red"]
    assert [turn["role"] for turn in sent["messages"]] == ["user", "assistant", "user"]
    assert (sent["model"], sent["max_tokens"], sent["seed"], sent["temperature"]) == ("small", 50, 3, 0.0)
    assert sent["response_format"]["json_schema"]["schema"] == SAMPLING.schema
    assert sent["chat_template_kwargs"] == {"enable_thinking": False}
    assert server.keys == ["Bearer secret"]


def test_an_answer_that_is_left_free_asks_for_no_schema() -> None:
    with odd_server(lambda _: GOOD) as server:
        model(server.address).complete(PROMPT, replace(SAMPLING, schema=None))
    assert "response_format" not in server.requests[0]


@pytest.mark.parametrize(
    ("unknown", "said", "status"),
    [
        ("response_format", "response_format is not supported", 400),
        ("response_format", "bad request", 422),
        ("chat_template_kwargs", "Unrecognized request argument supplied: chat_template_kwargs", 400),
        ("temperature", "Unsupported value: 'temperature' does not support 0.0 with this model", 400),
        ("seed", "seed: extra inputs are not permitted", 422),
        ("max_tokens", "'max_tokens' is not supported; use 'max_completion_tokens' instead", 400),
    ],
)
def test_what_a_server_refuses_is_left_out_from_then_on(unknown: str, said: str, status: int) -> None:
    with odd_server(lambda body: complaint(status, said) if unknown in body else GOOD) as server:
        asked = model(server.address)
        assert asked.can_constrain
        assert [asked.complete(PROMPT, SAMPLING) for _ in range(2)] == ["a red dog"] * 2
    assert [unknown in body for body in server.requests] == [True, False, False]
    assert asked.can_constrain is (unknown != "response_format")
    assert all(body.get("max_tokens", body.get("max_completion_tokens")) == 50 for body in server.requests)


def test_a_request_that_is_refused_for_itself_costs_the_model_nothing() -> None:
    """Too long a prompt says nothing about schemas."""
    with odd_server(lambda body: complaint(400, "too many tokens") if "long" in str(body) else GOOD) as server:
        asked = model(server.address)
        with pytest.raises(LanguageModelError, match=r"refuses the request \(400: too many tokens\).*lower --shots"):
            asked.complete("long", SAMPLING)
        assert asked.can_constrain
        assert asked.complete(PROMPT, SAMPLING) == "a red dog"
    assert "response_format" in server.requests[-1]


def test_thoughts_before_an_answer_are_no_part_of_it() -> None:
    with odd_server(lambda _: completion("<think>\nred, they say\n</think>\n\na red dog")) as server:
        assert model(server.address).complete(PROMPT, SAMPLING) == "a red dog"


def test_the_server_is_tried_once_more_after_a_failure_of_the_moment() -> None:
    answers = iter([complaint(429, "slow down"), GOOD, complaint(503, "loading"), GOOD])
    with odd_server(lambda _: next(answers)) as server:
        asked = model(server.address)
        assert [asked.complete(PROMPT, SAMPLING) for _ in range(2)] == ["a red dog"] * 2


def late(_: dict[str, Any]) -> Reply:
    time.sleep(1.0)
    return GOOD


FAILURES: dict[str, tuple[Any, str]] = {
    "time-out": (late, r"did not answer within 0\.2 seconds; .*--language-model-timeout"),
    "no key": (lambda _: complaint(401, "who are you"), "wants a key; set .*ONTHEFLY_LANGUAGE_MODEL_KEY"),
    "no model": (lambda _: complaint(404, "no such model"), "knows no model 'small'.*--language-model-name"),
    "quota": (
        lambda _: complaint(429, "You exceeded your quota."),
        r"\(429: You exceeded your quota\); try again later",
    ),
    "fault": (lambda _: (500, "<html>oops</html>"), r"has failed \(500\); look at its log"),
    "web page": (lambda _: (200, "<html>Welcome</html>"), "does not answer as an OpenAI-compatible one; .*/v1"),
    "not json": (lambda _: (200, {"answer": 42}), "does not answer as an OpenAI-compatible one"),
    "no choices": (lambda _: (200, {"choices": []}), "does not answer as an OpenAI-compatible one"),
    "odd choices": (lambda _: (200, {"choices": ["x"]}), "does not answer as an OpenAI-compatible one"),
    "filter": (lambda _: completion("", reason="content_filter"), "refuses to answer; say it in other words"),
    "refusal": (lambda _: completion(None, refusal="I can't."), r"refuses to answer \(I can't\);"),
    "empty": (lambda _: completion(" \n"), "has written nothing; try another seed"),
    "thought": (lambda _: completion("", reason="length"), "thought for too long; switch its thinking off"),
}


REFUSALS = {"filter", "refusal", "empty", "thought"}


@pytest.mark.parametrize("name", FAILURES)
def test_a_failure_is_one_sentence_with_what_to_do(name: str) -> None:
    answer, sentence = FAILURES[name]
    kind = RefusedAnswerError if name in REFUSALS else LanguageModelError
    with odd_server(answer) as server:
        asked = model(server.address, seconds=0.2 if answer is late else 20.0)
        with pytest.raises(kind, match=sentence) as found:
            asked.complete(PROMPT, SAMPLING)
    assert "\n" not in str(found.value)


def test_a_key_that_is_refused_is_told_of_and_not_shown() -> None:
    with (
        odd_server(lambda _: complaint(401, "Incorrect API key provided: secret")) as server,
        pytest.raises(LanguageModelError, match="refuses the key; set") as found,
    ):
        model(server.address, key="secret").complete(PROMPT, SAMPLING)
    assert "secret" not in str(found.value)


def test_a_dead_server_is_told_of() -> None:
    with pytest.raises(LanguageModelError, match="cannot be reached; start it, or correct --language-model"):
        model(f"http://127.0.0.1:{free_port()}/v1").complete(PROMPT, SAMPLING)
