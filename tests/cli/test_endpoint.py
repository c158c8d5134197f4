"""The command line with a language model behind an endpoint: a real server on this machine, and ones that fail."""

from __future__ import annotations

import json
from collections.abc import Generator
from pathlib import Path

import pytest

pytest.importorskip("openai")

from pix2pix_onthefly.cli.requests import EditRequest
from pix2pix_onthefly.editor import Editor
from pix2pix_onthefly.errors import InputError, LanguageModelError, RefusedAnswerError
from pix2pix_onthefly.pictures.saving import read_recipe
from pix2pix_onthefly.records import EditResult
from pix2pix_onthefly.running.jobs import Job
from pix2pix_onthefly.world.renderer import render
from pix2pix_onthefly.world.scenes import Scene, SceneObject
from tests.cli import helpers as cli_helpers
from tests.cli.helpers import QUICK, onthefly, said
from tests.language.serving import (
    Reply,
    complaint,
    completion,
    free_port,
    odd_server,
    save_chat_model,
    transformers_serve,
)
from tests.saved_models import picture

here = cli_helpers.here  # a fixture is found by its name in the module of the tests

ANSWER = completion(json.dumps({"After transformation": {"Caption 1:": "a dog on the beach"}}))
CAPTION = ("--caption", "a cat on the beach")


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Generator[tuple[str, str]]:
    """Address and name of a model behind `transformers serve`."""
    pytest.importorskip("fastapi")
    pytest.importorskip("uvicorn")
    folder = save_chat_model(tmp_path_factory.mktemp("served") / "mini-chat")
    with transformers_serve(folder) as address:
        yield address, str(folder)


def test_an_edit_through_a_real_server(
    served: tuple[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("ONTHEFLY_LANGUAGE_MODEL_KEY", "key-of-mine")
    render(Scene("beach", (SceneObject("cat", None, 0.5, 0.5, 0.6),)), 128).save("cat.png")
    address, name = served
    models = ("--family", "mini", "--language-model", address, "--language-model-name", name)
    result = onthefly("edit", "cat.png", "make the cat a dog", "--method", "sdedit", "--steps", "3", *models)
    assert result.exit_code == 0, result.output
    recipe = read_recipe("cat-edited.png")
    captions = recipe["captions"]
    assert isinstance(captions, dict)
    assert (captions["outcome"], captions["after"]) == ("complied", ["a dog on the beach"])
    assert "Begin your answer with:" in captions["prompt"]
    assert recipe["models"]["rewriter"] == f"{address}@{name}"  # pyright: ignore
    assert "key-of-mine" not in json.dumps(recipe)


@pytest.mark.parametrize(
    ("answer", "sentence"),
    [
        (complaint(429, "slow down"), "Error: the language model's server ADDRESS takes no more requests"),
        (complaint(401, "who are you"), "Error: the language model's server ADDRESS wants a key; set"),
        (complaint(404, "none such"), "Error: the language model's server ADDRESS knows no model 'small'"),
        ((200, "<html>"), "Error: the language model's server ADDRESS does not answer as an OpenAI-compatible one"),
        (completion("", reason="content_filter"), "Error: the language model small refuses to answer"),
    ],
)
def test_a_failure_is_one_line_and_leaves_no_picture(
    here: Path, answer: Reply, sentence: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("openai._base_client.BaseClient._calculate_retry_timeout", lambda *_, **__: 0.0)
    with odd_server(lambda _: answer) as server:
        models = ("--language-model", server.address, "--language-model-name", "small")
        result = onthefly("edit", "cat.png", "make it a dog", *CAPTION, *QUICK, *models)
    assert result.exit_code == 2
    assert said(result)[-1].startswith(sentence.replace("ADDRESS", server.address))
    assert "Traceback" not in result.output
    assert not Path("cat-edited.png").exists()


def test_a_dead_server_is_one_line(here: Path) -> None:
    address = f"http://127.0.0.1:{free_port()}/v1"
    models = ("--language-model", address, "--language-model-name", "small")
    result = onthefly("rewrite", "make it a dog", *CAPTION, *models)
    assert result.exit_code == 2
    assert said(result)[-1].startswith(f"Error: the language model's server {address} cannot be reached; start it")


def test_a_name_that_is_missing_is_found_before_models_are_loaded(here: Path) -> None:
    result = onthefly("edit", "cat.png", "make it a dog", "--language-model", "http://127.0.0.1:1/v1")
    assert (result.exit_code, len(result.stderr.splitlines())) == (2, 1)
    assert "with --language-model-name" in result.stderr


def test_a_strangers_endpoint_is_asked_only_when_the_user_names_it() -> None:
    recipe: dict[str, object] = {
        "instruction": "make it a dog",
        "caption": "a cat",
        "captions": {"before": ["a cat"], "after": ["a dog"], "outcome": "complied"},
        "options": {"steps": 7},
        "family": "mini",
        "models": {"rewriter": "http://evil.example/v1@big"},
    }
    with pytest.raises(
        InputError, match=r"'big' behind http://evil\.example/v1, which is not asked unless you name it"
    ):
        EditRequest().like(recipe, "x.png", same_picture=True)
    with pytest.raises(InputError, match="not asked unless"):
        EditRequest(models={"language_model_name": "big"}).like(recipe, "x.png", same_picture=True)
    own = {"language_model": "http://evil.example/v1", "language_model_name": "big"}
    assert EditRequest(models=own).like(recipe, "x.png", same_picture=True).models == {"family": "mini", **own}


def test_a_model_that_the_user_names_himself_is_followed() -> None:
    """As the sentence that refuses it advises."""
    recipe: dict[str, object] = {
        "instruction": "make it a dog",
        "caption": "a cat",
        "captions": {"before": ["a cat"], "after": ["a dog"], "outcome": "complied"},
        "options": {},
        "family": "mini",
        "models": {"captioner": "some/model"},
    }
    made = EditRequest(models={"captioner": "some/model"}).like(recipe, "x.png", same_picture=True)
    assert made.models["captioner"] == "some/model"


def test_edits_that_have_their_captions_go_on_when_the_server_fails(
    tiny_family: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("openai._base_client.BaseClient._calculate_retry_timeout", lambda *_, **__: 0.0)

    def answer(body: dict[str, object]) -> Reply:
        asked = str(body["messages"])
        if "blue" in asked:
            return completion(None, refusal="no blue")
        return complaint(500, "gone") if "green" in asked else ANSWER

    with odd_server(answer) as server:
        editor = Editor.load(tiny_family, language_model=server.address, language_model_name="small")
        options = editor.options(method="sdedit", steps=2, size=64, shots=0)
        texts = ("make the cat a dog", "make it blue", "make it green", "make it red")
        jobs = [Job(picture(), text, options, "a cat on the beach") for text in texts]
        results = editor.executor.map(jobs)
    kinds = [EditResult, RefusedAnswerError, LanguageModelError, LanguageModelError]
    assert [type(one) for one in results] == kinds
    assert not any("red" in str(body["messages"]) for body in server.requests)
