"""Diffusion models of every layout, saved as the hub has them and loaded by the ordinary path."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch

from pix2pix_onthefly.backbones.flux import NATIVE_CELLS
from pix2pix_onthefly.errors import ModelUnavailableError, OptionError
from pix2pix_onthefly.models import hub, loading
from pix2pix_onthefly.models.families import custom_row, known_rows
from pix2pix_onthefly.models.layouts import LAYOUTS
from pix2pix_onthefly.models.sizes import picture_sizes
from tests.fake_hub import connect
from tests.helpers import CAPTION
from tests.saved_models import row_of
from tests.tiny_backbones import BUILDERS, save_backbone, tiny_sd3, tiny_sdxl

CPU = torch.device("cpu")
PIPELINES = {
    "stable-diffusion": "StableDiffusionPipeline",
    "sdxl": "StableDiffusionXLPipeline",
    "sd3": "StableDiffusion3Pipeline",
    "flux": "FluxPipeline",
    "flux2": "Flux2KleinPipeline",
}


def load(folder: Path, dtype: torch.dtype = torch.float32) -> Any:
    return loading.load_backbone(row_of(folder), CPU, dtype)


@torch.no_grad()
def predicted(backbone: Any) -> torch.Tensor:
    latents = torch.ones(1, backbone.latent_channels, 8, 8)
    return backbone.predict(latents, backbone.path(4).timesteps[1], backbone.condition([CAPTION]))


@pytest.mark.parametrize("indexed", [True, False], ids=["with an index", "parts alone"])
@pytest.mark.parametrize("layout", BUILDERS)
def test_a_folder_tells_which_backbone_it_is(tmp_path: Path, layout: str, indexed: bool) -> None:
    """The classes in the files count; the folder has the same name each time."""
    made = BUILDERS[layout]()
    save_backbone(made, tmp_path, PIPELINES[layout] if indexed else "")
    loaded = load(tmp_path)
    assert type(loaded) is type(made)
    assert torch.allclose(predicted(loaded), predicted(made), atol=1e-5)
    side, multiple = picture_sizes(row_of(tmp_path))
    assert side == loaded.native_size
    assert multiple == loaded.pixels_per_latent * LAYOUTS[layout].patch


def test_t5_may_be_left_out(tmp_path: Path) -> None:
    save_backbone(tiny_sd3(with_t5=False), tmp_path, PIPELINES["sd3"])
    assert load(tmp_path).text_encoder_3 is None


def test_a_t5_without_its_tokenizers_words_is_refused(tmp_path: Path) -> None:
    save_backbone(tiny_sd3(), tmp_path)
    (tmp_path / "text_encoder_3" / "model.safetensors").unlink()
    with pytest.raises(ModelUnavailableError, match=r"the folder has no text_encoder_3/model\.safetensors"):
        load(tmp_path)


def test_classes_without_a_backbone_are_refused(tmp_path: Path) -> None:
    save_backbone(BUILDERS["flux"](), tmp_path)
    file = tmp_path / "transformer" / "config.json"
    file.write_text(json.dumps({**json.loads(file.read_text()), "_class_name": "WanTransformer3DModel"}))
    with pytest.raises(ModelUnavailableError, match=r"no backbone for a WanTransformer3DModel.*sd3, flux, flux2"):
        load(tmp_path)


def test_whether_the_empty_text_is_zeros_is_read_from_the_index(tmp_path: Path) -> None:
    save_backbone(tiny_sdxl(), tmp_path, PIPELINES["sdxl"])
    assert load(tmp_path).zero_empty
    index = tmp_path / "model_index.json"
    index.write_text(json.dumps({**json.loads(index.read_text()), "force_zeros_for_empty_prompt": False}))
    assert not load(tmp_path).zero_empty


def test_float16_is_too_narrow_for_the_autoencoder_of_sdxl(tmp_path: Path) -> None:
    loaded = load(save_backbone(tiny_sdxl(), tmp_path), torch.float16)
    assert (loaded.unet.dtype, loaded.vae.dtype) == (torch.float16, torch.float32)


def test_consistency_models_are_asked_where_they_were_distilled(tmp_path: Path) -> None:
    """Counted down from the noisiest timestep, not up from the cleanest."""
    save_backbone(BUILDERS["stable-diffusion"](), tmp_path)
    file = tmp_path / "scheduler" / "scheduler_config.json"
    file.write_text(json.dumps({**json.loads(file.read_text()), "_class_name": "LCMScheduler"}))
    assert load(tmp_path).path(4).timesteps == (999, 749, 499, 249)


def test_networks_on_which_stable_diffusions_rivals_work_are_no_others(tmp_path: Path) -> None:
    save_backbone(tiny_sdxl(), tmp_path)
    with pytest.raises(ModelUnavailableError, match=r"not of Stable Diffusion 1\.x or 2\.x"):
        loading.load_diffusion(row_of(tmp_path), CPU, torch.float32)


def test_of_an_unknown_hub_id_the_index_is_asked_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """And then the files of that layout alone are fetched, T5 among them."""
    made = save_backbone(tiny_sd3(), tmp_path / "saved", PIPELINES["sd3"])
    shutil.copytree(made / "vae", made / "safety_checker")
    files = {path.relative_to(made).as_posix(): path.read_bytes() for path in made.rglob("*") if path.is_file()}
    fake = connect(tmp_path / "cache", monkeypatch)
    fake.models["somebody/something"] = files
    row = custom_row("diffusion", "somebody/something")
    assert hub.presence(row, "diffusion").state == "no"
    folder = hub.folder_of(row, "diffusion", half=False)
    assert fake.downloaded[0] == "model_index.json"
    assert (folder / "text_encoder_3" / "model.safetensors").is_file()
    assert not (folder / "safety_checker").exists()
    assert hub.presence(row, "diffusion").state == "yes"


def test_every_diffusion_row_of_the_table_names_its_layout() -> None:
    for role, row in known_rows():
        assert (row.layout in LAYOUTS) == (role == "diffusion"), row.source


def test_flux_is_as_large_in_the_table_as_in_its_backbone() -> None:
    assert LAYOUTS["flux"].cells == LAYOUTS["flux2"].cells == NATIVE_CELLS


@pytest.mark.parametrize("indexed", [True, False], ids=["with an index", "parts alone"])
def test_flux2_with_another_text_encoder_is_refused(tmp_path: Path, indexed: bool) -> None:
    """FLUX.2 [dev] reads texts with Mistral, which is another kind of conditioning and of tokenizer."""
    save_backbone(BUILDERS["flux2"](), tmp_path, PIPELINES["flux2"] if indexed else "")
    file = tmp_path / ("model_index.json" if indexed else "text_encoder/config.json")
    file.write_text(file.read_text().replace("Qwen3ForCausalLM", "Mistral3ForConditionalGeneration"))
    with pytest.raises(ModelUnavailableError, match=r"Flux2Transformer2DModel with a Mistral3ForConditionalGeneration"):
        load(tmp_path)


def test_flux2_needs_the_chat_template_of_its_text_encoder(tmp_path: Path) -> None:
    save_backbone(BUILDERS["flux2"](), tmp_path)
    (tmp_path / "tokenizer" / "chat_template.jinja").unlink()
    with pytest.raises(OptionError, match="has no chat template"):
        load(tmp_path)


def test_flux2_needs_the_layers_that_it_reads(tmp_path: Path) -> None:
    made = BUILDERS["flux2"]()
    made.text_encoder.config.num_hidden_layers = 12
    with pytest.raises(OptionError, match="12 layers and not the 27"):
        type(made)(made.vae, made.transformer, made.text_encoder, made.tokenizer, made.scheduler)


def test_of_the_tables_sdxl_the_index_is_fetched_too_for_it_says_what_the_empty_text_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    row = next(row for _, row in known_rows() if row.layout == "sdxl")
    made = save_backbone(tiny_sdxl(), tmp_path / "saved", PIPELINES["sdxl"])
    fake = connect(tmp_path / "cache", monkeypatch)
    fake.models[row.source] = {
        path.relative_to(made).as_posix(): path.read_bytes() for path in made.rglob("*") if path.is_file()
    }
    hub.fetch(row, "diffusion", half=False)
    assert "model_index.json" in fake.downloaded
