"""The blocks of CONTRIBUTING.md, run as they stand there: everything can be added from outside, through its seam."""

from __future__ import annotations

import re
import sys
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import Any

import pytest
from PIL import Image, ImageChops

from pix2pix_onthefly import Editor
from pix2pix_onthefly.methods import table
from pix2pix_onthefly.models import families

PAGE = Path(__file__).parents[1] / "CONTRIBUTING.md"
MOST_LINES = 20


def blocks() -> dict[str, str]:
    """Title to the Python block below it."""
    found = re.findall(r"^### ([^(\n]+) \([^\n]*\n+```python\n(.*?)```", PAGE.read_text(), re.DOTALL | re.MULTILINE)
    return dict(found)


@pytest.fixture
def added(request: pytest.FixtureRequest, tiny_family: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """What the block of the title adds, to tiny models instead of the bundled ones; gone when the test ends."""
    monkeypatch.chdir(tmp_path)
    # `tiny_family` has made the table a copy, which ends with the test
    families.FAMILIES["mini"] = families.FAMILIES[tiny_family]
    monkeypatch.setattr(table, "METHODS", dict(table.METHODS))
    Path("my-stable-diffusion").symlink_to(families.FAMILIES[tiny_family].diffusion.source)
    Path("addition.py").write_text(blocks()[request.param])
    spec = spec_from_file_location("addition", tmp_path / "addition.py")
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    monkeypatch.setitem(sys.modules, "addition", module)
    spec.loader.exec_module(module)


def picture() -> Image.Image:
    return Image.linear_gradient("L").resize((64, 64)).convert("RGB")


def edit(editor: Editor, instruction: str = "make it winter", **changes: Any) -> Any:
    return editor.edit(picture(), instruction, options=editor.options(steps=3, size=64, **changes))


@pytest.mark.parametrize("title", list(blocks()))
def test_a_block_is_short(title: str) -> None:
    lines = [line for line in blocks()[title].splitlines() if line.strip()]
    assert len(lines) <= MOST_LINES


def test_every_kind_of_addition_is_shown() -> None:
    assert list(blocks()) == ["A method", "A captioner", "A language model", "A backbone", "A model row"]


@pytest.mark.parametrize("added", ["A method"], indirect=True)
@pytest.mark.usefixtures("added")
def test_a_method_from_outside_edits() -> None:
    editor = Editor.load("mini", device="cpu")
    bright, dark = (edit(editor, "darker", method="dim", factor=factor) for factor in (1.0, 0.2))
    assert dark.options.flat()["method"] == "dim"
    assert dark.recipe()["caption"] == ""  # it needs none, so that nobody was asked
    assert ImageChops.difference(bright.image, dark.image).getbbox() is not None


@pytest.mark.parametrize("added", ["A captioner"], indirect=True)
@pytest.mark.usefixtures("added")
def test_a_captioner_from_outside_is_asked_and_named_in_the_recipe() -> None:
    editor = Editor.load("mini-colourist", device="cpu")
    blue = Image.new("RGB", (64, 64), "blue")
    assert editor.describe(blue) == "a picture of blue things"
    assert editor.reconstruct(blue, options=editor.options(steps=3, size=64)).models["captioner"] == "colourist@1"


@pytest.mark.parametrize("added", ["A language model"], indirect=True)
@pytest.mark.usefixtures("added")
def test_a_language_model_from_outside_writes_the_captions() -> None:
    captions = Editor.load("mini-winter", device="cpu").rewrite("make it winter", "a garden")
    assert (captions.before, captions.after) == (("a garden",), ("a snowy garden in winter",))
    assert captions.outcome == "complied"


@pytest.mark.parametrize("added", ["A backbone"], indirect=True)
@pytest.mark.usefixtures("added")
def test_a_backbone_from_outside_is_edited_with() -> None:
    editor = Editor.load("grey", device="cpu")
    options = editor.options(method="sdedit-0.9", steps=20, size=64)
    made = editor.edit(picture(), caption="a shade", before="a shade", after="another", options=options)
    assert made.models["diffusion"] == "grey@1"
    assert made.image.convert("L").getextrema() in ((127, 127), (128, 128))


@pytest.mark.parametrize("added", ["A model row"], indirect=True)
@pytest.mark.usefixtures("added")
def test_a_row_of_other_weights_edits() -> None:
    editor = Editor.load("mine", device="cpu")
    made = edit(editor, method="sdedit-0.5")
    assert made.family == "mine"
    assert made.models["diffusion"] == "folder:" + Path("my-stable-diffusion").resolve().name
