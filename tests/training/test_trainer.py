"""Training itself, with tiny networks on the CPU: the code that also runs on a GPU."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from diffusers import UNet2DConditionModel
from safetensors.torch import load_file
from torch import Tensor, nn

from training import autoencoder, common, diffusion
from training.captioned_batches import CaptionedScenes, batches_from, stratified_timesteps
from training.plan import Plan
from training.trainer import Trainer

PLAN = Plan(steps=4, batch=3, learning_rate=1e-3, cooldown=2, warmup=1)


@pytest.fixture(autouse=True)
def _own_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(common, "CHECKPOINTS", tmp_path / "checkpoints")


@pytest.fixture
def tiny_diffusion_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The packaged tokenizer and text encoder with a UNet that has next to no weights."""
    folder = tmp_path / "stable-diffusion"
    for part in ("text_encoder", "tokenizer"):
        shutil.copytree(diffusion.FOLDER / part, folder / part)
    torch.manual_seed(0)
    UNet2DConditionModel(
        sample_size=diffusion.LATENT_SIDE,
        in_channels=autoencoder.LATENT_CHANNELS,
        out_channels=autoencoder.LATENT_CHANNELS,
        layers_per_block=1,
        block_out_channels=(16, 16),
        down_block_types=("CrossAttnDownBlock2D", "DownBlock2D"),
        up_block_types=("UpBlock2D", "CrossAttnUpBlock2D"),
        cross_attention_dim=diffusion.WIDTH,
        attention_head_dim=2,
        norm_num_groups=4,
    ).save_pretrained(folder / "unet")
    monkeypatch.setattr(diffusion, "FOLDER", folder)
    return folder


def _weights(folder: Path) -> dict[str, Tensor]:
    loaded = load_file(folder / "unet/diffusion_pytorch_model.safetensors")
    return {name: value.clone() for name, value in loaded.items()}  # the file is about to be replaced


def test_a_run_by_the_clock_ends_by_itself_and_saves(
    tiny_diffusion_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = _weights(tiny_diffusion_folder)
    diffusion.train(replace(PLAN, minutes=0.02))
    after = _weights(tiny_diffusion_folder)
    assert any(not torch.equal(before[name].float(), value.float()) for name, value in after.items())
    assert all(value.dtype == torch.bfloat16 and value.isfinite().all() for value in after.values())
    state = torch.load(tmp_path / "checkpoints/diffusion.pt", weights_only=True)
    assert state["step"] >= 1
    assert state["minutes"] == 0, "the next run by the clock must train again"
    assert "samples/s" in capsys.readouterr().out
    config = json.loads((tiny_diffusion_folder / "text_encoder/config.json").read_text())
    assert "eager" not in json.dumps(config), "how attention is computed here is no part of the weights"


def test_a_run_that_was_cut_off_goes_on(tiny_diffusion_folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    diffusion.train(replace(PLAN, steps=2))
    diffusion.train(PLAN)
    assert "going on from step 2" in capsys.readouterr().out


@pytest.mark.filterwarnings("ignore::UserWarning")  # of the compiler about the library's own code
def test_compiled_training_learns_the_same(
    tiny_diffusion_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The path of a GPU, with a compiler that needs no C++."""
    start = tiny_diffusion_folder / "start"
    shutil.copytree(tiny_diffusion_folder / "unet", start)
    diffusion.train(PLAN)
    plain = _weights(tiny_diffusion_folder)
    shutil.copytree(start, tiny_diffusion_folder / "unet", dirs_exist_ok=True)
    shutil.rmtree(tmp_path / "checkpoints")
    calls: list[str] = []
    real = torch.compile

    def compile_eagerly(model: nn.Module, **settings: object) -> object:
        calls.append("compiled")
        return real(model, backend="aot_eager", **settings)  # type: ignore[call-overload]

    monkeypatch.setattr(torch, "compile", compile_eagerly)
    diffusion.train(replace(PLAN, compiled=True))
    assert calls == ["compiled"]
    compiled = _weights(tiny_diffusion_folder)
    worst = max(float((plain[name].float() - value.float()).abs().max()) for name, value in compiled.items())
    assert worst < 0.01


def test_the_checkpoint_of_an_older_version_has_no_minutes(tmp_path: Path) -> None:
    layer = nn.Linear(8, 8)
    trainer = Trainer("layer", {"layer": layer}, PLAN)
    trainer.run(lambda rng: layer(torch.ones(1, 8, dtype=torch.bfloat16)).square().mean(), lambda: None)
    path = tmp_path / "checkpoints/layer.pt"
    state = torch.load(path, weights_only=True)
    del state["minutes"]
    torch.save(state, path)
    assert Trainer("layer", {"layer": nn.Linear(8, 8)}, PLAN).step == PLAN.steps


def test_workers_prepare_the_same_batches() -> None:
    _, _, tokenizer = diffusion.load_or_build(fresh=False)
    found = []
    for workers in (0, 2):
        source = CaptionedScenes(replace(PLAN, workers=workers), tokenizer, diffusion.TOKENS, 0.1)
        batches = batches_from(source, first=5)
        found.append([next(batches) for _ in range(3)])
    for one, other in zip(*found, strict=True):
        assert one.seed == other.seed
        assert torch.equal(one.tokens, other.tokens)
        assert torch.equal(one.layout.boxes, other.layout.boxes)
    assert found[0][0].tokens.shape == (PLAN.batch, diffusion.TOKENS)
    assert found[0][0].seed == source[5].seed


def test_timesteps_cover_the_schedule() -> None:
    timesteps = stratified_timesteps(100, torch.Generator().manual_seed(0))
    assert (timesteps // 10).tolist() == list(range(100))
    assert stratified_timesteps(4096, torch.Generator().manual_seed(0)).max() <= 999
