"""The node pack against a stub of ComfyUI's API, on the bundled family."""

from __future__ import annotations

import asyncio
import sys
import tomllib
from collections.abc import Generator
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from pix2pix_onthefly import EditOptions, InputError
from pix2pix_onthefly.errors import NotUnderstoodError
from pix2pix_onthefly.options import settings_in
from tests.integrations import comfy_stub

ROOT = Path(__file__).parents[2]
PACK = ROOT / "integrations" / "comfyui"
CAR = ROOT / "examples" / "car.png"
BEACH = "put the car on the beach"


@pytest.fixture(scope="module")
def pack() -> Generator[Any]:
    """The pack, loaded from its folder as ComfyUI does."""
    with pytest.MonkeyPatch.context() as patch:
        comfy_stub.install(patch)
        spec = spec_from_file_location("onthefly_nodes", PACK / "__init__.py", submodule_search_locations=[str(PACK)])
        assert spec is not None
        assert spec.loader is not None
        module = module_from_spec(spec)
        patch.setitem(sys.modules, "onthefly_nodes", module)
        spec.loader.exec_module(module)
        yield module


def picture() -> torch.Tensor:
    """ComfyUI's form of the car: [1, height, width, 3] in 0..1."""
    return torch.from_numpy(np.array(Image.open(CAR).convert("RGB"))).float()[None] / 255


@pytest.fixture(scope="module")
def understood(pack: Any) -> tuple[str, str, str]:
    return comfy_stub.run(pack.UnderstandInstruction, image=picture(), instruction=BEACH).args


def test_the_pack_offers_two_nodes_with_sound_schemas(pack: Any) -> None:
    nodes = asyncio.run(asyncio.run(pack.comfy_entrypoint()).get_node_list())
    assert [node.__name__ for node in nodes] == ["UnderstandInstruction", "Edit"]
    for node in nodes:
        schema = node.define_schema()
        schema.validate()
        assert schema.node_id.startswith("OnTheFly")


def test_the_common_settings_of_an_edit_are_widgets_with_their_ranges(pack: Any) -> None:
    widgets = {one.id: one for one in pack.Edit.define_schema().inputs}
    for item in settings_in(EditOptions):
        if item.metadata["common"]:
            assert item.name in widgets
    assert widgets["steps"].default == widgets["steps"].min == 0, "the method's own"
    assert widgets["candidates"].max == 16
    assert widgets["keep"].options == ["own", "off", "soft", "hard"]


def test_what_widgets_leave_open_is_the_methods_own(pack: Any) -> None:
    """So that 0 steps are 20 of flow and 100 of the paper's method."""
    values = {one.id: one.default for one in pack.Edit.define_schema().inputs if hasattr(one, "default")}
    assert pack.given(EditOptions, values) == {"seed": 0, "candidates": 1, "best": False}
    chosen = {**values, "steps": 7, "keep": "soft"}
    assert pack.given(EditOptions, chosen).items() >= {"steps": 7, "keep": "soft"}.items()


def test_an_instruction_becomes_captions_that_are_shown(pack: Any, understood: tuple[str, str, str]) -> None:
    made = comfy_stub.run(pack.UnderstandInstruction, image=picture(), instruction=BEACH)
    assert made.args == understood
    caption, before, after = understood
    assert "car" in caption
    assert "beach" in after
    assert "beach" not in before
    assert after in made.ui.value


def test_captions_of_the_first_node_edit_as_the_instruction_does(pack: Any, understood: tuple[str, str, str]) -> None:
    """And without the captioner's and the language model's words the picture would be another one."""
    comfy_stub.ProgressBar.told.clear()
    names = ("caption", "before", "after")
    texts = dict(zip(names, understood, strict=True))
    edited, unedited, region = comfy_stub.run(pack.Edit, image=picture(), steps=6, **texts).args
    assert edited.shape == unedited.shape == picture().shape
    assert region.shape == picture().shape[:3]
    assert 0 <= float(edited.min()) <= float(edited.max()) <= 1
    assert torch.equal(edited[region == 0], picture()[region == 0]), "outside the region every pixel stays"
    assert not torch.equal(edited, picture())
    assert comfy_stub.ProgressBar.told
    other = comfy_stub.run(pack.Edit, image=picture(), steps=6, **{**texts, "after": "a car on a meadow"}).args[0]
    assert not torch.equal(other, edited)


def test_a_mask_narrows_the_edit_and_an_empty_one_is_none(pack: Any) -> None:
    """ComfyUI hands an empty mask of another size on for pictures that have none."""
    mask = torch.zeros(picture().shape[:3])
    mask[:, :, : mask.shape[2] // 2] = 1
    inputs: dict[str, Any] = {"image": picture(), "instruction": BEACH, "steps": 4, "seed": 1}
    narrowed = comfy_stub.run(pack.Edit, mask=mask, **inputs).args[0]
    assert torch.equal(narrowed[mask == 0], picture()[mask == 0])
    free, empty = (
        comfy_stub.run(pack.Edit, **inputs, **more).args[0] for more in ({}, {"mask": torch.zeros(1, 64, 64)})
    )
    assert torch.equal(free, empty)
    assert not torch.equal(free, narrowed)


def test_pictures_and_candidates_come_out_as_one_batch(pack: Any) -> None:
    both = torch.cat([picture(), picture().flip(2)])
    edited, unedited, region = comfy_stub.run(pack.Edit, image=both, instruction=BEACH, steps=2, candidates=2).args
    assert len(edited) == len(unedited) == len(region) == 4
    assert not torch.equal(edited[0], edited[1])


def test_a_method_that_regenerates_the_picture_gives_its_reconstruction(pack: Any) -> None:
    inputs: dict[str, Any] = {"image": picture(), "instruction": BEACH, "method": "attention", "steps": 2}
    _, unedited, region = comfy_stub.run(pack.Edit, **inputs).args
    assert not torch.equal(unedited, picture())
    assert bool((region == 1).all()), "nothing held it"


def test_bad_input_is_a_sentence(pack: Any) -> None:
    with pytest.raises(NotUnderstoodError):
        comfy_stub.run(pack.UnderstandInstruction, image=picture(), instruction="flarg the blorp")
    with pytest.raises(InputError, match="both sides"):
        comfy_stub.run(pack.Edit, image=picture(), before="a car")


def test_the_project_file_is_what_the_registry_reads() -> None:
    project = tomllib.loads((PACK / "pyproject.toml").read_text(encoding="utf-8"))
    assert project["tool"]["comfy"].keys() >= {"PublisherId", "DisplayName"}
    assert project["project"]["version"].count(".") == 2
