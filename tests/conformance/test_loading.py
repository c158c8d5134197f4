"""Loading models from folders laid out as the hub lays them out: the loaded ones compute what the saved ones do."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import huggingface_hub
import numpy as np
import pytest
import torch
from diffusers import PNDMScheduler
from PIL import Image
from safetensors.torch import load_file, save_file
from torch import Tensor
from transformers import (
    BlipConfig,
    BlipForConditionalGeneration,
    BlipImageProcessorPil,
    CLIPConfig,
    CLIPModel,
    GPT2Tokenizer,
    PhiConfig,
    PhiForCausalLM,
)

from pix2pix_onthefly import families
from pix2pix_onthefly.captioner import Captioner
from pix2pix_onthefly.diffusion import LatentDiffusion
from pix2pix_onthefly.errors import ModelUnavailableError
from pix2pix_onthefly.families import ModelRow
from pix2pix_onthefly.rewriter import Rewriter
from pix2pix_onthefly.schedule import ddim_step
from tests.helpers import (
    CAPTION,
    TOKENS,
    WORDS,
    difference,
    random_latents,
    report,
    sd_scheduler,
    text_config,
    tiny_diffusion,
    tiny_tokenizer,
)
from training.vocabulary import bert_tokenizer, byte_symbols

CPU = torch.device("cpu")
SIDE = 32
END = "<|endoftext|>"


def row_of(folder: Path, **settings: Any) -> ModelRow:
    return ModelRow(str(folder), "none", 0, **settings)


# Diffusion


def save_diffusion(model: LatentDiffusion, folder: Path, **settings: Any) -> Path:
    """One folder for each part, as the hub's Stable Diffusion repositories have it."""
    for name in ("vae", "unet", "text_encoder"):
        getattr(model, name).save_pretrained(folder / name, **settings)
    model.tokenizer.save_pretrained(folder / "tokenizer")
    model.scheduler.save_pretrained(folder / "scheduler")
    return folder


def load_diffusion(folder: Path, dtype: torch.dtype = torch.float32, **settings: Any) -> LatentDiffusion:
    return families.load_diffusion(row_of(folder, **settings), CPU, dtype)


def verbs(model: LatentDiffusion) -> dict[str, Tensor]:
    """What each part of a diffusion model makes of the same inputs."""
    context, latents = model.embed([CAPTION]), random_latents(8, 8)
    pixels = torch.linspace(-1, 1, 3 * 64 * 64).view(1, 3, 64, 64)
    with torch.no_grad():
        noise = model.predict_noise(latents, 501, context)
    return {"embed": context, "noise": noise, "encode": model.encode(pixels), "decode": model.decode(latents)}


def assert_same(found: LatentDiffusion, expected: LatentDiffusion) -> None:
    """Bit-equal outputs of all four verbs."""
    theirs = verbs(expected)
    for name, value in verbs(found).items():
        assert torch.equal(value, theirs[name]), name


def test_diffusion_survives_a_folder(tmp_path: Path) -> None:
    """Embeddings, noise, latents and pixels of the loaded model: bit-equal; weights frozen."""
    model = tiny_diffusion()
    loaded = load_diffusion(save_diffusion(model, tmp_path))
    assert_same(loaded, model)
    assert loaded.schedule(7) == model.schedule(7)
    for network in (loaded.unet, loaded.vae, loaded.text_encoder):
        assert not network.training
        assert not any(weight.requires_grad for weight in network.parameters())


def rename_weights(file: Path, rename: Callable[[str], str], **more: Tensor) -> None:
    weights = {rename(name): tensor for name, tensor in load_file(file).items()}
    save_file({**weights, **more}, file, metadata={"format": "pt"})


def test_weight_names_of_stable_diffusion_1(tmp_path: Path) -> None:
    """Stable Diffusion 1.x on the hub names its weights as libraries did in 2022: everything in the text encoder begins
    with `text_model.` and there is a buffer `position_ids`; the autoencoder's attention is called query, key, value
    and proj_attn. Loaded from such files the outputs are bit-equal."""
    model = tiny_diffusion()
    folder = save_diffusion(model, tmp_path)
    old = {"to_q": "query", "to_k": "key", "to_v": "value", "to_out.0": "proj_attn"}

    def old_vae_name(name: str) -> str:
        return re.sub(r"(mid_block\.attentions\.0\.)(to_q|to_k|to_v|to_out\.0)", lambda m: m[1] + old[m[2]], name)

    rename_weights(folder / "vae/diffusion_pytorch_model.safetensors", old_vae_name)
    positions = {"text_model.embeddings.position_ids": torch.arange(TOKENS)[None]}
    rename_weights(
        folder / "text_encoder/model.safetensors",
        lambda name: name if name.startswith("text_model.") else f"text_model.{name}",
        **positions,
    )
    assert "decoder.mid_block.attentions.0.query.weight" in load_file(
        folder / "vae/diffusion_pytorch_model.safetensors"
    )
    assert_same(load_diffusion(folder), model)


