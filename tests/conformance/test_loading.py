"""Loading models from folders laid out as the hub lays them out: the loaded ones compute what the saved ones do."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest
import torch
from diffusers import PNDMScheduler
from safetensors.torch import load_file, save_file
from torch import Tensor
from transformers import CLIPConfig, CLIPModel, LlamaConfig, LlamaForCausalLM, PhiForCausalLM

from pix2pix_onthefly.backbones.schedule import ddim_step
from pix2pix_onthefly.backbones.stable_diffusion import LatentDiffusion
from pix2pix_onthefly.captioning.blip import BlipCaptioner
from pix2pix_onthefly.errors import InputError
from pix2pix_onthefly.language.transformers_model import TransformersModel
from pix2pix_onthefly.models import loading
from pix2pix_onthefly.options import RewritingOptions
from pix2pix_onthefly.rewriting.rewriter import Rewriter
from tests.helpers import (
    CAPTION,
    TOKENS,
    difference,
    random_latents,
    report,
    sd_scheduler,
    text_config,
    tiny_diffusion,
    tiny_tokenizer,
)
from tests.saved_models import (
    SIDE,
    byte_tokenizer,
    picture,
    row_of,
    save_captioner,
    save_clip,
    save_diffusion,
    save_rewriter,
)

CPU = torch.device("cpu")


# Diffusion


def load_diffusion(folder: Path, dtype: torch.dtype = torch.float32, **settings: Any) -> LatentDiffusion:
    return loading.load_diffusion(row_of(folder, **settings), CPU, dtype)


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


@pytest.mark.parametrize("there", ["plain", "fp16"])
def test_the_other_variant_serves_where_one_is_missing(tmp_path: Path, there: str) -> None:
    """With only one kind of files both precisions load; the networks compute in the precision asked for."""
    folder = save_diffusion(tiny_diffusion(), tmp_path, **({} if there == "plain" else {"variant": "fp16"}))
    for dtype in (torch.float16, torch.float32, torch.bfloat16):
        loaded = load_diffusion(folder, dtype, variant="fp16")
        assert {network.dtype for network in (loaded.vae, loaded.unet, loaded.text_encoder)} == {dtype}


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


@pytest.mark.parametrize("pickled", [False, True])
def test_captioner_survives_a_folder(tmp_path: Path, pickled: bool) -> None:
    """Logits of the loaded model: bit-equal, from safetensors and from a pickle. `describe` gives the same one line
    twice."""
    model = save_captioner(tmp_path, pickled=pickled)
    loaded = loading.load_captioner(row_of(tmp_path, safetensors=not pickled), CPU, torch.float32)
    assert isinstance(loaded, BlipCaptioner)
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


def test_rewriter_survives_a_folder(tmp_path: Path) -> None:
    """Logits of the loaded model: bit-equal; the tokenizer gives a text back; the pool is there."""
    model = save_rewriter(tmp_path)
    loaded: Rewriter = loading.load_rewriter(row_of(tmp_path), "world", CPU, torch.float32)
    language_model = loaded.language_model
    assert isinstance(language_model, TransformersModel)
    ids = language_model.tokenizer("make the cat a dog", return_tensors="pt")["input_ids"]
    with torch.no_grad():
        found = language_model.model(input_ids=ids).logits
        expected = model(input_ids=ids).logits
    assert isinstance(language_model.model, PhiForCausalLM)
    assert not language_model.model.training
    assert language_model.tokenizer.decode(ids[0]) == "make the cat a dog"
    assert torch.equal(found, expected)
    assert loaded.examples


@pytest.mark.parametrize("sharded", [False, True])
def test_any_causal_language_model(tmp_path: Path, sharded: bool) -> None:
    """One of another class than Phi, in one file or in several; it is asked through its chat template."""
    torch.manual_seed(0)
    tokenizer = byte_tokenizer()
    tokenizer.chat_template = "{% for message in messages %}<user>{{ message['content'] }}<assistant>{% endfor %}"
    config = LlamaConfig(
        vocab_size=len(tokenizer),
        max_position_embeddings=1024,
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=1,
        num_attention_heads=2,
    )
    LlamaForCausalLM(config).save_pretrained(tmp_path, max_shard_size="20KB" if sharded else "1GB")
    tokenizer.save_pretrained(tmp_path)
    assert (tmp_path / "model.safetensors").exists() != sharded
    loaded = loading.load_rewriter(row_of(tmp_path), "world", CPU, torch.float32)
    assert isinstance(loaded.language_model, TransformersModel)
    assert isinstance(loaded.language_model.model, LlamaForCausalLM)
    captions = loaded.rewrite("make it a dog", "a cat", RewritingOptions(attempts=1, shots=0))
    assert captions.prompt is not None
    assert captions.prompt.startswith("[user]\nGiven the transformation 'make it a dog'")
    assert captions.prompt.endswith("[assistant]\nBefore transformation\n\nCaption 1: a cat\n")


# CLIP


def test_clip_survives_a_folder(tmp_path: Path) -> None:
    """Agreement of a picture with two texts, by the loaded model and its processor: equal within 1e-5."""
    model = save_clip(tmp_path)
    loaded, processor = loading.load_clip(row_of(tmp_path), CPU, torch.float32)
    inputs = processor(text=[CAPTION, "a dog"], images=picture(), return_tensors="pt", padding=True)
    assert not loaded.training
    with torch.no_grad():
        found, expected = loaded(**inputs).logits_per_image, model(**inputs).logits_per_image
    assert difference(found, expected) < 1e-5


# Devices and precision


def test_precision_by_name() -> None:
    """`auto` is half precision on CUDA alone; names are taken at their word."""
    cuda, mps = torch.device("cuda"), torch.device("mps")
    assert [loading.pick_dtype("auto", device) for device in (cuda, mps, CPU)] == [
        torch.float16,
        torch.float32,
        torch.float32,
    ]
    assert loading.pick_dtype("bfloat16", CPU) == torch.bfloat16
    assert loading.pick_dtype("float32", cuda) == torch.float32


@pytest.mark.parametrize("name", ["abacus", "cuda:99", ""])
def test_an_unusable_device(name: str) -> None:
    with pytest.raises(InputError, match="cannot be used"):
        loading.pick_device(name)
