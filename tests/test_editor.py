"""The whole method on the tiny random family: order of the stages, what is recorded, what is refused."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from PIL import Image

from pix2pix_onthefly import Editor, InputError, OptionError, families, guidance
from pix2pix_onthefly.world.renderer import render
from pix2pix_onthefly.world.scenes import Scene, SceneObject

BEFORE, AFTER = ["a cat on the beach"], ["a dog on the beach"]


@pytest.fixture
def editor(tiny_family: str) -> Editor:
    return Editor.load(tiny_family)


@pytest.fixture
def picture() -> Image.Image:
    return render(Scene("beach", (SceneObject("cat", None, 0.5, 0.5, 0.6),)), 64)


def test_the_stages_run_in_the_papers_order(editor: Editor, picture: Image.Image) -> None:
    seen: list[str] = []

    def progress(stage: str, done: int, total: int) -> None:
        assert 0 <= done <= total
        if not seen or seen[-1] != stage:
            seen.append(stage)

    options = editor.options(steps=3, attempts=1)
    result = editor.edit(picture, "make the cat a dog", options=options, progress=progress)
    assert seen == ["caption", "invert", "rewrite", "reconstruct", "edit"]
    assert list(result.seconds) == ["caption", "invert", "rewrite", "direct", "reconstruct", "edit"]
    assert result.captions.prompt is not None
    assert result.captions.before[0] == result.caption


def test_the_same_edit_twice_gives_the_same_pixels(editor: Editor, picture: Image.Image) -> None:
    def pixels(seed: int) -> bytes:
        options = editor.options(steps=3, regularisation_rounds=1, seed=seed)
        torch.rand(1)  # the process's own random numbers must not matter
        return editor.edit(picture, "", caption=BEFORE[0], before=BEFORE, after=AFTER, options=options).image.tobytes()

    assert pixels(1) == pixels(1)
    assert pixels(1) != pixels(2)  # the regularisation's shifts depend on the seed


def test_the_picture_keeps_its_size(editor: Editor) -> None:
    source = Image.new("RGB", (90, 41), "red")
    result = editor.edit(source, "", caption="x", before=BEFORE, after=AFTER, options=editor.options(steps=2))
    assert result.image.size == (90, 41)
    assert result.source.size == result.reconstruction.size == (64, 32)


def test_the_recipe_is_plain_data(editor: Editor, picture: Image.Image) -> None:
    import json

    options = editor.options(steps=2)
    result = editor.edit(picture, "why", caption="x", before=BEFORE, after=AFTER, options=options)
    recipe = json.loads(json.dumps(result.recipe()))
    assert recipe["options"]["steps"] == 2
    assert recipe["captions"]["outcome"] == "given"
    assert set(recipe["models"]) == {"diffusion", "captioner", "rewriter"}
    assert recipe["versions"]["torch"].startswith(torch.__version__.split("+")[0])


def test_guidance_changes_the_picture(editor: Editor, picture: Image.Image) -> None:
    def edited(amount: float) -> np.ndarray:
        options = editor.options(steps=4, cross_attention_guidance=amount)
        result = editor.edit(picture, "", caption=BEFORE[0], before=BEFORE, after=AFTER, options=options)
        return np.asarray(result.image, dtype=np.float64)

    assert np.abs(edited(0.0) - edited(5.0)).max() >= 1


def test_a_poor_reconstruction_is_told(editor: Editor, picture: Image.Image, monkeypatch: pytest.MonkeyPatch) -> None:
    import dataclasses

    options = editor.options(steps=2)
    for floor, expected in ((98.0, True), (None, False)):
        monkeypatch.setattr(editor, "row", dataclasses.replace(editor.row, reconstruction_floor=floor))
        result = editor.edit(picture, "", caption="x", before=BEFORE, after=AFTER, options=options)
        assert any(families.PHOTOGRAPH_FAMILY in warning for warning in result.warnings) == expected


def test_a_direction_of_another_family_is_refused(editor: Editor, picture: Image.Image) -> None:
    with pytest.raises(InputError, match="shape"):
        editor.edit(picture, "", caption="x", direction=torch.zeros(1, 77, 768), options=editor.options(steps=2))


def test_captions_for_one_side_only_are_refused(editor: Editor, picture: Image.Image) -> None:
    with pytest.raises(InputError, match="both sides"):
        editor.edit(picture, "make the cat a dog", before=BEFORE)
    with pytest.raises(InputError, match="empty"):
        editor.edit(picture, "make the cat a dog", before=BEFORE, after=[" "])


def test_a_familys_own_defaults_are_overridden_by_what_is_given(
    editor: Editor, monkeypatch: pytest.MonkeyPatch
) -> None:
    import dataclasses

    row = dataclasses.replace(editor.row, option_defaults={"guidance_scale": 2.0})
    monkeypatch.setattr(editor, "row", row)
    assert editor.options().guidance_scale == 2.0
    assert editor.options(guidance_scale=3.0).guidance_scale == 3.0
    with pytest.raises(OptionError):
        editor.options(colour=1)


def test_no_editing_code_asks_for_the_family() -> None:
    import inspect

    from pix2pix_onthefly import attention, direction, inversion

    for module in (attention, direction, guidance, inversion):
        source = inspect.getsource(module)
        assert "family" not in source
        assert "mini" not in source.replace("minimum", "")
