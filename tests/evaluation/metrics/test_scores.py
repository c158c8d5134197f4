"""The metrics equal independent computations, and tables average as the official script does."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from transformers import ViTConfig, ViTModel

from pix2pix_onthefly.errors import InputError, ModelUnavailableError
from pix2pix_onthefly.evaluation.data.magicbrush import load_dataset
from pix2pix_onthefly.evaluation.data.turns import MULTI, SINGLE, Dataset, Turn
from pix2pix_onthefly.evaluation.metrics.embeddings import ClipScorer, DinoScorer, Preprocessing, cosine, dino_or_note
from pix2pix_onthefly.evaluation.metrics.scores import Metrics, Scores, average, check_descriptions, l1, l2, read_rgb
from pix2pix_onthefly.evaluation.runs.official_names import missing_pictures, official_path
from pix2pix_onthefly.pictures.saving import save
from pix2pix_onthefly.world.captions import describe
from pix2pix_onthefly.world.renderer import render
from pix2pix_onthefly.world.scenes import sample_scene
from tests.evaluation.fixtures import draw_picture, mini_clip, write_set


@pytest.fixture(scope="module")
def clip() -> ClipScorer:
    return ClipScorer(*mini_clip())


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    return load_dataset(write_set(tmp_path_factory.mktemp("set")))


def _similarities(picture: Image.Image, texts: list[str]) -> list[float]:
    """Picture and texts through the model's own forward pass and the processor's own preprocessing."""
    model, processor = mini_clip()
    inputs: Any = processor(text=texts, images=picture, return_tensors="pt", padding=True)
    with torch.no_grad():
        output = model(**inputs)
    return (output.logits_per_image[0] / model.logit_scale.exp()).tolist()


def _image_cosine(one: Image.Image, other: Image.Image) -> float:
    """By vision tower, projection, normalisation and scalar product."""
    model, processor = mini_clip()
    pixels = processor.image_processor([one, other], return_tensors="pt")["pixel_values"]
    with torch.no_grad():
        states = model.vision_model(pixel_values=pixels).last_hidden_state[:, 0]
        projected = model.visual_projection(model.vision_model.post_layernorm(states))
    first, second = torch.nn.functional.normalize(projected, dim=-1)
    return float(first @ second)


def test_pixel_distances() -> None:
    black, grey = Image.new("RGB", (4, 2)), Image.new("RGB", (4, 2), (51, 102, 0))
    assert l1(grey, black) == pytest.approx((0.2 + 0.4 + 0) / 3)
    assert l2(grey, black) == pytest.approx((0.04 + 0.16 + 0) / 3)
    assert l1(grey, grey) == l2(grey, grey) == 0


def test_a_generated_picture_is_scaled_bicubically_to_the_true_ones_size() -> None:
    generated, target = draw_picture(3, (40, 28)), draw_picture(4, (24, 24))
    scaled = generated.resize((24, 24), Image.Resampling.BICUBIC)
    difference = torch.from_numpy((np.array(scaled, dtype=np.float32) - np.array(target, dtype=np.float32)) / 255)
    zero = torch.zeros_like(difference)
    assert l1(generated, target) == pytest.approx(float(torch.nn.L1Loss()(difference, zero)), abs=1e-6)
    assert l2(generated, target) == pytest.approx(float(torch.nn.MSELoss()(difference, zero)), abs=1e-6)


def test_transparency_is_dropped_as_the_official_script_does(tmp_path: Path) -> None:
    Image.new("RGBA", (8, 8), (10, 20, 30, 0)).save(tmp_path / "clear.png")
    assert read_rgb(tmp_path / "clear.png").getpixel((0, 0)) == (10, 20, 30)
    with pytest.raises(InputError, match="there is no file"):
        read_rgb(tmp_path / "none.png")


@pytest.mark.parametrize("size", [(24, 24), (200, 200), (128, 128), (96, 64)])
def test_preprocessing_is_that_of_the_models_own_processor(clip: ClipScorer, size: tuple[int, int]) -> None:
    picture = draw_picture(5, size)
    wanted = mini_clip()[1].image_processor(picture, return_tensors="pt")["pixel_values"]
    assert torch.allclose(clip.preprocess(picture), wanted, atol=1e-6)


def test_an_odd_margin_is_cropped_as_torchvision_does() -> None:
    columns = np.broadcast_to(np.arange(7, dtype=np.uint8)[None, :, None], (4, 7, 3))
    square = Preprocessing(4, 4, (0.0,) * 3, (1.0,) * 3)(Image.fromarray(np.ascontiguousarray(columns)))
    assert (square[0, 0, 0] * 255).round().tolist() == [2, 3, 4, 5]  # margins of 1.5: the left one becomes 2


def test_clip_t_equals_the_models_own_forward_pass(clip: ClipScorer) -> None:
    picture = draw_picture(7)
    texts = ["a red apple on the beach", "an owl", ""]
    found = [cosine(clip.image_embedding(picture), clip.text_embedding(text)) for text in texts]
    assert found == pytest.approx(_similarities(picture, texts), abs=1e-6)


def test_clip_i_equals_normalised_projections(clip: ClipScorer) -> None:
    one, other = draw_picture(7), draw_picture(30, (40, 24))
    found = cosine(clip.image_embedding(one), clip.image_embedding(other))
    assert found == pytest.approx(_image_cosine(one, other), abs=1e-6)
    assert found < 0.999


def test_typographic_quotes_and_entities_read_as_plain_ones(clip: ClipScorer) -> None:
    plain, typographic = (clip.text_embedding(text) for text in ('a cat\'s "hat" & owl', "a cat’s “hat” &amp; owl"))
    assert torch.equal(plain, typographic)


def test_scores_of_a_turn(clip: ClipScorer, dataset: Dataset) -> None:
    turn, generated = dataset.turns[0], draw_picture(77, (48, 48))
    scores = Metrics(clip).score(turn, generated)
    local, whole = _similarities(generated, [turn.local_caption or "", turn.global_caption or ""])
    target = read_rgb(turn.target)
    assert (scores.clip_t_local, scores.clip_t_global) == pytest.approx((local, whole), abs=1e-6)
    assert scores.clip_i == pytest.approx(_image_cosine(generated, target), abs=1e-6)
    assert (scores.l1, scores.l2) == (l1(generated, target), l2(generated, target))
    assert scores.dino is None


def test_what_a_set_does_not_say_is_not_scored(clip: ClipScorer, dataset: Dataset) -> None:
    turn = dataset.turns[0]
    silent = Turn(turn.session, 1, turn.instruction, turn.source, None, turn.target)
    scores = Metrics(clip).score(silent, draw_picture(1))
    assert scores.clip_t_local is scores.clip_t_global is None
    assert average([silent], [scores]).clip_t_local is None


def test_the_bundled_clip_tells_captions_apart(clip: ClipScorer) -> None:
    scenes = [sample_scene(random.Random(9_900_000 + number)) for number in range(12)]
    texts = [clip.text_embedding(describe(scene)) for scene in scenes]
    for number, scene in enumerate(scenes):
        embedding = clip.image_embedding(render(scene, 128))
        agreement = [cosine(embedding, text) for text in texts]
        assert max(range(len(texts)), key=agreement.__getitem__) == number


def test_long_descriptions_are_refused_or_cut(clip: ClipScorer, dataset: Dataset) -> None:
    long = "a red apple " * 20
    with pytest.raises(InputError, match=r"62 tokens, of which CLIP reads 32.*allow truncation"):
        clip.text_embedding(long)
    cutting = ClipScorer(*mini_clip(), truncate=True)
    model, processor = mini_clip()
    ids = processor.tokenizer(long, truncation=True, max_length=32, return_tensors="pt").input_ids
    with torch.no_grad():
        wanted: Any = model.get_text_features(input_ids=ids)
    assert torch.equal(cutting.text_embedding(long), wanted.pooler_output[0])
    turn = dataset.turns[2]
    wordy = Turn(turn.session, 3, "", turn.source, None, turn.target, global_caption=long)
    mixed = Dataset("", dataset.folder, (*dataset.turns[:2], wordy))
    with pytest.raises(InputError, match=r"1 turns have descriptions of more than 32 tokens.*turn 3 of session 139"):
        check_descriptions(mixed, clip)
    check_descriptions(mixed, cutting)


@pytest.fixture(scope="module")
def vit() -> ViTModel:
    with torch.random.fork_rng(devices=()):
        torch.default_generator.manual_seed(0)
        config = ViTConfig(hidden_size=16, num_hidden_layers=1, num_attention_heads=2, intermediate_size=16)
        return ViTModel(config, add_pooling_layer=False).eval()


def test_dino_is_the_class_token_after_imagenet_preprocessing(
    vit: ViTModel, dataset: Dataset, clip: ClipScorer
) -> None:
    picture, target = draw_picture(3, (40, 40)), read_rgb(dataset.turns[0].target)
    pixels = []
    for each in (picture, target):
        scaled = each.resize((256, 256), Image.Resampling.BICUBIC)
        square = torch.from_numpy(np.array(scaled, dtype=np.float32)[16:240, 16:240] / 255)
        pixels.append((square - torch.tensor([0.485, 0.456, 0.406])) / torch.tensor([0.229, 0.224, 0.225]))
    with torch.no_grad():
        first, second = vit(pixel_values=torch.stack(pixels).permute(0, 3, 1, 2)).last_hidden_state[:, 0]
    wanted = float(torch.nn.functional.cosine_similarity(first, second, dim=0))
    scores = Metrics(clip, DinoScorer(vit)).score(dataset.turns[0], picture)
    assert scores.dino == pytest.approx(wanted, abs=1e-6)


def test_without_its_weights_dino_is_left_out_with_a_note(vit: ViTModel) -> None:
    def unavailable() -> ViTModel:
        raise ModelUnavailableError("the weights cannot be loaded; connect to the internet once")

    assert dino_or_note(unavailable) == (
        None,
        "DINO is left out: the weights cannot be loaded; connect to the internet once",
    )
    found, note = dino_or_note(lambda: vit)
    assert found is not None
    assert note == ""


def test_figures_are_plain_means_over_turns(dataset: Dataset) -> None:
    turns = dataset.turns_of(SINGLE)
    scores = [Scores(n, n, 1, 0.1 * n, None if n < 4 else 0.5, None) for n in range(6)]
    figures = average(turns, scores)
    assert (figures.turns, figures.blank, figures.l1, figures.clip_i) == (6, 1, 2.5, 1)
    assert figures.clip_t_local == pytest.approx(0.25)
    assert figures.clip_t_local_without_blank == pytest.approx((0 + 0.2 + 0.3 + 0.4 + 0.5) / 5)
    assert figures.clip_t_global == 0.5
    assert figures.dino is None


def test_official_names(dataset: Dataset, tmp_path: Path) -> None:
    names = {
        setting: [official_path(tmp_path, turn, setting).relative_to(tmp_path).as_posix() for turn in dataset.turns]
        for setting in (SINGLE, MULTI)
    }
    assert names[SINGLE][:4] == ["139/139_1.png", "139/139_inde_2.png", "139/139_inde_3.png", "30/30_1.png"]
    assert names[MULTI][:4] == ["139/139_1.png", "139/139_iter_2.png", "139/139_iter_3.png", "30/30_1.png"]


def test_predictions_are_written_for_the_official_script(dataset: Dataset, tmp_path: Path) -> None:
    assert len(missing_pictures(tmp_path, dataset)) == 6 + 3
    for turn in dataset.turns:
        save(draw_picture(1), official_path(tmp_path, turn, SINGLE), {"instruction": turn.instruction}, overwrite=False)
    assert missing_pictures(tmp_path, dataset, (SINGLE,)) == ()
    assert [path.name for path in missing_pictures(tmp_path, dataset)] == [
        "139_iter_2.png", "139_iter_3.png", "242_iter_2.png",
    ]  # fmt: skip
    assert sorted(child.name for child in (tmp_path / "139").iterdir()) == [
        "139_1.png", "139_inde_2.png", "139_inde_3.png",
    ]  # fmt: skip