def test_scheduler_of_another_class(tmp_path: Path) -> None:
    """Stable Diffusion's repositories hold a PNDM scheduler without `clip_sample`: the schedule is the same."""
    model = tiny_diffusion()
    folder = save_diffusion(model, tmp_path)
    file = folder / "scheduler/scheduler_config.json"
    file.unlink()
    PNDMScheduler(
        beta_start=0.00085,
        beta_end=0.012,
        beta_schedule="scaled_linear",
        set_alpha_to_one=False,
        skip_prk_steps=True,
        steps_offset=1,
    ).save_pretrained(folder / "scheduler")
    assert "clip_sample" not in json.loads(file.read_text())
    assert load_diffusion(folder).schedule(100) == model.schedule(100)


def test_half_precision_variant(tmp_path: Path) -> None:
    """A row with the variant fp16 reads the fp16 files when asked for half precision, and the others when not."""
    model = tiny_diffusion()
    folder = save_diffusion(model, tmp_path)
    for name in ("vae", "unet", "text_encoder"):
        network = getattr(tiny_diffusion(), name).half()
        with torch.no_grad():
            next(network.parameters()).fill_(0.125)
        network.save_pretrained(folder / name, variant="fp16")
    half = load_diffusion(folder, torch.float16, variant="fp16")
    for network in (half.vae, half.unet, half.text_encoder):
        assert all(weight.dtype == torch.float16 for weight in network.parameters())
        assert bool((next(network.parameters()) == 0.125).all())
    assert_same(load_diffusion(folder, variant="fp16"), model)


def test_velocity_prediction_is_honoured(tmp_path: Path) -> None:
    """A v-prediction scheduler: the noise equals sqrt(a) v + sqrt(1 - a) z within 1e-5, and a DDIM step with it equals
    diffusers' own step with v within 1e-5."""
    loaded = load_diffusion(save_diffusion(tiny_diffusion(prediction_type="v_prediction"), tmp_path))
    latents, context, timestep = random_latents(8, 8), loaded.embed([CAPTION]), 501
    betas = np.linspace(0.00085**0.5, 0.012**0.5, 1000) ** 2
    level = float(np.cumprod(1 - betas)[timestep])
    with torch.no_grad():
        velocity = loaded.unet(latents, timestep, context).sample
        noise = loaded.predict_noise(latents, timestep, context)
    assert loaded.prediction_type == "v_prediction"
    assert difference(noise, level**0.5 * velocity + (1 - level) ** 0.5 * latents) < 1e-5
    scheduler, schedule = sd_scheduler("v_prediction"), loaded.schedule(10)
    scheduler.set_timesteps(10)
    theirs = cast(Any, scheduler.step(velocity, timestep, latents)).prev_sample
    ours = ddim_step(latents, noise, schedule.level(timestep), schedule.level(timestep - schedule.stride))
    report("DDIM step of a velocity model", difference(ours, theirs))
    assert difference(ours, theirs) < 1e-5


def test_text_tower_of_clip(tmp_path: Path) -> None:
    """Stable Diffusion's text encoder is CLIP's text tower: with weights out of a whole CLIPModel, `embed` equals that
    model's text states bit for bit."""
    torch.manual_seed(0)
    text = text_config(tiny_tokenizer())
    vision = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 1, "num_attention_heads": 2}
    config = CLIPConfig(text_config=text.to_dict(), vision_config={**vision, "image_size": SIDE, "patch_size": 8})
    whole = CLIPModel(config).eval()
    folder = save_diffusion(tiny_diffusion(), tmp_path)
    prefix = "text_model."
    weights = {name: value for name, value in whole.state_dict().items() if name.startswith(prefix)}
    save_file(weights, folder / "text_encoder/model.safetensors", metadata={"format": "pt"})
    loaded = load_diffusion(folder)
    ids = loaded.tokenizer(CAPTION, padding="max_length", max_length=TOKENS, return_tensors="pt").input_ids
    with torch.no_grad():
        expected = whole.text_model(ids).last_hidden_state
    assert torch.equal(loaded.embed([CAPTION]), expected)


# Captioner


