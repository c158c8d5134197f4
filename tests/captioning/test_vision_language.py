"""Image-text-to-text models as captioners: loaded from a folder, asked as their kind wants, read as captions."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from pix2pix_onthefly import Editor
from pix2pix_onthefly.captioning.settings import FLORENCE, QUESTION, VISION_LANGUAGE, CaptioningSettings
from pix2pix_onthefly.captioning.vision_language import VisionLanguageCaptioner
from pix2pix_onthefly.errors import OptionError
from pix2pix_onthefly.models import families, loading
from tests.captioning.tiny import save_florence, save_qwen, save_smolvlm
from tests.cli import helpers as cli_helpers
from tests.cli.helpers import onthefly
from tests.saved_models import picture, row_of

here = cli_helpers.here  # a fixture is found by its name in the module of the tests
KINDS: dict[str, Callable[[Path], None]] = {"qwen": save_qwen, "florence": save_florence, "smolvlm": save_smolvlm}
CHATTING = {
    "qwen": f"<|vision_end|>{QUESTION}<|im_end|><|im_start|>",
    "smolvlm": f"{QUESTION}<end_of_utterance>\nAssistant:",
}
"""Those with a chat template, and how a question ends in it."""


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    made = {name: tmp_path_factory.mktemp(name) for name in KINDS}
    for name, save in KINDS.items():
        save(made[name])
    return made


def captioner_in(folder: Path) -> VisionLanguageCaptioner:
    loaded = loading.load_captioner(row_of(folder), torch.device("cpu"), torch.float32)
    assert isinstance(loaded, VisionLanguageCaptioner)
    return loaded


def seen_by(captioner: VisionLanguageCaptioner, monkeypatch: pytest.MonkeyPatch, **asked: Any) -> str:
    """The text that the model gets."""
    noted: list[Any] = []
    original = captioner.model.generate
    monkeypatch.setattr(captioner.model, "generate", lambda **given: noted.append(given) or original(**given))
    captioner.describe(picture(), **asked)
    return captioner.processor.tokenizer.decode(noted[0]["input_ids"][0])


@pytest.mark.parametrize("name", KINDS)
def test_a_captioner_in_a_folder_serves_the_command_line(name: str, folders: dict[str, Path], here: Path) -> None:
    result = onthefly("caption", "cat.png", "--captioner", str(folders[name]))
    assert result.exit_code == 0, result.output
    text = result.stdout.removesuffix("\n")
    assert text == text.lower()
    assert onthefly("caption", "cat.png", "--captioner", str(folders[name])).stdout == result.stdout


def test_each_kind_is_asked_as_it_wants(folders: dict[str, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    """Florence-2's processor makes a sentence of its task token."""
    florence = captioner_in(folders["florence"])
    assert florence.settings == FLORENCE
    assert "Describe in detail what is shown in the image." in seen_by(florence, monkeypatch)
    for name, end in CHATTING.items():
        captioner = captioner_in(folders[name])
        assert captioner.settings == VISION_LANGUAGE
        assert end in seen_by(captioner, monkeypatch)


