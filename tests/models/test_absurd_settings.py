"""Settings that ask for more than their weights hold are refused in one sentence, before memory is taken for them."""

from __future__ import annotations

import json
import os
import struct
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import psutil
import pytest
import torch
from torch import nn
from transformers import (
    AutoModelForCausalLM,
    GPT2Config,
    GPT2LMHeadModel,
    PreTrainedModel,
    Qwen2Config,
    Qwen2ForCausalLM,
)

from benchmarks import true_size_models
from pix2pix_onthefly.errors import ModelUnavailableError
from pix2pix_onthefly.models import blueprint, loading
from pix2pix_onthefly.models.families import FAMILIES, ModelRow
from tests.helpers import tiny_diffusion
from tests.saved_models import (
    byte_tokenizer,
    row_of,
    save_captioner,
    save_clip,
    save_diffusion,
    save_dino,
    save_rewriter,
)
from tests.tiny_backbones import save_backbone, tiny_flux, tiny_flux2, tiny_sd3

CPU = torch.device("cpu")
MOST_BYTES = 300 * 2**20
"""That a refusal may take; the smallest absurd network below takes 4 GB."""
SAVERS: dict[str, Callable[[Path], object]] = {
    "diffusion": lambda folder: save_diffusion(tiny_diffusion(), folder),
    "sd3": lambda folder: save_backbone(tiny_sd3(), folder),
    "flux": lambda folder: save_backbone(tiny_flux(), folder),
    "flux2": lambda folder: save_backbone(tiny_flux2(), folder),
    "captioner": lambda folder: save_captioner(folder, pickled=False),
    "captioner pickled": lambda folder: save_captioner(folder, pickled=True),
    "rewriter": save_rewriter,
    "clip": save_clip,
    "dino": save_dino,
}
LOADERS: dict[str, Callable[[ModelRow], object]] = {
    "diffusion": lambda row: loading.load_diffusion(row, CPU, torch.float32),
    "sd3": lambda row: loading.load_backbone(row, CPU, torch.float32),
    "flux": lambda row: loading.load_backbone(row, CPU, torch.float32),
    "flux2": lambda row: loading.load_backbone(row, CPU, torch.float32),
    "captioner": lambda row: loading.load_captioner(row, CPU, torch.float32),
    "rewriter": lambda row: loading.load_rewriter(row, "world", CPU, torch.float32),
    "clip": lambda row: loading.load_clip(row, CPU, torch.float32),
    "dino": lambda row: loading.load_dino(row, CPU, torch.float32),
}
WIDE = 10**9
ENDLESS = 10**12
ABSURD = [
    ("diffusion", "unet", "cross_attention_dim", WIDE),
    ("diffusion", "unet", "block_out_channels", [16, 32, 2**22]),
    ("diffusion", "unet", "layers_per_block", ENDLESS),
    ("diffusion", "unet", "transformer_layers_per_block", [ENDLESS] * 3),
    ("diffusion", "unet", "in_channels", WIDE),
    ("diffusion", "unet", "sample_size", WIDE),
    ("diffusion", "vae", "layers_per_block", ENDLESS),
    ("diffusion", "vae", "latent_channels", WIDE),
    ("diffusion", "text_encoder", "vocab_size", WIDE),
    ("diffusion", "text_encoder", "max_position_embeddings", WIDE),
    ("diffusion", "text_encoder", "num_hidden_layers", ENDLESS),
    ("sd3", "transformer", "num_layers", ENDLESS),
    ("sd3", "transformer", "pos_embed_max_size", 10**6),
    ("sd3", "text_encoder_3", "d_model", 2**20),
    ("flux", "transformer", "num_single_layers", ENDLESS),
    ("flux", "transformer", "joint_attention_dim", WIDE),
    ("flux2", "text_encoder", "num_hidden_layers", ENDLESS),
    ("captioner", "", "text_config.vocab_size", WIDE),
    ("captioner", "", "text_config.num_hidden_layers", ENDLESS),
    ("captioner", "", "vision_config.image_size", WIDE),
    ("captioner pickled", "", "text_config.vocab_size", WIDE),
    ("captioner pickled", "", "vision_config.num_hidden_layers", ENDLESS),
    ("rewriter", "", "hidden_size", 2**20),
    ("rewriter", "", "vocab_size", 10**30),
    ("rewriter", "", "num_hidden_layers", ENDLESS),
    ("rewriter", "", "num_labels", ENDLESS),
    ("clip", "", "vision_config.num_hidden_layers", ENDLESS),
    ("clip", "", "text_config.vocab_size", WIDE),
    ("clip", "", "projection_dim", WIDE),
    ("dino", "", "num_hidden_layers", ENDLESS),
    ("dino", "", "intermediate_size", WIDE),
]


def set_in(file: Path, name: str, value: object) -> None:
    """Changes a setting, which may lie in a nested group: `text_config.vocab_size`."""
    settings = json.loads(file.read_text())
    *groups, last = name.split(".")
    group: dict[str, Any] = settings
    for key in groups:
        group = group[key]
    group[last] = value
    file.write_text(json.dumps(settings))


