"""Weights from anywhere: what is missing, broken or no such model, or would run code, is refused in one sentence."""

from __future__ import annotations

import json
import pickle
import re
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import huggingface_hub
import pytest
import torch
from safetensors.torch import save_file
from transformers import BlipImageProcessorPil

from pix2pix_onthefly.errors import ModelUnavailableError
from pix2pix_onthefly.models import loading
from pix2pix_onthefly.models.families import ModelRow
from tests.helpers import tiny_diffusion
from tests.saved_models import row_of, save_captioner, save_clip, save_diffusion, save_rewriter

CPU = torch.device("cpu")
LOADERS: dict[str, Callable[[ModelRow], object]] = {
    "diffusion": lambda row: loading.load_diffusion(row, CPU, torch.float32),
    "captioner": lambda row: loading.load_captioner(row, CPU, torch.float32),
    "rewriter": lambda row: loading.load_rewriter(row, "world", CPU, torch.float32),
    "clip": lambda row: loading.load_clip(row, CPU, torch.float32),
}


def assert_one_sentence(row: ModelRow, load: Callable[[ModelRow], object]) -> str:
    """The error is one line that names the row and a way out; it is returned."""
    with pytest.raises(ModelUnavailableError) as caught:
        load(row)
    message = str(caught.value)
    assert row.source in message
    assert "--family mini" in message
    assert "\n" not in message
    assert not re.search(r"\. [A-Z]", message)
    return message


# Weights that would run code


class Harmful:
    """Unpickled, it would write a file."""

    def __init__(self, target: Path) -> None:
        self.target = target

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.write_text, (self.target, "run")


def write_pickle(file: Path, target: Path, *, zipped: bool) -> None:
    content = {"weight": torch.zeros(1), "harm": Harmful(target)}
    if zipped:
        torch.save(content, file)
    else:
        file.write_bytes(pickle.dumps(content, protocol=2))


@pytest.mark.parametrize("zipped", [True, False], ids=["torch's format", "plain pickle"])
@pytest.mark.parametrize("role", ["diffusion", "captioner"])
def test_a_pickle_that_would_run_code_is_refused(tmp_path: Path, role: str, zipped: bool) -> None:
    """In a row that is read from a pickle the code in it does not run, and one sentence says so."""
    folder, target = tmp_path / "weights", tmp_path / "harm.txt"
    if role == "diffusion":
        save_diffusion(tiny_diffusion(), folder, safe_serialization=True)
        (folder / "vae/diffusion_pytorch_model.safetensors").unlink()
        write_pickle(folder / "vae/diffusion_pytorch_model.bin", target, zipped=zipped)
        for name in ("unet/diffusion_pytorch_model", "text_encoder/pytorch_model"):
            write_pickle(folder / f"{name}.bin", target, zipped=zipped)
    else:
        save_captioner(folder, pickled=True)
        write_pickle(folder / "pytorch_model.bin", target, zipped=zipped)
    message = assert_one_sentence(row_of(folder, safetensors=False), LOADERS[role])
    assert "may be harmful" in message
    assert not target.exists()


def test_a_pickle_is_not_read_in_place_of_safetensors(tmp_path: Path) -> None:
    """Only rows that say so are read from a pickle."""
    save_captioner(tmp_path, pickled=True)
    assert "model.safetensors" in assert_one_sentence(row_of(tmp_path), LOADERS["captioner"])


CODE = "from pathlib import Path\nPath({target!r}).write_text('run')\nclass Own: pass\nclass OwnConfig: pass\n"


def demand_code(file: Path, auto_map: dict[str, Any], **more: Any) -> None:
    settings = json.loads(file.read_text()) if file.exists() else {}
    file.write_text(json.dumps({**settings, **more, "auto_map": auto_map}))


