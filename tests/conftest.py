"""Runs without the network, on two threads, with a family of tiny random models in the hub's layout."""

from __future__ import annotations

import os

os.environ["HF_HUB_OFFLINE"] = "1"
os.environ.setdefault("OMP_NUM_THREADS", "2")  # on a busy machine 1 is far faster

from pathlib import Path

import pytest
import torch
from jaxtyping import install_import_hook
from torch import Tensor

from tests.shapes import ROOMS

# Before the package itself is imported.
install_import_hook(ROOMS, "tests.shapes.checked")

# ruff: noqa: E402
from pix2pix_onthefly.backbones.stable_diffusion import LatentDiffusion
from pix2pix_onthefly.editor import Editor
from pix2pix_onthefly.methods.direction import edit_direction
from tests.helpers import AFTER, BEFORE, tiny_diffusion

torch.set_num_threads(int(os.environ["OMP_NUM_THREADS"]))

TINY = "tiny"


def save_tiny_models(folder: Path) -> None:
    """Diffusion model, captioner and rewriter with random weights; what they make is noise, but always the same."""
    from transformers import PhiConfig, PhiForCausalLM

    from training import captioner, rewriter

    diffusion = tiny_diffusion()
    diffusion.unet.register_to_config(sample_size=8)
    for part in ("vae", "unet", "text_encoder", "tokenizer", "scheduler"):
        getattr(diffusion, part).save_pretrained(folder / "diffusion" / part)
    with pytest.MonkeyPatch.context() as patch, torch.random.fork_rng(devices=()):
        torch.manual_seed(0)
        for table in (captioner.VISION, captioner.DECODER):
            for name in ("hidden_size", "intermediate_size", "num_hidden_layers"):
                patch.setitem(table, name, 1 if name == "num_hidden_layers" else 32)
        processor = captioner.build_processor()
        captioner.build(processor.tokenizer).save_pretrained(folder / "captioner")  # pyright: ignore
        processor.save_pretrained(folder / "captioner")
        tokenizer = rewriter.build_tokenizer()
        config = PhiConfig(
            vocab_size=len(tokenizer),
            max_position_embeddings=512,
            hidden_size=32,
            intermediate_size=32,
            num_hidden_layers=1,
            num_attention_heads=2,
        )
        PhiForCausalLM(config).save_pretrained(folder / "rewriter")
        tokenizer.save_pretrained(folder / "rewriter")


def register_tiny_family(folder: Path) -> None:
    """Puts the models of `save_tiny_models` into the table of families; also for programs started by a test."""
    from pix2pix_onthefly.models import families

    families.FAMILIES[TINY] = families.Family(
        diffusion=families.ModelRow(str(folder / "diffusion"), "MIT", 1),
        captioner=families.ModelRow(str(folder / "captioner"), "MIT", 1),
        rewriter=families.ModelRow(str(folder / "rewriter"), "MIT", 1),
        clip=families.FAMILIES[families.DEFAULT_FAMILY].clip,
        pool="world",
        about="tiny random models for tests",
    )


@pytest.fixture(scope="session")
def tiny_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the tiny models lie."""
    folder = tmp_path_factory.mktemp("tiny-models")
    save_tiny_models(folder)
    return folder


@pytest.fixture
def tiny_family(tiny_folder: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """The tiny family's name; while the test runs it is in the table, and the default."""
    from pix2pix_onthefly.models import families

    monkeypatch.setattr(families, "FAMILIES", dict(families.FAMILIES))
    register_tiny_family(tiny_folder)
    monkeypatch.setenv(families.FAMILY_VARIABLE, TINY)
    return TINY


@pytest.fixture
def editor(tiny_family: str) -> Editor:
    """The tiny family, three pictures at a time."""
    return Editor.load(tiny_family, device="cpu", batch=3)


@pytest.fixture(scope="session")
def diffusion() -> LatentDiffusion:
    """Tiny random models; no test may change them."""
    return tiny_diffusion()


@pytest.fixture(scope="session")
def direction(diffusion: LatentDiffusion) -> Tensor:
    """From red cats to blue dogs, [1, tokens, width]."""
    return edit_direction(diffusion, BEFORE, AFTER).hidden
