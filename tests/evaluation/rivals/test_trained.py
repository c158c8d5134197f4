"""The trained methods, with tiny random networks of the same classes in the place of theirs."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from diffusers import EulerAncestralDiscreteScheduler
from PIL import Image

from pix2pix_onthefly.editor import Editor
from pix2pix_onthefly.errors import ModelUnavailableError
from pix2pix_onthefly.evaluation.rivals import instruct
from pix2pix_onthefly.evaluation.rivals.instruct import fitted_to_64
from pix2pix_onthefly.evaluation.rivals.weights import TRAINED
from pix2pix_onthefly.methods.method import Method
from pix2pix_onthefly.options import EditOptions
from pix2pix_onthefly.records import EditCaptions
from tests.evaluation.fixtures import draw_picture
from tests.evaluation.rivals.trained import write_trained
from tests.helpers import record_returns
from tests.methods.cases import difference_in_levels, edited, job, made

BEST = "image quality is five out of five"


@pytest.fixture(autouse=True)
def no_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    for trained in TRAINED.values():
        monkeypatch.delenv(trained.variable, raising=False)


@pytest.fixture(scope="module")
def weights(tiny_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_trained(tiny_folder, tmp_path_factory.mktemp("trained") / "ip2p")


def options_of(editor: Editor, name: str, weights: Path | str = "", **changes: Any) -> EditOptions:
    given = {"steps": 2, "size": 64, "seed": 5, "weights": str(weights)}
    return editor.options(method=name, **{**given, **changes})


def method_of(editor: Editor, name: str, weights: Path | str = "") -> Method:
    return editor.executor.method(options_of(editor, name, weights).method)


@pytest.mark.parametrize("name", TRAINED)
def test_edits_obey_seed_and_instruction_and_no_caption(editor: Editor, weights: Path, name: str) -> None:
    """And nothing is captioned, inverted or rewritten for them."""
    options = options_of(editor, name, weights)
    first = edited(editor, options, caption=None, captions=None)
    assert first.image.size == (64, 64)
    assert set(first.seconds) == {"edit"}
    torch.rand(3)
    captions = EditCaptions(("the table",), ("the dog",), "given")
    assert edited(editor, options, caption="x", captions=captions).image.tobytes() == first.image.tobytes()
    others = job(options.with_changes(seed=6)), job(options, instruction="a red table")
    for other in others:
        assert made(editor, other)[0].image.tobytes() != first.image.tobytes()
    assert first.models == {**editor.model_rows(), "diffusion": "folder:ip2p"}
    assert not editor.models._loaded  # pyright: ignore[reportPrivateUsage]


def test_a_batch_is_what_its_edits_are_alone(editor: Editor, weights: Path) -> None:
    options = options_of(editor, "instruct-pix2pix", weights)
    jobs = [job(options), job(options, instruction="a red cat"), job(options, picture=draw_picture(9, (64, 64)))]
    for one, result in zip(jobs, made(editor, *jobs), strict=True):
        assert difference_in_levels(made(editor, one)[0].image, result.image) <= 1


def test_the_sampler_is_the_authors(editor: Editor, weights: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Euler-ancestral over evenly spaced timesteps from the last, whatever the folder's own scheduler says."""
    pipelines = record_returns(monkeypatch, instruct, "pipeline_of")
    edited(editor, options_of(editor, "instruct-pix2pix", weights, steps=4))
    scheduler = pipelines[0].scheduler
    assert isinstance(scheduler, EulerAncestralDiscreteScheduler)
    assert scheduler.timesteps.tolist() == [999.0, 666.0, 333.0, 0.0]


def test_hive_is_told_to_make_the_best_picture(editor: Editor, weights: Path) -> None:
    conditional, weighted = options_of(editor, "hive", weights), options_of(editor, "hive", weights, suffix="")
    usual = edited(editor, conditional, instruction="a blue dog").image.tobytes()
    assert edited(editor, weighted, instruction=f"a blue dog, {BEST}").image.tobytes() == usual
    assert edited(editor, weighted, instruction="a blue dog").image.tobytes() != usual


def test_oblong_pictures_come_back_at_their_size(editor: Editor, weights: Path) -> None:
    options = options_of(editor, "instruct-pix2pix", weights, size=128)
    assert edited(editor, options, picture=draw_picture(2, (90, 41))).image.size == (90, 41)


@pytest.mark.parametrize(
    ("size", "expected"),
    [((512, 512), (512, 512)), ((500, 375), (512, 384)), ((333, 500), (384, 576)), ((1024, 100), (640, 64))],
)
def test_pictures_are_fitted_as_the_authors_fit_them(size: tuple[int, int], expected: tuple[int, int]) -> None:
    assert fitted_to_64(Image.new("RGB", size), 512).size == expected


@pytest.mark.parametrize("name", TRAINED)
def test_an_environment_variable_names_the_weights(
    editor: Editor, weights: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setenv(f"ONTHEFLY_{name.upper().replace('-', '_')}", str(weights))
    assert method_of(editor, name).models == {"diffusion": "folder:ip2p"}


def test_pickled_weights_are_read_too(editor: Editor, weights: Path, tmp_path: Path) -> None:
    """Only numbers are read from them; the ports of some checkpoints have nothing else."""
    folder = shutil.copytree(weights, tmp_path / "pickled")
    for part, stem in (("unet", "diffusion_pytorch_model"), ("vae", "diffusion_pytorch_model"), ("text_encoder", "")):
        from safetensors.torch import load_file

        (file,) = (folder / part).glob("*.safetensors")
        torch.save(load_file(file), folder / part / f"{stem or 'pytorch_model'}.bin")
        file.unlink()
    pickled, safe = (edited(editor, options_of(editor, "hive", place)) for place in (folder, weights))
    assert pickled.image.tobytes() == safe.image.tobytes()


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("instruct-pix2pix", "timbrooks/instruct-pix2pix"),
        ("instruct-pix2pix-magicbrush", "vinesmsuic/magicbrush-paper"),
        ("hive", "name the folder in ONTHEFLY_HIVE"),
        ("hive-magicbrush", "name the folder in ONTHEFLY_HIVE_MAGICBRUSH"),
    ],
)
def test_missing_weights_are_one_sentence(
    editor: Editor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, words: str
) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    with pytest.raises(ModelUnavailableError) as caught:
        method_of(editor, name)
    assert words in str(caught.value)
    assert "mini" not in str(caught.value)  # no other family would help
    assert "\n" not in str(caught.value)


def test_a_model_of_another_kind_is_refused(editor: Editor, tiny_folder: Path, tmp_path: Path) -> None:
    """One that knows no given picture, and a folder without a model."""
    with pytest.raises(ModelUnavailableError, match="takes 4 channels, not the 8"):
        method_of(editor, "instruct-pix2pix", tiny_folder / "diffusion")
    with pytest.raises(ModelUnavailableError, match="has no vae"):
        method_of(editor, "instruct-pix2pix", tmp_path)
    with pytest.raises(ModelUnavailableError, match="neither an existing folder nor a hub id"):
        method_of(editor, "instruct-pix2pix", "no such folder")
