"""The trained methods, with tiny random networks of the same classes in the place of theirs."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from diffusers import EulerAncestralDiscreteScheduler, UNet2DConditionModel
from PIL import Image
from pix2pix_onthefly.evaluation.runs.method import Case

from pix2pix_onthefly.editor import Editor
from pix2pix_onthefly.errors import ModelUnavailableError
from pix2pix_onthefly.evaluation.rivals import METHODS, make_method
from pix2pix_onthefly.evaluation.rivals.instruct import fitted_to_64
from pix2pix_onthefly.options import EditOptions
from pix2pix_onthefly.records import EditCaptions
from tests.evaluation.fixtures import draw_picture
from tests.evaluation.rivals.cases import only
from tests.helpers import CHANNELS, WIDTH

TRAINED = [name for name in METHODS if name.startswith(("instruct", "hive"))]
CASE = Case(
    "1/1/single",
    draw_picture(3, (64, 64)),
    "a blue dog",
    "a red cat",
    EditCaptions(("a red cat",), ("a blue dog",), "given"),
    seed=5,
)
BEST = "image quality is five out of five"


@pytest.fixture(autouse=True)
def no_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    for row in METHODS.values():
        if hasattr(row.settings, "trained"):
            monkeypatch.delenv(row.settings.trained.variable, raising=False)  # pyright: ignore


@pytest.fixture(scope="module")
def weights(tiny_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tiny family's networks with a UNet that takes a picture's latents beside the noisy ones."""
    folder = tmp_path_factory.mktemp("trained") / "ip2p"
    shutil.copytree(tiny_folder / "diffusion", folder, ignore=shutil.ignore_patterns("unet"))
    with torch.random.fork_rng(devices=()):
        torch.manual_seed(0)
        unet = UNet2DConditionModel(
            sample_size=8,
            in_channels=2 * CHANNELS,
            out_channels=CHANNELS,
            layers_per_block=1,
            block_out_channels=(16, 32),
            down_block_types=("CrossAttnDownBlock2D",) * 2,
            up_block_types=("CrossAttnUpBlock2D",) * 2,
            cross_attention_dim=WIDTH,
            attention_head_dim=4,
            norm_num_groups=8,
        )
    unet.save_pretrained(folder / "unet")
    return folder


@pytest.fixture
def editor(tiny_family: str) -> Editor:
    return Editor.load(tiny_family, device="cpu", batch=3)


@pytest.fixture
def options() -> EditOptions:
    return EditOptions.of(steps=2, size=64)


@pytest.mark.parametrize("name", TRAINED)
def test_edits_obey_seed_and_instruction_and_no_caption(
    editor: Editor, options: EditOptions, weights: Path, name: str
) -> None:
    method = make_method(name, editor, options, weights=str(weights))
    first = only(method, CASE).image
    assert first.size == CASE.picture.size
    torch.rand(3)
    captions = EditCaptions(("the table",), ("the dog",), "given")
    assert only(method, replace(CASE, captions=captions, source_caption="x")).image.tobytes() == first.tobytes()
    for other in (replace(CASE, seed=6), replace(CASE, instruction="a red table")):
        assert only(method, other).image.tobytes() != first.tobytes()
    assert method.models() == {"diffusion": "folder:ip2p"}


def test_a_batch_is_what_its_edits_are_alone(editor: Editor, options: EditOptions, weights: Path) -> None:
    method = make_method("instruct-pix2pix", editor, options, weights=str(weights))
    cases = [CASE, replace(CASE, seed=6, instruction="a red cat"), replace(CASE, picture=draw_picture(9, (64, 64)))]
    for case, made in zip(cases, method.edit(cases), strict=True):
        alone = np.asarray(only(method, case).image, dtype=np.int16)
        assert np.abs(alone - np.asarray(made.image)).max() <= 1


def test_settings_are_the_published_ones(editor: Editor, weights: Path) -> None:
    """At the options' default of 100 steps, whatever guidance the editor's own family needs."""
    method = make_method("instruct-pix2pix", editor, EditOptions.of(guidance_scale=1.5), weights=str(weights))
    assert method.settings() == {
        "steps": 100,
        "size": 512,
        "guidance_scale": 7.5,
        "image_guidance_scale": 1.5,
        "suffix": "",
    }