def save_captioner(folder: Path, *, pickled: bool) -> BlipForConditionalGeneration:
    """A random BLIP with its processor's files beside it; `pickled` as Salesforce's repository has it."""
    torch.manual_seed(0)
    tokenizer = bert_tokenizer(WORDS, 64)
    size = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 2}
    special = {
        "bos_token_id": tokenizer.convert_tokens_to_ids("[DEC]"),
        "eos_token_id": tokenizer.sep_token_id,
        "sep_token_id": tokenizer.sep_token_id,
        "pad_token_id": tokenizer.pad_token_id,
    }
    text = {**size, **special, "vocab_size": len(tokenizer), "max_position_embeddings": 64, "initializer_range": 0.5}
    vision = {**size, "image_size": SIDE, "patch_size": 8, "initializer_range": 0.2}
    model = BlipForConditionalGeneration(BlipConfig(text_config=text, vision_config=vision)).eval()
    model.save_pretrained(folder)
    if pickled:
        (folder / "model.safetensors").unlink()
        positions = {"text_decoder.bert.embeddings.position_ids": torch.arange(64)[None]}
        torch.save({**model.state_dict(), **positions}, folder / "pytorch_model.bin")
    tokenizer.save_pretrained(folder)
    BlipImageProcessorPil(size={"height": SIDE, "width": SIDE}).save_pretrained(folder)
    return model


def picture(seed: int = 0) -> Image.Image:
    return Image.fromarray(np.random.default_rng(seed).integers(0, 256, (48, 40, 3), dtype=np.uint8))


@pytest.mark.parametrize("pickled", [False, True])
def test_captioner_survives_a_folder(tmp_path: Path, pickled: bool) -> None:
    """Logits of the loaded model: bit-equal, from safetensors and from a pickle. `describe` gives the same one line
    twice."""
    model = save_captioner(tmp_path, pickled=pickled)
    loaded: Captioner = families.load_captioner(row_of(tmp_path, safetensors=not pickled), CPU, torch.float32)
    inputs = loaded.processor(images=picture(), return_tensors="pt")
    assert inputs["pixel_values"].shape == (1, 3, SIDE, SIDE)
    ids = torch.tensor([[loaded.processor.tokenizer.convert_tokens_to_ids("[DEC]"), 8, 9]])
    with torch.no_grad():
        found = loaded.model(pixel_values=inputs["pixel_values"], input_ids=ids).logits
        expected = model(pixel_values=inputs["pixel_values"], input_ids=ids).logits
    assert torch.equal(found, expected)
    caption = loaded.describe(picture())
    assert isinstance(caption, str)
    assert caption == loaded.describe(picture())
    assert caption == caption.strip().lower()
    assert "\n" not in caption


# Rewriter


def save_rewriter(folder: Path) -> PhiForCausalLM:
    """A random Phi with a byte-level tokenizer."""
    torch.manual_seed(0)
    vocabulary = {token: index for index, token in enumerate([*byte_symbols(), END])}
    tokenizer = GPT2Tokenizer(vocab=vocabulary, merges=[], unk_token=END, bos_token=END, eos_token=END)
    config = PhiConfig(
        vocab_size=len(tokenizer),
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=4,
        max_position_embeddings=128,
        initializer_range=0.2,
        bos_token_id=vocabulary[END],
        eos_token_id=vocabulary[END],
    )
    model = PhiForCausalLM(config).eval()
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return model


def test_rewriter_survives_a_folder(tmp_path: Path) -> None:
    """Logits of the loaded model: bit-equal; the tokenizer gives a text back; the pool is there."""
    model = save_rewriter(tmp_path)
    loaded: Rewriter = families.load_rewriter(row_of(tmp_path), "world", CPU, torch.float32)
    ids = loaded.tokenizer("make the cat a dog", return_tensors="pt")["input_ids"]
    with torch.no_grad():
        found = cast(Any, loaded.model)(input_ids=ids).logits
        expected = model(input_ids=ids).logits
    assert isinstance(loaded.model, PhiForCausalLM)
    assert not loaded.model.training
    assert loaded.tokenizer.decode(ids[0]) == "make the cat a dog"
    assert torch.equal(found, expected)
    assert loaded.examples


# Missing weights

LOADERS: dict[str, Callable[[ModelRow], object]] = {
    "diffusion": lambda row: families.load_diffusion(row, CPU, torch.float32),
    "captioner": lambda row: families.load_captioner(row, CPU, torch.float32),
    "rewriter": lambda row: families.load_rewriter(row, "world", CPU, torch.float32),
}


def assert_one_sentence(row: ModelRow, load: Callable[[ModelRow], object]) -> None:
    """The error is one line that names the row and a way out."""
    with pytest.raises(ModelUnavailableError) as caught:
        load(row)
    message = str(caught.value)
    assert row.source in message
    assert "--family mini" in message
    assert "\n" not in message
    assert not re.search(r"\. [A-Z]", message)


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
    else:
        save_rewriter(tmp_path)
    for file in (*tmp_path.glob("token*.json"), *tmp_path.glob("tokenizer/*")):
        file.unlink()
    assert_one_sentence(row_of(tmp_path), LOADERS[role])
