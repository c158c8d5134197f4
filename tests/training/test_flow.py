"""The flow model's training, with a tiny transformer: what it writes is a pipeline that opens and draws."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from diffusers import FluxPipeline, FluxTransformer2DModel
from safetensors.torch import load_file
from torch import Tensor, nn

from pix2pix_onthefly.backbones.drawing import sample
from pix2pix_onthefly.backbones.flux import packed, places
from pix2pix_onthefly.models.families import custom_row
from pix2pix_onthefly.models.loading import load_backbone
from pix2pix_onthefly.models.rows import MINI_FLOW
from pix2pix_onthefly.models.sizes import picture_sizes
from pix2pix_onthefly.world.captions import every_caption_word
from tests.helpers import difference
from training import common, flow
from training.captioned_batches import CaptionedScenes
from training.drawing import draw_batch
from training.plain_attention import use_plain_attention
from training.plan import Plan
from training.vocabulary import t5_tokenizer

PLAN = Plan(steps=2, batch=3, learning_rate=1e-3, cooldown=1, warmup=1)
CAPTION = "a red apple on a wooden table"


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the script writes; its transformer has two narrow blocks."""
    monkeypatch.setattr(common, "CHECKPOINTS", tmp_path / "checkpoints")
    monkeypatch.setattr(flow, "FOLDER", tmp_path / "flux")
    for name, value in (("WIDTH", 64), ("HEADS", 2), ("BLOCKS", 2), ("POOLED_WIDTH", 32)):
        monkeypatch.setattr(flow, name, value)
    return flow.FOLDER


def random_transformer() -> FluxTransformer2DModel:
    """One whose blocks do something, unlike those that training starts with."""
    torch.manual_seed(0)
    transformer = flow.build_transformer()
    for parameter in transformer.parameters():
        if not parameter.any():
            nn.init.normal_(parameter, std=0.1)
    return transformer


def opened(folder: Path) -> Any:
    return load_backbone(custom_row("diffusion", str(folder)), torch.device("cpu"), torch.float32)


def trained_weights(folder: Path) -> dict[str, Tensor]:
    names = "text_encoder/model", "text_encoder_2/model", "transformer/diffusion_pytorch_model"
    found = {name: load_file(folder / f"{name}.safetensors") for name in names}
    return {f"{part} {key}": value.clone() for part, held in found.items() for key, value in held.items()}


def test_a_run_writes_a_pipeline_that_goes_on(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    flow.train(PLAN)
    first = trained_weights(folder)
    flow.train(replace(PLAN, steps=6))
    assert "going on from step 2" in capsys.readouterr().out
    later = trained_weights(folder)
    assert all(value.dtype == torch.bfloat16 and value.isfinite().all() for value in later.values())
    for part in ("text_encoder/", "text_encoder_2/", "transformer/"):
        assert any(not torch.equal(value, later[name]) for name, value in first.items() if name.startswith(part)), part
    assert draw_batch(opened(folder), [CAPTION], steps=2).shape == (1, 128, 128, 3)


def test_what_it_writes_draws_as_diffusers_pipeline_does(folder: Path) -> None:
    """Texts of the tokenizers' own length, the autoencoder's own spread, the scheduler's shift."""
    networks = replace(flow.Networks.new(), transformer=random_transformer())
    flow.write_pipeline_files(networks)
    networks.save()
    backbone = opened(folder)
    assert (backbone.native_size, 16) == picture_sizes(custom_row("diffusion", str(folder))) == (128, 16)
    assert (MINI_FLOW.side, MINI_FLOW.cell) == (128, 16)
    noise = torch.randn(1, 16, 16, 16, generator=torch.Generator().manual_seed(7))
    unwanted, wanted = backbone.condition(["", CAPTION]).split(1)
    found = (backbone.decode(sample(backbone, noise, unwanted, wanted, 3.0, 4)) / 2 + 0.5).clamp(0, 1)
    pipeline = FluxPipeline.from_pretrained(folder, torch_dtype=torch.float32)
    pipeline.set_progress_bar_config(disable=True)
    settings: dict[str, Any] = {"num_inference_steps": 4, "true_cfg_scale": 3.0, "negative_prompt": ""}
    settings |= {"height": 128, "width": 128, "max_sequence_length": flow.TOKENS}
    expected: Any = pipeline(CAPTION, **settings, latents=packed(noise), output_type="pt")  # pyright: ignore[reportArgumentType]
    assert float(expected.images.std()) > 0.01
    assert difference(found, expected.images) < 1e-4


def test_latents_have_a_spread_of_one(folder: Path) -> None:
    """And the backbone's are those that training sees."""
    flow.write_pipeline_files(flow.Networks.new())
    flow.Networks.new().save()
    flowing, batch = _flowing(replace(PLAN, batch=32))
    pixels = flowing.renderer.draw(batch.layout)
    latents = flowing.encode(pixels)
    assert 0.8 < float(latents.std()) < 1.2
    assert abs(float(latents.mean())) < 0.2
    assert float((opened(folder).encode(pixels[:2]) - latents[:2]).abs().max()) < 0.05


def _flowing(plan: Plan) -> tuple[flow.Flowing, Any]:
    networks = flow.Networks.new()
    for network in networks.trained.values():
        network.to(torch.bfloat16)
    scenes = CaptionedScenes(plan, networks.tokenizer, flow.TOKENS, 0.1, networks.tokenizer_2)
    return flow.Flowing(plan, networks, fused_attention=False), scenes[0]


def test_levels_are_walked_from_pure_noise_as_the_scheduler_shifts_them() -> None:
    levels = flow.levels_of(torch.arange(1000))
    assert levels[-1] == 1
    assert 0 < levels[0] < 0.01
    assert bool((levels.diff() >= 0).all())
    scheduler: Any = flow.build_scheduler()
    scheduler.set_timesteps(sigmas=[1.0, 0.5, 0.25])
    assert torch.allclose(levels[[999, 499, 249]], scheduler.sigmas[:3], atol=0.003)


def test_the_velocity_leads_from_the_noise_to_the_picture() -> None:
    flowing, batch = _flowing(PLAN)
    there = flowing.on_the_way(batch)
    clean = there.latents.float() - there.levels[:, None, None] * there.velocity
    assert torch.allclose(clean, packed(flowing.encode(flowing.renderer.draw(batch.layout))), atol=0.05)


def test_plain_attention_is_the_librarys() -> None:
    transformer = random_transformer()
    given = torch.randn(2, 64, 64), torch.randn(2, 24, 64), torch.randn(2, 32), torch.tensor([0.3, 0.9])

    def run() -> Tensor:
        return transformer(*given, img_ids=places(8, 8), txt_ids=torch.zeros(24, 3)).sample

    with torch.no_grad():
        fused = run()
        use_plain_attention(transformer)
        assert torch.allclose(run(), fused, atol=1e-4)
    assert float(fused.std()) > 0.01


def test_every_word_of_the_world_is_one_piece_and_any_other_is_spelled() -> None:
    tokenizer = t5_tokenizer(every_caption_word(), flow.TOKENS)
    for word in every_caption_word():
        assert len(tokenizer(word).input_ids) == 2, word
    spelled = tokenizer("a zebra").input_ids
    assert tokenizer.decode(spelled, skip_special_tokens=True) == "a zebra"
    assert tokenizer.unk_token_id not in np.array(spelled)
    assert tokenizer.model_max_length == flow.TOKENS
