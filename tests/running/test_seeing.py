"""`--rewriter sees-picture`: the captioner sees the picture and writes its caption and those of the edit in one go."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
import torch

from pix2pix_onthefly import Editor
from pix2pix_onthefly.captioning.vision_language import VisionLanguageCaptioner
from pix2pix_onthefly.errors import NotUnderstoodError, OptionError
from pix2pix_onthefly.evaluation.runs.configurations import Configuration
from pix2pix_onthefly.evaluation.runs.setup import name_of
from pix2pix_onthefly.language.prompts import Prompt
from pix2pix_onthefly.language.seeing_model import SeeingModel
from pix2pix_onthefly.models import loading
from pix2pix_onthefly.options import SEES_PICTURE, EditOptions
from pix2pix_onthefly.pictures import saving
from pix2pix_onthefly.records import EditResult
from pix2pix_onthefly.rewriting.formats import FORMATS, Example, build_prompt, expected_reply
from pix2pix_onthefly.rewriting.replies import parse_reply
from pix2pix_onthefly.running.jobs import Job
from tests.captioning.tiny import save_florence, save_qwen, save_smolvlm
from tests.cli import helpers as cli_helpers
from tests.cli.helpers import onthefly, said
from tests.language.tiny import follow_script
from tests.saved_models import picture, row_of

here = cli_helpers.here  # a fixture is found by its name in the module of the tests
CHATTING = {"qwen": save_qwen, "smolvlm": save_smolvlm} if find_spec("num2words") else {"qwen": save_qwen}
WISH = "make it a dog"
REPLY = expected_reply(["a cat on the beach"], ["a dog on the beach"], locked=False)
QUICK: dict[str, Any] = {"rewriter": SEES_PICTURE, "steps": 2, "size": 64, "keep": "off"}


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    made = {name: tmp_path_factory.mktemp(name) for name in (*CHATTING, "florence")}
    for name, save in {**CHATTING, "florence": save_florence}.items():
        save(made[name])
    return made


def editor_with(captioner: Path) -> Editor:
    return Editor.load(device="cpu", captioner=str(captioner))


def captioner_in(folder: Path) -> VisionLanguageCaptioner:
    loaded = loading.load_captioner(row_of(folder), torch.device("cpu"), torch.float32)
    assert isinstance(loaded, VisionLanguageCaptioner)
    return loaded


def answering(monkeypatch: pytest.MonkeyPatch, *replies: str) -> list[str]:
    """From now on models that see answer so, the last reply for ever; gives the texts that they get."""
    asked: list[str] = []

    def complete(self: SeeingModel, prompt: Any, sampling: Any) -> str:
        asked.append(self.layout(prompt))
        return replies[min(len(asked), len(replies)) - 1]

    monkeypatch.setattr(SeeingModel, "complete", complete)
    return asked


@pytest.mark.parametrize("name", CHATTING)
def test_a_true_model_writes_all_captions_and_no_other_is_loaded(
    name: str, folders: dict[str, Path], tiny_family: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its tokens are made likeliest one by one; all else is the model's own way: template, picture, generation."""
    monkeypatch.setattr(loading, "load_rewriter", lambda *_, **__: pytest.fail("the language model was loaded"))
    editor = editor_with(folders[name])
    with editor.models.using("captioner") as captioner:
        assert isinstance(captioner, VisionLanguageCaptioner)
        own: Any = captioner.processor.tokenizer
        follow_script(captioner.model, [*own(REPLY, add_special_tokens=False)["input_ids"], own.eos_token_id])
        monkeypatch.setattr(captioner, "describe", lambda *_, **__: pytest.fail("it was asked for a caption first"))
    made = editor.edit(picture(), WISH, options=editor.options(**QUICK, constrain=False))
    assert made.caption == "a cat on the beach"
    assert (made.captions.before, made.captions.after) == (("a cat on the beach",), ("a dog on the beach",))
    assert made.captions.outcome == "complied"
    assert made.recipe()["options"]["rewriter"] == SEES_PICTURE  # pyright: ignore[reportIndexIssue]


@pytest.mark.parametrize("name", CHATTING)
def test_what_it_writes_depends_on_the_picture(name: str, folders: dict[str, Path]) -> None:
    """A random model's scores of the first word of its answer."""
    captioner, found = captioner_in(folders[name]), []
    for seed in (0, 1):
        model = SeeingModel(captioner.model, captioner.processor, picture(seed))
        inputs = model._inputs(_prompt())
        found.append(captioner.model(**inputs).logits[0, -1].detach())
    assert float((found[0] - found[1]).abs().max()) > 1e-4


def _prompt() -> Prompt:
    shown = Example("make it red", ("a cat",), ("a red cat",))
    return build_prompt(WISH, count=1, examples=[shown], format="picture")


@pytest.mark.parametrize("name", CHATTING)
def test_the_picture_stands_in_the_last_task_and_the_answer_is_begun(name: str, folders: dict[str, Path]) -> None:
    captioner = captioner_in(folders[name])
    text = SeeingModel(captioner.model, captioner.processor, picture()).layout(_prompt())
    mark = {"qwen": "<|image_pad|>", "smolvlm": "<image>"}[name]
    assert text.count(mark) == 1
    assert text.index("make it red") < text.index(mark) < text.index(WISH)
    assert FORMATS["picture"].of_picture in text
    assert text.endswith("Before transformation\n\nCaption 1:")