@pytest.mark.parametrize("known", [True, False], ids=["known class", "unknown class"])
def test_code_in_a_language_models_folder_never_runs(
    tmp_path: Path, known: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The library's own class is used, or else one sentence refuses the model; nothing is asked on the terminal."""
    folder, target = tmp_path / "weights", tmp_path / "harm.txt"
    save_rewriter(folder)
    (folder / "custom_generate").mkdir()
    for name in ("own.py", "custom_generate/generate.py"):
        (folder / name).write_text(CODE.format(target=str(target)))
    classes = {"AutoConfig": "own.OwnConfig", "AutoModelForCausalLM": "own.Own"}
    demand_code(folder / "config.json", classes, **({} if known else {"model_type": "own"}))
    demand_code(folder / "tokenizer_config.json", {"AutoTokenizer": ["own.Own", "own.Own"]})
    monkeypatch.setattr("builtins.input", lambda *_: "y")
    if known:
        LOADERS["rewriter"](row_of(folder))
    else:
        assert "code of their own" in assert_one_sentence(row_of(folder), LOADERS["rewriter"])
    assert not target.exists()


@pytest.mark.parametrize("role", ["captioner", "clip"])
def test_code_in_other_folders_never_runs(tmp_path: Path, role: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Code that a captioner's or CLIP's settings name is not run."""
    folder, target = tmp_path / "weights", tmp_path / "harm.txt"
    save_captioner(folder, pickled=False) if role == "captioner" else save_clip(folder)
    (folder / "own.py").write_text(CODE.format(target=str(target)))
    both = {"AutoConfig": "own.OwnConfig", "AutoModel": "own.Own", "AutoProcessor": "own.Own"}
    for name in ("config.json", "preprocessor_config.json", "processor_config.json"):
        demand_code(folder / name, {**both, "AutoImageProcessor": "own.Own"})
    demand_code(folder / "tokenizer_config.json", {"AutoTokenizer": ["own.Own", "own.Own"]}, tokenizer_class="Own")
    monkeypatch.setattr("builtins.input", lambda *_: "y")
    with suppress(ModelUnavailableError):
        LOADERS[role](row_of(folder))
    assert not target.exists()


# Weights that are missing


@pytest.mark.parametrize("role", LOADERS)
@pytest.mark.parametrize("exists", [False, True], ids=["missing", "empty"])
def test_missing_folder(tmp_path: Path, role: str, exists: bool) -> None:
    """A folder that is not there, or holds nothing: ModelUnavailableError with one sentence."""
    folder = tmp_path / "weights"
    if exists:
        folder.mkdir()
    assert_one_sentence(row_of(folder), LOADERS[role])


@pytest.mark.parametrize("role", LOADERS)
def test_hub_out_of_reach(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, role: str) -> None:
    """A hub id without a connection and with an empty cache: the same error."""
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path))
    assert_one_sentence(ModelRow("nobody/no-such-model", "none", 0), LOADERS[role])


@pytest.mark.parametrize("part", ["unet", "vae", "text_encoder", "scheduler"])
def test_missing_part(tmp_path: Path, part: str) -> None:
    """A diffusion folder without one of its parts: the same error."""
    folder = save_diffusion(tiny_diffusion(), tmp_path / "weights")
    (folder / part).rename(tmp_path / part)
    assert_one_sentence(row_of(folder), LOADERS["diffusion"])


@pytest.mark.parametrize("role", LOADERS)
def test_missing_vocabulary(tmp_path: Path, role: str) -> None:
    """Weights without a vocabulary, as a download that was cut off leaves them: the same error, where transformers by
    itself makes up an empty tokenizer."""
    if role == "diffusion":
        save_diffusion(tiny_diffusion(), tmp_path)
    elif role == "captioner":
        save_captioner(tmp_path, pickled=False)
    elif role == "clip":
        save_clip(tmp_path)
    else:
        save_rewriter(tmp_path)
    for file in (*tmp_path.glob("token*.json"), *tmp_path.glob("tokenizer/*")):
        file.unlink()
    assert_one_sentence(row_of(tmp_path), LOADERS[role])


# Weights of something else


def test_weights_of_another_network(tmp_path: Path) -> None:
    """Settings of one network with the tensors of another: refused, where the library makes up the missing ones."""
    save_captioner(tmp_path, pickled=False)
    save_file({"something.else": torch.zeros(2)}, tmp_path / "model.safetensors", metadata={"format": "pt"})
    message = assert_one_sentence(row_of(tmp_path), LOADERS["captioner"])
    assert "BlipForConditionalGeneration" in message


@pytest.mark.parametrize("role", ["captioner", "rewriter", "clip"])
def test_a_model_of_another_kind(tmp_path: Path, role: str) -> None:
    """A language model where a captioner is wanted and the like: one sentence."""
    if role == "rewriter":
        save_captioner(tmp_path, pickled=False)
    else:
        save_rewriter(tmp_path)
        BlipImageProcessorPil().save_pretrained(tmp_path)
    assert_one_sentence(row_of(tmp_path), LOADERS[role])


def test_broken_weights(tmp_path: Path) -> None:
    """A file that was cut off, or is no weights at all: one sentence."""
    save_rewriter(tmp_path)
    file = tmp_path / "model.safetensors"
    for content in (file.read_bytes()[:1000], b"", b"version https://git-lfs.github.com/spec/v1\n"):
        file.write_bytes(content)
        assert_one_sentence(row_of(tmp_path), LOADERS["rewriter"])
