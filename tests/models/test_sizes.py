"""Which pictures a diffusion model works on: the table's numbers are true, and others are read without weights."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from benchmarks import true_size_models
from pix2pix_onthefly.errors import ModelUnavailableError
from pix2pix_onthefly.models import families
from pix2pix_onthefly.models.families import FAMILIES, custom_row
from pix2pix_onthefly.models.sizes import picture_sizes
from tests.fake_hub import FakeHub, connect, go_offline

SETTINGS = ["unet/config.json", "vae/config.json"]
OWN = "somebody/something"


@pytest.fixture
def fake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FakeHub:
    """A hub with a model of the true one's settings."""
    made = connect(tmp_path / "cache", monkeypatch)
    published = zip(SETTINGS, (true_size_models.UNET, true_size_models.VAE), strict=True)
    settings = {file: json.dumps(config).encode() for file, config in published}
    made.models[OWN] = {**settings, "unet/diffusion_pytorch_model.safetensors": b"{}"}
    return made


def folder_with(tmp_path: Path, unet: Any, vae: Any) -> str:
    for file, content in zip(SETTINGS, (unet, vae), strict=True):
        (tmp_path / file).parent.mkdir()
        (tmp_path / file).write_text(content if isinstance(content, str) else json.dumps(content))
    return str(tmp_path)


def test_every_diffusion_row_of_the_table_knows_its_sizes() -> None:
    for role, row in families.known_rows():
        assert bool(row.side and row.cell) == (role == "diffusion"), row.source


def test_the_tables_sizes_are_those_of_the_bundled_settings(tmp_path: Path) -> None:
    row = FAMILIES["mini"].diffusion
    assert row.folder is not None
    for file in SETTINGS:
        (tmp_path / file).parent.mkdir()
        shutil.copy(row.folder / file, tmp_path / file)
    assert picture_sizes(custom_row("diffusion", str(tmp_path))) == picture_sizes(row) == (128, 8)


def test_of_a_hub_id_two_files_of_settings_are_downloaded(fake: FakeHub, monkeypatch: pytest.MonkeyPatch) -> None:
    """They are the published ones of Stable Diffusion 1.4, so that the table's numbers for it are checked as well."""
    sizes = picture_sizes(custom_row("diffusion", OWN))
    assert sizes == picture_sizes(FAMILIES["sd14"].diffusion) == (512, 8)
    assert sorted(fake.downloaded) == SETTINGS
    go_offline(monkeypatch)
    assert picture_sizes(custom_row("diffusion", OWN)) == sizes


def test_of_the_tables_models_nothing_is_downloaded(monkeypatch: pytest.MonkeyPatch) -> None:
    go_offline(monkeypatch)
    assert picture_sizes(FAMILIES["sd21"].diffusion) == (768, 8)


def test_another_revision_may_be_of_another_size() -> None:
    row = custom_row("diffusion", f"{FAMILIES['sd14'].diffusion.source}@other")
    assert (row.side, row.cell) == (0, 0)


VAE = {"block_out_channels": [8, 8]}
BAD: dict[str, tuple[Any, Any, str]] = {
    "no size": ({}, VAE, "which size"),
    "no number": ({"sample_size": "big"}, VAE, "which size"),
    "a list": ([], VAE, "which size"),
    "nothing": ({"sample_size": None}, VAE, "which size"),
    "absurd": ({"sample_size": 10**9}, VAE, "2e+09 pixels"),
    "beyond numbers": ('{"sample_size": 1e999}', VAE, "which size"),
    "negative": ({"sample_size": -64}, VAE, "pixels a side"),
    "damaged": ("{", VAE, "damaged"),
}


@pytest.mark.parametrize(("unet", "vae", "words"), BAD.values(), ids=BAD)
def test_settings_without_sense(tmp_path: Path, unet: Any, vae: Any, words: str) -> None:
    with pytest.raises(ModelUnavailableError) as error:
        picture_sizes(custom_row("diffusion", folder_with(tmp_path, unet, vae)))
    assert words in str(error.value)
    assert "\n" not in str(error.value)


def test_a_folder_without_settings(tmp_path: Path) -> None:
    with pytest.raises(ModelUnavailableError, match=r"the folder has no unet/config\.json"):
        picture_sizes(custom_row("diffusion", str(tmp_path)))
