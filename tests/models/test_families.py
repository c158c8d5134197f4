"""The table of families, and other models in place of a family's."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from pix2pix_onthefly.errors import InputError
from pix2pix_onthefly.models import families, rows
from pix2pix_onthefly.models.families import FAMILIES, ModelRow, custom_row, family_of, known_rows
from pix2pix_onthefly.models.rows import FACTS
from pix2pix_onthefly.options import LoadOptions
from pix2pix_onthefly.running.defaults import options_for

HUB_ROWS = [row for _, row in known_rows() if row.folder is None]
UNPINNED = {
    families.INSTRUCT_PIX2PIX_MAGICBRUSH.source,
    rows.FLORENCE_2.source,
    rows.SMOLVLM_2.source,
    rows.QWEN_3_VL.source,
    *(FAMILIES[name].diffusion.source for name in ("bk-sdm-small", "bk-sdm-base", "lcm", "sd-turbo")),
    *(FAMILIES[name].diffusion.source for name in ("sdxl", "ssd-1b", "sdxl-turbo", "sd3-medium", "sd35-medium")),
    *(FAMILIES[name].diffusion.source for name in ("sd35-large", "flux-dev", "flux-schnell", "flux2-klein-base")),
}
"""Rows whose current revision could not be looked up; no other may join them."""
BLIP_LARGE = "Salesforce/blip-image-captioning-large"


@pytest.mark.parametrize("row", HUB_ROWS, ids=[row.source for row in HUB_ROWS])
def test_rows_of_the_hub_are_pinned_and_described(row: ModelRow) -> None:
    if row.revision is None:
        assert row.source in UNPINNED
    else:
        assert len(row.revision) == 40
        assert set(row.revision) <= set("0123456789abcdef")
    assert row.licence
    assert row.parameters > 0
    assert row.download(half=True) <= row.download(half=False) == row.megabytes
    assert (row.variant is None) == (row.variant_megabytes == 0)
    most_bytes = 4.1 * row.parameters
    assert 1.9 * row.parameters <= row.megabytes <= most_bytes, "in megabytes and millions of weights"


@pytest.mark.parametrize("row", HUB_ROWS, ids=[row.source for row in HUB_ROWS])
def test_what_was_not_looked_up_is_marked(row: ModelRow) -> None:
    """Whoever pins a revision has seen the hub's page of it, and takes the marks away."""
    assert set(row.unchecked) <= set(FACTS)
    if row.revision is None:
        assert "sizes" in row.unchecked


@pytest.mark.parametrize("name", FAMILIES)
def test_the_defaults_of_every_family_are_valid(name: str) -> None:
    assert options_for(FAMILIES[name]).steps >= 2
    options = options_for(FAMILIES[name], method="attention")
    if name.startswith("sd2"):
        assert options.flat()["cross_attention_guidance"] <= 0.01


def test_bundled_weights_are_as_large_as_the_table_says() -> None:
    for role in families.ROLES:
        row: ModelRow = getattr(FAMILIES["mini"], role)
        assert row.folder is not None
        size = sum(file.stat().st_size for file in row.folder.rglob("*") if file.is_file())
        assert abs(size / 10**6 - row.megabytes) <= 1, row.source


def test_the_family_comes_from_the_options_or_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(families.FAMILY_VARIABLE, raising=False)
    assert family_of(LoadOptions())[0] == families.DEFAULT_FAMILY
    monkeypatch.setenv(families.FAMILY_VARIABLE, "sd15")
    assert family_of(LoadOptions()) == ("sd15", FAMILIES["sd15"])
    assert family_of(LoadOptions(family="mini")) == ("mini", FAMILIES["mini"])
    with pytest.raises(InputError, match=r"sd99.*sd14"):
        family_of(LoadOptions(family="sd99"))


def test_other_models_take_the_place_of_the_familys(tmp_path: Path) -> None:
    options = LoadOptions(family="sd14", captioner=BLIP_LARGE, language_model=str(tmp_path))
    name, family = family_of(options)
    assert name == "sd14"
    assert family.captioner in HUB_ROWS
    assert family.captioner.source == BLIP_LARGE
    assert family.rewriter.folder == tmp_path.resolve()
    assert family.rewriter.safetensors
    assert (family.diffusion, family.pool) == (FAMILIES["sd14"].diffusion, "photographs")


def test_defaults_go_with_the_diffusion_model() -> None:
    known = family_of(LoadOptions(family="mini", diffusion=FAMILIES["sd21"].diffusion.source))[1]
    unknown = family_of(LoadOptions(family="mini", diffusion="somebody/something"))[1]
    assert known.option_defaults == FAMILIES["sd21"].option_defaults
    assert unknown.option_defaults == {}
    assert unknown.reconstruction_floor is None
    assert unknown.diffusion.variant == "fp16"


def test_a_revision_can_be_named() -> None:
    assert custom_row("rewriter", "gpt2@abc").revision == "abc"
    row = custom_row("captioner", f"{BLIP_LARGE}@abc")
    assert (row.revision, row.licence) == ("abc", "BSD-3-Clause")
    assert str(row) == f"{BLIP_LARGE}@abc"
    assert custom_row("captioner", str(custom_row("captioner", BLIP_LARGE))) == custom_row("captioner", BLIP_LARGE)


def test_what_is_known_of_a_model_holds_for_its_role_alone() -> None:
    """A captioner's pickle may be read; given as a language model it is a model like any other."""
    assert not custom_row("captioner", FAMILIES["sd14"].captioner.source).safetensors
    assert custom_row("rewriter", FAMILIES["sd14"].captioner.source).safetensors


@pytest.mark.parametrize(
    "source", ["", " ", "./no", "/nowhere/at/all", "a/b/c", "../no", "package:../x", "a b", "~/no"]
)
def test_neither_a_folder_nor_a_hub_id(source: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError, match="neither an existing folder nor a hub id"):
        custom_row("rewriter", source)


def test_a_relative_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "models" / "own").mkdir(parents=True)
    monkeypatch.chdir(tmp_path)
    assert custom_row("rewriter", "models/own").folder == (tmp_path / "models" / "own").resolve()


def test_recipes_tell_no_path(tmp_path: Path) -> None:
    row = custom_row("rewriter", str(tmp_path))
    assert str(row) == f"folder:{tmp_path.name}"
    assert str(FAMILIES["mini"].rewriter) == "package:mini/rewriter"


def test_the_table_is_quick_to_import() -> None:
    program = (
        "import sys\n"
        "from pix2pix_onthefly import options\n"
        "from pix2pix_onthefly.models import families, hub, parts\n"
        "families.family_of(options.LoadOptions(family='sd14', captioner='a/b'))\n"
        "print(sorted({'torch', 'diffusers', 'transformers', 'numpy', 'PIL'} & set(sys.modules)))\n"
    )
    made = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert made.stdout.strip() == "[]"


def test_the_bundled_models_tell_no_paths_of_the_machine_that_trained_them() -> None:
    configs = sorted((Path(families.__file__).parents[1] / "mini").rglob("*.json"))
    assert len(configs) > 10
    assert not [path for path in configs if '"_name_or_path": "/' in path.read_text()]
