"""The custom pipeline, loaded by diffusers itself, on tiny random models."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from diffusers import DiffusionPipeline
from diffusers.utils import dynamic_modules_utils
from PIL import Image

from pix2pix_onthefly import Editor
from tests.helpers import AFTER, BEFORE, CAPTION
from tests.tiny_backbones import BUILDERS, save_backbone

FOLDER = Path(__file__).parents[2] / "integrations" / "diffusers"
CLASSES = {
    "stable-diffusion": "StableDiffusionPipeline",
    "sdxl": "StableDiffusionXLPipeline",
    "sd3": "StableDiffusion3Pipeline",
    "flux": "FluxPipeline",
    "flux2": "Flux2KleinPipeline",
}
TEXTS: dict[str, Any] = {"before": BEFORE[0], "after": AFTER[0], "steps": 2, "size": 64, "keep": "off"}


@pytest.fixture(autouse=True)
def own_modules(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """diffusers copies a custom pipeline into a folder of its own before it runs it."""
    monkeypatch.setattr(dynamic_modules_utils, "HF_MODULES_CACHE", str(tmp_path / "modules"))


def loaded(layout: str, folder: Path) -> Any:
    """A saved model through our pipeline."""
    save_backbone(BUILDERS[layout](), folder, CLASSES[layout])
    pipeline: Any = DiffusionPipeline.from_pretrained(str(folder), custom_pipeline=str(FOLDER), trust_remote_code=True)
    pipeline.set_progress_bar_config(disable=True)
    return pipeline


def picture() -> Image.Image:
    return Image.linear_gradient("L").resize((64, 64)).convert("RGB")


@pytest.mark.parametrize("layout", list(CLASSES))
def test_a_model_of_every_layout_edits(layout: str, tmp_path: Path) -> None:
    pipeline = loaded(layout, tmp_path / "model")
    made = pipeline(picture(), **TEXTS)
    assert type(pipeline).__name__ == "OnTheFlyPipeline"
    assert [image.size for image in made.images] == [(64, 64)]
    assert made.result.caption == BEFORE[0], "no captioner is asked where captions are given"


def test_it_makes_what_the_editor_makes(tmp_path: Path) -> None:
    pipeline = loaded("stable-diffusion", tmp_path / "model")
    made = pipeline(picture(), caption=CAPTION, **TEXTS, candidates=2)
    editor = Editor.from_pipeline(pipeline)
    options = editor.options(steps=2, size=64, keep="off", candidates=2)
    expected = editor.edit(picture(), caption=CAPTION, before=BEFORE[0], after=AFTER[0], options=options)
    assert [image.tobytes() for image in made.images] == [expected.image.tobytes(), expected.others[0].image.tobytes()]


def test_an_instruction_goes_through_the_familys_models(tmp_path: Path, tiny_family: str) -> None:
    pipeline = loaded("stable-diffusion", tmp_path / "model")
    made = pipeline(picture(), "make the cat a dog", family=tiny_family, steps=2, size=64, attempts=1, force=True)
    assert made.result.family == tiny_family
    assert made.result.captions.prompt


def test_the_editor_is_kept_until_the_networks_are_others(tmp_path: Path) -> None:
    pipeline = loaded("stable-diffusion", tmp_path / "model")
    first = pipeline.editor()
    assert pipeline.editor() is first
    pipeline.to(torch.bfloat16)
    assert pipeline.editor().dtype == torch.bfloat16