def test_the_sampler_is_the_authors(editor: Editor, options: EditOptions, weights: Path) -> None:
    """Euler-ancestral over evenly spaced timesteps from the last, whatever the folder's own scheduler says."""
    method: Any = make_method("instruct-pix2pix", editor, options, weights=str(weights))
    scheduler = method.pipeline.scheduler
    assert isinstance(scheduler, EulerAncestralDiscreteScheduler)
    scheduler.set_timesteps(4)
    assert scheduler.timesteps.tolist() == [999.0, 666.0, 333.0, 0.0]


def test_hive_is_told_to_make_the_best_picture(editor: Editor, options: EditOptions, weights: Path) -> None:
    conditional = make_method("hive", editor, options, weights=str(weights))
    weighted = make_method("hive", editor, options, weights=str(weights), suffix="")
    told = replace(CASE, instruction=f"{CASE.instruction}, {BEST}")
    assert only(conditional, CASE).image.tobytes() == only(weighted, told).image.tobytes()
    assert only(conditional, CASE).image.tobytes() != only(weighted, CASE).image.tobytes()


def test_oblong_pictures_come_back_at_their_size(editor: Editor, weights: Path) -> None:
    method = make_method("instruct-pix2pix", editor, EditOptions.of(steps=2, size=128), weights=str(weights))
    assert only(method, replace(CASE, picture=draw_picture(2, (90, 41)))).image.size == (90, 41)


@pytest.mark.parametrize(
    ("size", "expected"),
    [((512, 512), (512, 512)), ((500, 375), (512, 384)), ((333, 500), (384, 576)), ((1024, 100), (640, 64))],
)
def test_pictures_are_fitted_as_the_authors_fit_them(size: tuple[int, int], expected: tuple[int, int]) -> None:
    assert fitted_to_64(Image.new("RGB", size), 512).size == expected


@pytest.mark.parametrize("name", TRAINED)
def test_an_environment_variable_names_the_weights(
    editor: Editor, options: EditOptions, weights: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setenv(f"ONTHEFLY_{name.upper().replace('-', '_')}", str(weights))
    assert make_method(name, editor, options).models() == {"diffusion": "folder:ip2p"}


def test_pickled_weights_are_read_too(editor: Editor, options: EditOptions, weights: Path, tmp_path: Path) -> None:
    """Only numbers are read from them; the ports of some checkpoints have nothing else."""
    folder = shutil.copytree(weights, tmp_path / "pickled")
    for part, stem in (("unet", "diffusion_pytorch_model"), ("vae", "diffusion_pytorch_model"), ("text_encoder", "")):
        from safetensors.torch import load_file

        (file,) = (folder / part).glob("*.safetensors")
        torch.save(load_file(file), folder / part / f"{stem or 'pytorch_model'}.bin")
        file.unlink()
    pickled, safe = (make_method("hive", editor, options, weights=str(place)) for place in (folder, weights))
    assert only(pickled, CASE).image.tobytes() == only(safe, CASE).image.tobytes()


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
    editor: Editor, options: EditOptions, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, words: str
) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    with pytest.raises(ModelUnavailableError) as caught:
        make_method(name, editor, options)
    assert words in str(caught.value)
    assert "mini" not in str(caught.value)  # no other family would help
    assert "\n" not in str(caught.value)


def test_a_model_of_another_kind_is_refused(
    editor: Editor, options: EditOptions, tiny_folder: Path, tmp_path: Path
) -> None:
    """One that knows no given picture, and a folder without a model."""
    with pytest.raises(ModelUnavailableError, match="takes 4 channels, not the 8"):
        make_method("instruct-pix2pix", editor, options, weights=str(tiny_folder / "diffusion"))
    with pytest.raises(ModelUnavailableError, match="has no vae"):
        make_method("instruct-pix2pix", editor, options, weights=str(tmp_path))
    with pytest.raises(ModelUnavailableError, match="neither an existing folder nor a hub id"):
        make_method("instruct-pix2pix", editor, options, weights="no such folder")