def test_others_are_given_the_beginning_of_a_caption(folders: dict[str, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    """With neither a task token nor a chat template."""
    loaded = captioner_in(folders["florence"])
    begun = CaptioningSettings(prefix="a picture of", shortest=0, longest=8)
    captioner = VisionLanguageCaptioner(loaded.model, loaded.processor, begun)
    text = seen_by(captioner, monkeypatch).replace(captioner.processor.tokenizer.eos_token, "")
    assert text.removesuffix("</s>").rstrip().endswith("a picture of")


def test_smolvlm_sees_a_picture_in_tiles_without_the_part_for_videos(folders: dict[str, Path]) -> None:
    """Its own way to lay a conversation out asks that part first, which would need torchvision."""
    captioner = captioner_in(folders["smolvlm"])
    assert captioner.processor.video_processor is None
    inputs = captioner._inputs(picture(), None)
    assert inputs["pixel_values"].shape[1] > 1
    assert captioner.describe(picture()) == captioner.describe(picture())


def test_a_captioner_that_chats_is_told_the_instruction(
    folders: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in CHATTING:
        text = seen_by(captioner_in(folders[name]), monkeypatch, instruction="make the cat a dog")
        assert "'make the cat a dog'" in text
        assert "as it is now" in text


def test_others_refuse_to_be_told(folders: dict[str, Path], here: Path) -> None:
    with pytest.raises(OptionError, match=r"cannot be told of the instruction; leave caption_for_instruction out"):
        captioner_in(folders["florence"]).describe(picture(), instruction="make the cat a dog")
    result = onthefly("edit", "cat.png", "make it a dog", "--caption-for-instruction", "--steps", "2", "--size", "64")
    assert result.exit_code == 2
    assert "cannot be told of the instruction" in result.stderr


@pytest.mark.parametrize("name", KINDS)
def test_likelihoods_are_those_of_the_model(name: str, folders: dict[str, Path]) -> None:
    """What the model writes itself is likelier than what it does not, and a picture makes a difference."""
    captioner = captioner_in(folders[name])
    texts = ["a cat on the beach", "a dog on the beach"]
    found = captioner.likelihoods(picture(), texts)
    assert len(found) == 2
    assert all(value < 0 for value in found)
    assert found == pytest.approx([captioner.likelihoods(picture(), [text])[0] for text in texts])
    assert found != pytest.approx(captioner.likelihoods(picture(1), texts), abs=1e-4)


def test_a_likelihood_is_that_of_the_tokens_one_after_the_other(folders: dict[str, Path]) -> None:
    captioner = captioner_in(folders["qwen"])
    inputs = captioner._inputs(picture(), None)
    made = captioner.model.generate(
        **inputs, max_new_tokens=4, do_sample=False, return_dict_in_generate=True, output_logits=True
    )
    ids = made.sequences[0, inputs["input_ids"].shape[1] :]
    expected = [float(logits[0].log_softmax(-1)[token]) for logits, token in zip(made.logits, ids, strict=True)]
    own: Any = captioner.processor.tokenizer
    text = own.decode(ids)
    if own(text, add_special_tokens=False)["input_ids"] == ids.tolist() and not set(ids.tolist()) & set(
        own.all_special_ids
    ):
        assert captioner.likelihoods(picture(), [text])[0] == pytest.approx(sum(expected) / 4, abs=1e-4)
    else:  # what it writes are no letters
        pytest.skip("the random model writes no text")


def test_an_editor_tells_the_captioner_the_instruction_where_that_is_asked_for(
    folders: dict[str, Path], tiny_family: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[Any] = []

    def noting(self: Any, image: Any, progress: Any = None, instruction: str | None = None) -> str:
        told.append(instruction)
        return "a cat"

    monkeypatch.setattr(VisionLanguageCaptioner, "describe", noting)
    editor = Editor.load(tiny_family, captioner=str(folders["qwen"]))
    quick = {"method": "sdedit", "steps": 2, "size": 64, "force": True, "attempts": 1}
    editor.edit_many([picture()] * 2, ["make it a dog", "make it red"], options=editor.options(**quick))
    told_options = editor.options(**quick, caption_for_instruction=True)
    editor.edit_many([picture()] * 3, ["make it a dog", "make it red", "make it red"], options=told_options)
    assert told == [None, "make it a dog", "make it red"]


def test_the_table_names_captioners_with_their_licences() -> None:
    rows = {row.source: row for role, row in families.known_rows() if role == "captioner"}
    assert rows["Qwen/Qwen3-VL-2B-Instruct"].licence == "Apache-2.0"
    assert rows["florence-community/Florence-2-base"].licence == "MIT"
    assert rows["HuggingFaceTB/SmolVLM2-500M-Video-Instruct"].megabytes > 0
