"""A dropped picture that carries a recipe fills the form."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image

from pix2pix_onthefly.cli.web import form_of
from pix2pix_onthefly.editor import Editor
from pix2pix_onthefly.pictures.digest import picture_digest
from pix2pix_onthefly.pictures.opening import read_picture
from pix2pix_onthefly.pictures.saving import save
from pix2pix_onthefly.web.filling import Filled, filled_from
from pix2pix_onthefly.web.starting import Form

from .results import result


@pytest.fixture(scope="module")
def form() -> Form:
    return form_of(Editor.load("mini", device="cpu"))


def _filled(path: Path, form: Form) -> Filled:
    return filled_from(path, read_picture(path), form.fields, form.like)


def test_instruction_method_and_settings_are_the_recipes(tmp_path: Path, form: Form) -> None:
    result(caption="a cat").save(tmp_path / "edited.png")
    filled = _filled(tmp_path / "edited.png", form)
    assert (filled.instruction, filled.method) == ("make the cat a dog", "flow")
    assert filled.settings is not None
    assert filled.settings["steps"] == "7"
    assert "carries a recipe" in filled.notices[-1]
    assert filled.before == ""  # of the picture it was made from, which this one is not


def test_the_captions_come_along_where_the_picture_is_the_edited_one(tmp_path: Path, form: Form) -> None:
    picture = Image.new("RGB", (8, 8), "red")
    recipe = {**result().recipe(), "source_sha256": picture_digest(picture)}
    save(picture, tmp_path / "same.png", recipe, overwrite=False)
    filled = _filled(tmp_path / "same.png", form)
    assert (filled.caption, filled.before, filled.after) == ("a cat", "a cat", "a dog")


def test_a_picture_without_a_recipe_leaves_the_form_alone(tmp_path: Path, form: Form) -> None:
    Image.new("RGB", (8, 8)).save(tmp_path / "plain.png")
    assert _filled(tmp_path / "plain.png", form) == Filled()


def test_a_strangers_model_is_not_loaded_but_told_of(tmp_path: Path, form: Form) -> None:
    recipe = {**result().recipe(), "models": {"diffusion": "somebody/elses"}}
    save(Image.new("RGB", (8, 8)), tmp_path / "other.png", recipe, overwrite=False)
    filled = _filled(tmp_path / "other.png", form)
    assert filled.instruction is None
    assert "somebody/elses" in filled.notices[-1]


def test_every_setting_of_an_edit_is_in_the_form(form: Form) -> None:
    names = {field.name for field in form.fields}
    assert set(Editor.load("mini").options().flat()) - names == {"method"}
    assert next(field for field in form.fields if field.name == "keep").choices == ("off", "soft", "hard")
    assert all(field.help for field in form.fields)