@pytest.mark.parametrize("name", CHATTING)
def test_a_random_model_can_be_held_to_the_form(name: str, folders: dict[str, Path], tiny_family: str) -> None:
    pytest.importorskip("llguidance")
    editor = editor_with(folders[name])
    options = editor.options(rewriter=SEES_PICTURE, attempts=1, constrain=True, shots=0)
    written = editor.rewrite(WISH, options=options, picture=picture())
    parsed = parse_reply(written.replies[0], count=1, first_caption=None)
    assert not [problem for problem in parsed.problems if "header" in problem or "neither" in problem]


def test_a_caption_that_is_given_is_locked(
    folders: dict[str, Path], tiny_family: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    reply = expected_reply(["my cat"], ["my dog"], locked=True)
    asked = answering(monkeypatch, reply)
    editor = editor_with(folders["qwen"])
    made = editor.edit(picture(), WISH, caption="my cat", options=editor.options(**QUICK))
    assert asked[0].endswith("Caption 1: my cat\n")
    assert (made.caption, made.captions.before, made.captions.after) == ("my cat", ("my cat",), ("my dog",))


def test_a_malformed_answer_is_tried_again(
    folders: dict[str, Path], tiny_family: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = answering(monkeypatch, "I see a cat.", REPLY)
    editor = editor_with(folders["qwen"])
    made = editor.edit(picture(), WISH, options=editor.options(**QUICK, attempts=3))
    assert len(asked) == 2
    assert made.captions.after == ("a dog on the beach",)


def test_answers_that_stay_malformed_end_one_edit_and_no_other(
    folders: dict[str, Path], tiny_family: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    answering(monkeypatch, "no", "no", REPLY)
    editor = editor_with(folders["qwen"])
    options = editor.options(**QUICK, attempts=2)
    failed, made = editor.executor.map([Job(picture(seed), WISH, options) for seed in (0, 1)])
    assert isinstance(failed, NotUnderstoodError)
    assert "\n" not in str(failed)
    assert isinstance(made, EditResult)
    assert made.caption == "a cat on the beach"


def test_methods_that_invert_start_from_its_caption(
    folders: dict[str, Path], tiny_family: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    answering(monkeypatch, REPLY)
    editor = editor_with(folders["qwen"])
    made = editor.edit(picture(), WISH, options=editor.options(method="ddim", **QUICK))
    assert made.caption == "a cat on the beach"


@pytest.mark.parametrize("kind", ["blip", "florence"])
def test_captioners_that_do_not_chat_are_refused(kind: str, folders: dict[str, Path], tiny_family: str) -> None:
    editor = Editor.load(device="cpu") if kind == "blip" else editor_with(folders[kind])
    with pytest.raises(OptionError, match=r"needs a captioner with a chat template.*or leave rewriter out") as error:
        editor.edit(picture(), WISH, options=editor.options(**QUICK))
    assert "\n" not in str(error.value)


def test_without_a_picture_there_is_nothing_to_see(tiny_family: str) -> None:
    editor = Editor.load(device="cpu")
    with pytest.raises(OptionError, match="there is none here; leave rewriter out"):
        editor.rewrite(WISH, options=editor.options(rewriter=SEES_PICTURE))
    result = onthefly("rewrite", WISH, "--rewriter", SEES_PICTURE)
    assert result.exit_code == 2
    assert "there is none here" in result.stderr


def test_it_is_told_the_instruction_anyway() -> None:
    with pytest.raises(OptionError, match="knows the instruction; leave caption_for_instruction out"):
        EditOptions.of(rewriter=SEES_PICTURE, caption_for_instruction=True)


def test_from_the_command_line(folders: dict[str, Path], here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    answering(monkeypatch, REPLY)
    own = ("--rewriter", SEES_PICTURE, "--captioner", str(folders["qwen"]), "--steps", "2", "--size", "64")
    result = onthefly("edit", "cat.png", WISH, *own)
    assert result.exit_code == 0, result.output
    recipe = saving.read_recipe("cat-edited.png")
    assert recipe["caption"] == "a cat on the beach"
    refused = onthefly("edit", "cat.png", WISH, "--rewriter", SEES_PICTURE, "--steps", "2", "-o", "no.png")
    assert refused.exit_code == 2
    assert "needs a captioner with a chat template" in said(refused)[-1]
    assert not Path("no.png").exists()


def test_a_configuration_of_the_evaluation_names_it() -> None:
    plain, seeing = (Configuration(EditOptions().with_changes(**more)) for more in ({}, {"rewriter": SEES_PICTURE}))
    assert seeing.plain()["options"]["rewriter"] == SEES_PICTURE  # pyright: ignore[reportIndexIssue]
    assert SEES_PICTURE in name_of(seeing, {})
    assert SEES_PICTURE not in name_of(plain, {})
