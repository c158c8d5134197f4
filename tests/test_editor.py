"""The whole method on the tiny random family: order of the stages, what is recorded, what is refused."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from pix2pix_onthefly import Editor, InputError, OptionError
from pix2pix_onthefly.models import families, loading
from pix2pix_onthefly.options import AttentionOptions, EditOptions
from pix2pix_onthefly.records import EditResult, Prepared
from pix2pix_onthefly.world.renderer import render
from pix2pix_onthefly.world.scenes import Scene, SceneObject

BEFORE, AFTER = ["a cat on the beach"], ["a dog on the beach"]


LOADERS = {"diffusion": "load_backbone", "captioner": "load_captioner", "rewriter": "load_rewriter"}
"""Role to what loads it, in `models/loading.py`."""


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

    options = editor.options(method="attention", steps=3, attempts=1)
    result = editor.edit(picture, "make the cat a dog", options=options, progress=progress)
    assert seen == ["caption", "invert", "rewrite", "edit"]
    assert list(result.seconds) == ["caption", "invert", "rewrite", "edit"]
    assert result.captions.prompt is not None
    assert result.captions.before[0] == result.caption


def test_the_same_edit_twice_gives_the_same_pixels(editor: Editor, picture: Image.Image) -> None:
    def pixels(seed: int) -> bytes:
        options = editor.options(method="attention", steps=3, regularisation_rounds=1, seed=seed)
        torch.rand(1)  # the process's own random numbers must not matter
        return editor.edit(picture, "", caption=BEFORE[0], before=BEFORE, after=AFTER, options=options).image.tobytes()

    assert pixels(1) == pixels(1)
    assert pixels(1) != pixels(2)  # the regularisation's shifts depend on the seed


def test_the_picture_keeps_its_size(editor: Editor) -> None:
    source = Image.new("RGB", (90, 41), "red")
    result = editor.edit(
        source, "", caption="x", before=BEFORE, after=AFTER, options=editor.options(method="attention", steps=2)
    )
    assert result.image.size == (90, 41)
    assert result.reconstruction is not None
    assert result.source.size == result.reconstruction.size == (64, 32)


def test_the_recipe_is_plain_data(editor: Editor, picture: Image.Image) -> None:
    import json

    options = editor.options(method="attention", steps=2)
    result = editor.edit(picture, "why", caption="x", before=BEFORE, after=AFTER, options=options)
    recipe = json.loads(json.dumps(result.recipe()))
    assert recipe["options"]["steps"] == 2
    assert recipe["captions"]["outcome"] == "given"
    assert set(recipe["models"]) == {"diffusion", "captioner", "rewriter"}
    assert recipe["versions"]["torch"].startswith(torch.__version__.split("+")[0])


def test_guidance_changes_the_picture(editor: Editor, picture: Image.Image) -> None:
    def edited(amount: float) -> np.ndarray:
        options = editor.options(method="attention", steps=4, cross_attention_guidance=amount)
        result = editor.edit(picture, "", caption=BEFORE[0], before=BEFORE, after=AFTER, options=options)
        return np.asarray(result.image, dtype=np.float64)

    assert np.abs(edited(0.0) - edited(5.0)).max() >= 1


def test_a_poor_reconstruction_is_told(editor: Editor, picture: Image.Image, monkeypatch: pytest.MonkeyPatch) -> None:
    import dataclasses

    options = editor.options(method="attention", steps=2)
    for floor, expected in ((98.0, True), (None, False)):
        changed = dataclasses.replace(editor.family, reconstruction_floor=floor)
        monkeypatch.setattr(editor.models, "family", changed)
        result = editor.edit(picture, "", caption="x", before=BEFORE, after=AFTER, options=options)
        assert any(families.PHOTOGRAPH_FAMILY in warning for warning in result.warnings) == expected


def test_a_direction_of_another_family_is_refused(editor: Editor, picture: Image.Image) -> None:
    with pytest.raises(InputError, match="shape"):
        editor.edit(
            picture,
            "",
            caption="x",
            direction=torch.zeros(1, 77, 768),
            options=editor.options(method="attention", steps=2),
        )


def test_captions_for_one_side_only_are_refused(editor: Editor, picture: Image.Image) -> None:
    with pytest.raises(InputError, match="both sides"):
        editor.edit(picture, "make the cat a dog", before=BEFORE)
    with pytest.raises(InputError, match="empty"):
        editor.edit(picture, "make the cat a dog", before=BEFORE, after=[" "])


def test_a_familys_own_defaults_are_overridden_by_what_is_given(
    editor: Editor, monkeypatch: pytest.MonkeyPatch
) -> None:
    import dataclasses

    family = dataclasses.replace(editor.family, option_defaults={"guidance_scale": 2.0})
    monkeypatch.setattr(editor.models, "family", family)

    def guidance_scale(**changes: Any) -> float:
        return editor.options(method="attention", **changes).flat()["guidance_scale"]

    assert guidance_scale() == 2.0
    assert guidance_scale(guidance_scale=3.0) == 3.0
    with pytest.raises(OptionError):
        editor.options(method="attention", colour=1)


def test_no_editing_code_asks_for_the_family() -> None:
    import inspect

    from pix2pix_onthefly.backbones import attention
    from pix2pix_onthefly.inversions import ddim
    from pix2pix_onthefly.methods import attention_guidance, direction

    for module in (attention, direction, attention_guidance, ddim):
        source = inspect.getsource(module)
        assert "family" not in source
        assert "mini" not in source.replace("minimum", "")


def edit_prepared(editor: Editor, prepared: Prepared, **changes: Any) -> EditResult:
    return editor.edit(prepared, "", before=BEFORE, after=AFTER, **changes)


def test_a_prepared_picture_gives_the_same_edit(editor: Editor, picture: Image.Image) -> None:
    """Caption, inversion and maps are made once: the language model and the guided edit are all that runs again."""
    options, seen = editor.options(method="attention", steps=3), set[str]()
    plain = editor.edit(picture, "", caption=BEFORE[0], before=BEFORE, after=AFTER, options=options)
    prepared = editor.prepare(picture, caption=BEFORE[0], options=options)
    assert prepared.reference is not None
    again = edit_prepared(editor, prepared, progress=lambda stage, *_: seen.add(stage))
    assert seen == {"edit"}
    assert difference_in_levels(plain.image, again.image) <= 1
    assert again.reconstruction_psnr == pytest.approx(plain.reconstruction_psnr, abs=0.1)
    assert list(again.seconds) == ["invert", "reconstruct", "edit"]


def difference_in_levels(one: Image.Image, other: Image.Image) -> int:
    return int(np.abs(np.asarray(one, dtype=int) - np.asarray(other, dtype=int)).max())


def test_a_prepared_picture_keeps_its_settings(editor: Editor, picture: Image.Image) -> None:
    """An edit may change what the inversion does not depend on, and nothing else."""
    prepared = editor.prepare(picture, caption="x", options=editor.options(method="attention", steps=2))
    assert edit_prepared(editor, prepared).options.steps == 2
    edit_prepared(editor, prepared, options=editor.options(method="attention", steps=2, guidance_scale=3.0))
    with pytest.raises(OptionError, match="prepared with steps 2, not 4; prepare it anew"):
        edit_prepared(editor, prepared, options=editor.options(method="attention", steps=4))
    with pytest.raises(InputError, match="prepared with the caption 'x'"):
        edit_prepared(editor, prepared, caption="y")


def test_maps_beyond_the_limit_are_made_anew(tiny_family: str, picture: Image.Image) -> None:
    """With no memory for maps a prepared picture holds none, and its edit is the same."""
    editor = Editor.load(tiny_family, map_memory=0.0)
    options = editor.options(method="attention", steps=2)
    prepared = editor.prepare(picture, caption="x", options=options)
    assert prepared.reference is None
    plain = editor.edit(picture, "", caption="x", before=BEFORE, after=AFTER, options=options)
    assert difference_in_levels(edit_prepared(editor, prepared).image, plain.image) <= 1


def test_many_edits_are_what_each_is_alone(tiny_family: str, picture: Image.Image) -> None:
    """Three edits of two pictures of different sizes, in batches of two, in the order asked; the picture that comes
    twice is captioned and inverted once."""
    editor, inverted = Editor.load(tiny_family, batch=2), list[int]()
    options = editor.options(method="attention", steps=2, attempts=1)
    wide = Image.new("RGB", (96, 48), "green")
    instructions = ["make it a dog", "make it red", "put it on the beach"]

    def count(stage: str, done: int, total: int) -> None:
        inverted.extend([done] * (stage == "invert" and done > 0))

    made = editor.edit_many([picture, wide, picture], instructions, options=options, progress=count)
    assert inverted == [1, 2, 1, 2]
    assert [result.instruction for result in made] == instructions
    assert [result.image.size for result in made] == [(64, 64), (96, 48), (64, 64)]
    for result, source in zip(made, [picture, wide, picture], strict=True):
        alone = editor.edit(source, result.instruction, options=options)
        assert difference_in_levels(result.image, alone.image) <= 1
        assert result.captions == alone.captions


def test_many_edits_are_checked_first(editor: Editor, picture: Image.Image) -> None:
    """A blank instruction or a missing one is told before any model runs."""

    def fail(stage: str, done: int, total: int) -> None:
        raise AssertionError(stage)

    with pytest.raises(InputError, match="1 pictures and 2 instructions do not go together"):
        editor.edit_many([picture], ["a", "b"], progress=fail)
    with pytest.raises(InputError, match="the instruction is empty"):
        editor.edit_many([picture, picture], ["make it a dog", " "], progress=fail)


def test_low_memory_keeps_one_model(tiny_family: str, picture: Image.Image, monkeypatch: pytest.MonkeyPatch) -> None:
    """With `low_vram` never two models at once, the same picture, and no model loaded just to learn its size."""
    editor, order = Editor.load(tiny_family, low_vram=True), list[str]()
    options = editor.options(method="attention", steps=2, attempts=1)
    for role in ("diffusion", "captioner", "rewriter"):
        load = getattr(loading, LOADERS[role])

        def counted(*arguments: Any, role: str = role, load: Any = load) -> Any:
            order.append(role)
            return load(*arguments)

        monkeypatch.setattr(loading, LOADERS[role], counted)
    result = editor.edit(picture, "make it a dog", options=options)
    assert order == ["captioner", "diffusion", "rewriter", "diffusion"]
    assert list(editor.models._loaded) == ["diffusion"]  # pyright: ignore[reportPrivateUsage]
    plain = Editor.load(tiny_family).edit(picture, "make it a dog", options=options)
    assert difference_in_levels(result.image, plain.image) <= 1


def test_precision(tiny_family: str, picture: Image.Image) -> None:
    """bfloat16 runs, and stays near float32: on average within a sixteenth of the range, on random networks."""
    options = EditOptions.of(AttentionOptions(), steps=2, guidance_scale=1.0, cross_attention_guidance=0.0)
    made = [
        Editor.load(tiny_family, precision=precision).edit(
            picture, "", caption="x", before=BEFORE, after=AFTER, options=options
        )
        for precision in ("float32", "bfloat16")
    ]
    one, other = (np.asarray(result.image, dtype=float) for result in made)
    assert 0 < np.abs(one - other).mean() < 16
