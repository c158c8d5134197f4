"""Loaded pipelines of diffusers behind an editor: tiny random ones of every layout, offline."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from diffusers import (
    AutoencoderTiny,
    DDPMPipeline,
    DiffusionPipeline,
    EulerDiscreteScheduler,
    Flux2KleinPipeline,
    FluxPipeline,
    LCMScheduler,
    StableDiffusion3Pipeline,
    StableDiffusionPipeline,
    StableDiffusionXLPipeline,
)
from PIL import Image, ImageChops

from pix2pix_onthefly import Editor, InputError, OptionError
from pix2pix_onthefly.models import families
from pix2pix_onthefly.models.identity import weights_name
from pix2pix_onthefly.models.pipelines import LoadedPipeline
from tests.helpers import AFTER, BEFORE, CAPTION, sd_scheduler
from tests.tiny_backbones import BUILDERS, altered, parts_of, save_backbone

KINDS: dict[str, tuple[Any, dict[str, Any]]] = {
    "stable-diffusion": (
        StableDiffusionPipeline,
        {"safety_checker": None, "feature_extractor": None, "requires_safety_checker": False},
    ),
    "sdxl": (StableDiffusionXLPipeline, {}),
    "sd3": (StableDiffusion3Pipeline, {}),
    "flux": (FluxPipeline, {}),
    "flux2": (Flux2KleinPipeline, {}),
}


def pipeline_of(layout: str, **changes: Any) -> Any:
    kind, more = KINDS[layout]
    return kind(**{**parts_of(BUILDERS[layout]()), **more, **changes})


def picture() -> Image.Image:
    return Image.linear_gradient("L").resize((64, 64)).convert("RGB")


def edit(editor: Editor, **changes: Any) -> Any:
    texts: dict[str, Any] = {"caption": CAPTION, "before": BEFORE[0], "after": AFTER[0]}
    return editor.edit(picture(), options=editor.options(steps=2, size=64, keep="off", **changes), **texts)


@pytest.mark.parametrize("layout", list(KINDS))
def test_a_loaded_pipeline_edits_as_its_backbone_does(layout: str) -> None:
    """Where captions are given, neither captioner nor language model is asked for, which could not be had here."""
    editor = Editor.from_pipeline(pipeline_of(layout))
    made, again = edit(editor), edit(Editor.from_pipeline(pipeline_of(layout)))
    assert ImageChops.difference(made.image, made.source).getbbox() is not None
    assert made.image.tobytes() == again.image.tobytes()
    backbone, own = editor.models.diffusion, BUILDERS[layout]()
    latents = torch.randn(1, own.latent_channels, 8, 8, generator=torch.Generator().manual_seed(0))
    timestep = own.path(2, (8, 8)).timesteps[0]
    expected = own.predict(latents, timestep, own.condition([CAPTION]))
    assert torch.equal(backbone.predict(latents, timestep, backbone.condition([CAPTION])), expected)


def test_the_papers_method_runs_on_a_pipeline() -> None:
    made = edit(Editor.from_pipeline(pipeline_of("stable-diffusion")), method="attention")
    assert made.reconstruction is not None


def test_a_method_that_needs_noise_is_refused_on_a_pipeline_of_a_flow() -> None:
    with pytest.raises(OptionError, match="flow"):
        edit(Editor.from_pipeline(pipeline_of("sd3")), method="attention")


@pytest.mark.parametrize("low_vram", [False, True], ids=["all in memory", "one at a time"])
def test_captioner_and_language_model_are_the_familys(tiny_family: str, low_vram: bool) -> None:
    editor = Editor.from_pipeline(pipeline_of("stable-diffusion"), tiny_family, low_vram=low_vram)
    options = editor.options(steps=2, size=64, attempts=1, force=True)
    made = editor.edit(picture(), "make the cat a dog", options=options)
    assert made.family == tiny_family
    assert made.models["captioner"] == str(families.FAMILIES[tiny_family].captioner)
    assert made.captions.prompt


def test_any_scheduler_is_read_as_the_backbones_own() -> None:
    """Euler's settings as DDIM's; the pipeline keeps its own scheduler."""
    euler = EulerDiscreteScheduler.from_config(sd_scheduler().config)
    pipeline = pipeline_of("stable-diffusion", scheduler=euler)
    backbone: Any = Editor.from_pipeline(pipeline).models.diffusion
    assert pipeline.scheduler is euler
    assert backbone.path(4) == BUILDERS["stable-diffusion"]().path(4)
    consistent = pipeline_of("stable-diffusion", scheduler=LCMScheduler.from_config(sd_scheduler().config))
    assert Editor.from_pipeline(consistent).models.diffusion.path(4).timesteps[0] == 999


def test_device_and_precision_are_the_pipelines() -> None:
    pipeline = pipeline_of("stable-diffusion").to(torch.bfloat16)
    editor = Editor.from_pipeline(pipeline)
    assert (editor.device, editor.dtype) == (torch.device("cpu"), torch.bfloat16)
    with pytest.raises(OptionError, match="decides on precision"):
        Editor.from_pipeline(pipeline, precision="float32")


def test_an_autoencoder_that_overflows_in_float16_is_widened_in_a_copy() -> None:
    pipeline = pipeline_of("sdxl").to(torch.float16)
    backbone: Any = Editor.from_pipeline(pipeline).models.diffusion
    assert (backbone.vae.dtype, backbone.unet.dtype) == (torch.float32, torch.float16)
    assert pipeline.vae.dtype == torch.float16


def test_a_pipelines_switches_reach_the_backbone() -> None:
    backbone: Any = Editor.from_pipeline(pipeline_of("sdxl", force_zeros_for_empty_prompt=False)).models.diffusion
    assert backbone.zero_empty is False


def test_weights_are_known_by_what_they_hold() -> None:
    """Equal pipelines have one name; another weight in any network is another name."""
    rows = [LoadedPipeline.of(pipeline_of("stable-diffusion")).row for _ in range(2)]
    changed = pipeline_of("stable-diffusion")
    with torch.no_grad():
        next(changed.text_encoder.parameters()).mul_(1.5)
    names = [weights_name(row) for row in (*rows, LoadedPipeline.of(changed).row)]
    assert names[0] == names[1] != names[2]
    assert weights_name(LoadedPipeline.of(pipeline_of("sdxl")).row) not in names


def test_a_recipe_names_where_the_pipeline_came_from_without_its_path(tmp_path: Path) -> None:
    save_backbone(BUILDERS["sdxl"](), tmp_path / "my-xl", "StableDiffusionXLPipeline")
    loaded = DiffusionPipeline.from_pretrained(str(tmp_path / "my-xl"))
    named = edit(Editor.from_pipeline(loaded)).models["diffusion"]
    assert named.startswith("folder:my-xl@pipeline-")
    assert edit(Editor.from_pipeline(pipeline_of("sdxl"))).models["diffusion"].startswith("pipeline@pipeline-")


def test_a_pipeline_of_the_table_brings_its_familys_defaults() -> None:
    pipeline = pipeline_of("sdxl")
    pipeline.register_to_config(_name_or_path="stabilityai/sdxl-turbo")
    editor = Editor.from_pipeline(pipeline)
    assert editor.family_name == "sdxl-turbo"
    assert editor.options().steps == 4


def _without_latents() -> Any:
    return DDPMPipeline(BUILDERS["stable-diffusion"]().unet, sd_scheduler())  # pyright: ignore[reportArgumentType]


def _for_inpainting() -> Any:
    unet = altered(BUILDERS["stable-diffusion"]().unet, in_channels=9)
    return pipeline_of("stable-diffusion", unet=unet)


def _tiny_autoencoder() -> Any:
    return pipeline_of("stable-diffusion", vae=AutoencoderTiny(encoder_block_out_channels=(8,) * 4))


def _moved_about() -> Any:
    pipeline = pipeline_of("stable-diffusion")
    pipeline.unet._hf_hook = object()  # as accelerate marks what it moves
    return pipeline


def _in_two_places() -> Any:
    pipeline = pipeline_of("stable-diffusion")
    pipeline.text_encoder.to("meta")
    return pipeline


@pytest.mark.parametrize(
    ("make", "error", "says"),
    [
        (_without_latents, InputError, "has no vae"),
        (lambda: pipeline_of("sdxl", tokenizer_2=None), InputError, "has no tokenizer_2"),
        (_for_inpainting, OptionError, "takes 9 channels"),
        (_tiny_autoencoder, InputError, "vae of this pipeline is a AutoencoderTiny"),
        (_moved_about, InputError, "low_vram=True"),
        (_in_two_places, InputError, "lie on cpu and meta"),
        (lambda: pipeline_of("stable-diffusion", scheduler=sd_scheduler("sample")), OptionError, "sample"),
    ],
)
def test_what_cannot_be_edited_with_is_refused_at_once(make: Any, error: type[Exception], says: str) -> None:
    with pytest.raises(error, match=says):
        Editor.from_pipeline(make())