@pytest.mark.parametrize(
    ("saved", "part", "name", "value"), ABSURD, ids=[f"{saved} {part} {name}" for saved, part, name, _ in ABSURD]
)
def test_settings_that_ask_for_more_than_the_weights_hold(
    tmp_path: Path, saved: str, part: str, name: str, value: object
) -> None:
    SAVERS[saved](tmp_path)
    role = saved.partition(" ")[0]
    set_in(tmp_path / part / "config.json", name, value)
    before, begun = psutil.Process().memory_info().rss, time.monotonic()
    with pytest.raises(ModelUnavailableError) as error:
        LOADERS[role](row_of(tmp_path, safetensors=saved not in ("captioner pickled", "dino")))
    message = str(error.value)
    assert "\n" not in message
    assert str(tmp_path) in message
    assert psutil.Process().memory_info().rss - before < MOST_BYTES
    assert time.monotonic() - begun < 20


@pytest.mark.parametrize("role", ["captioner", "clip", "rewriter"])
def test_it_says_that_settings_and_weights_do_not_belong_together(tmp_path: Path, role: str) -> None:
    SAVERS[role](tmp_path)
    group = "" if role == "rewriter" else "text_config."
    set_in(tmp_path / "config.json", f"{group}vocab_size", WIDE)
    with pytest.raises(ModelUnavailableError, match="settings and weights do not belong together: a network of more"):
        LOADERS[role](row_of(tmp_path))


def test_nothing_is_allocated(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The loader itself is not reached."""
    save_rewriter(tmp_path)
    set_in(tmp_path / "config.json", "intermediate_size", WIDE)
    monkeypatch.setattr(PreTrainedModel, "from_pretrained", lambda *_, **__: pytest.fail("loading began"))
    with pytest.raises(ModelUnavailableError, match="belong together"):
        LOADERS["rewriter"](row_of(tmp_path))


# What is not absurd


def qwen(**changes: Any) -> PreTrainedModel:
    """Grouped heads, matrices tied, a long context."""
    sizes = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 4}
    more = {"num_key_value_heads": 2, "vocab_size": 151_936, "max_position_embeddings": 131_072}
    return Qwen2ForCausalLM(Qwen2Config(**{**sizes, **more, **changes}))  # pyright: ignore[reportArgumentType]


@pytest.mark.parametrize(
    "make",
    [
        lambda: qwen(tie_word_embeddings=True),
        lambda: GPT2LMHeadModel(GPT2Config(n_embd=16, n_layer=3, n_head=2, n_positions=4096, vocab_size=300)),
    ],
    ids=["tied and long", "masks beside the weights"],
)
def test_language_models_with_more_than_their_weights(tmp_path: Path, make: Callable[[], PreTrainedModel]) -> None:
    """Tied matrices, and buffers that no file holds, are no reason to refuse a model."""
    make().save_pretrained(tmp_path)
    byte_tokenizer().save_pretrained(tmp_path)
    LOADERS["rewriter"](row_of(tmp_path))


def write_hollow(file: Path, shapes: Mapping[str, torch.Tensor]) -> None:
    """A file of weights of these shapes that takes no room: a true header, and a hole where the numbers would be."""
    header: dict[str, object] = {}
    end = 0
    for name, tensor in shapes.items():
        begin, end = end, end + 4 * tensor.numel()
        header[name] = {"dtype": "F32", "shape": list(tensor.shape), "data_offsets": [begin, end]}
    words = json.dumps(header).encode()
    file.write_bytes(struct.pack("<Q", len(words)) + words)
    os.truncate(file, file.stat().st_size + end)


@pytest.mark.parametrize(
    ("network", "kind"),
    [
        *((network, network.kind) for network in true_size_models.DIFFUSION.values()),
        (true_size_models.CAPTIONER, true_size_models.CAPTIONER.kind),
        (true_size_models.LANGUAGE_MODEL, AutoModelForCausalLM),
    ],
    ids=[*true_size_models.DIFFUSION, "captioner", "language model"],
)
def test_published_settings_at_their_true_size(tmp_path: Path, network: true_size_models.Network, kind: Any) -> None:
    (tmp_path / "config.json").write_text(json.dumps(network.config))
    file = tmp_path / "model.safetensors"
    write_hollow(file, network.shapes())
    blueprint.check_blueprint(kind, tmp_path, [file])
    write_hollow(file, dict(list(network.shapes().items())[: len(network.shapes()) // 4]))
    with pytest.raises(blueprint.TooLarge):
        blueprint.check_blueprint(kind, tmp_path, [file])


def test_the_bundled_weights_hold_what_their_settings_ask_for() -> None:
    row = FAMILIES["mini"].rewriter
    assert row.folder is not None
    held = blueprint.contents_of([row.folder / "model.safetensors"])
    assert held.numbers == pytest.approx(row.parameters * 10**6, rel=0.4)
    assert held.tensors > 10


def test_other_threads_may_build_what_they_like(tmp_path: Path) -> None:
    """torch's hooks hear of the modules of all threads."""
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(1) as pool, blueprint._limited(blueprint.Contents(0, 0)):  # pyright: ignore
        assert pool.submit(nn.Linear, 2000, 2000).result().in_features == 2000
        with pytest.raises(blueprint.TooLarge):
            nn.Linear(2000, 2000)
    nn.Linear(2000, 2000)
