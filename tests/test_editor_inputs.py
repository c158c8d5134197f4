"""What people hand to an editor: texts, pictures and options of every shape; and what is checked before models load."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from pix2pix_onthefly import Editor, InputError, OptionError
from pix2pix_onthefly.errors import ModelUnavailableError
from pix2pix_onthefly.methods.direction import load_direction, save_direction
from pix2pix_onthefly.options import LoadOptions
from pix2pix_onthefly.pictures import saving
from pix2pix_onthefly.records import Conditioning
from tests.cli import helpers as cli_helpers
from tests.cli.helpers import onthefly, said

here = cli_helpers.here  # a fixture is found by its name in the module of the tests


@pytest.fixture
def editor(tiny_family: str) -> Editor:
    return Editor.load(tiny_family)


@pytest.fixture
def picture() -> Image.Image:
    return Image.new("RGB", (64, 64), "green")


def quick(editor: Editor, image: Any, **named: Any) -> Any:
    texts = {"before": "a cat", "after": "a dog"}
    return editor.edit(image, caption="x", options=editor.options(method="attention", steps=2), **{**texts, **named})


def test_a_string_is_one_caption(editor: Editor, picture: Image.Image) -> None:
    result = quick(editor, picture, before="a cat", after="a dog")
    assert (result.captions.before, result.captions.after) == (("a cat",), ("a dog",))


@pytest.mark.parametrize("before", [5, {"a": 1}, [None], [3, "a cat"], np.zeros(3)])
def test_captions_that_are_no_texts_are_refused(editor: Editor, picture: Image.Image, before: Any) -> None:
    with pytest.raises(InputError, match="before must be a text or a list of texts"):
        quick(editor, picture, before=before)


def test_arrays_tensors_bytes_and_paths_are_the_same_picture(editor: Editor, tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    array = rng.integers(0, 255, (64, 64, 3), dtype=np.uint8)
    path = tmp_path / "a.png"
    Image.fromarray(array).save(path)
    tensor = torch.from_numpy(array).permute(2, 0, 1)
    given = [array, array / 255, tensor, tensor[None] / 255, path, str(path), path.read_bytes()]
    digests = {quick(editor, value).source_sha256 for value in given}
    assert len(digests) == 1


@pytest.mark.parametrize("value", [{"image": 1}, [1, 2], None, 7])
def test_what_is_no_picture_is_refused(editor: Editor, value: Any) -> None:
    with pytest.raises(InputError, match="is not a picture"):
        quick(editor, value)


@pytest.mark.parametrize("options", [{"steps": 3}, "steps=3", LoadOptions()])
def test_options_that_are_none_are_refused(editor: Editor, picture: Image.Image, options: Any) -> None:
    with pytest.raises(OptionError, match=r"options must be an EditOptions, as editor\.options\(steps=50\) gives it"):
        editor.edit(picture, "make it a dog", options=options)
    with pytest.raises(OptionError, match="options must be an EditOptions"):
        editor.edit_many([picture], ["make it a dog"], options=options)


@pytest.mark.parametrize("instruction", [None, 5, ["make it a dog"]])
def test_an_instruction_that_is_no_text_is_refused(editor: Editor, picture: Image.Image, instruction: Any) -> None:
    with pytest.raises(InputError, match="the instruction must be a text"):
        editor.edit(picture, instruction)


def test_captions_beside_a_direction_are_refused(editor: Editor, picture: Image.Image) -> None:
    """They would count for nothing and yet stand in the recipe."""
    with pytest.raises(OptionError, match="takes the place of captions"):
        quick(editor, picture, direction=torch.zeros(1, 77, 32))


def test_captions_beside_a_direction_are_refused_on_the_command_line(here: Path) -> None:
    save_direction(Conditioning(torch.zeros(1, 77, 32)), here / "d.safetensors")
    result = onthefly("edit", "cat.png", "--direction", "d.safetensors", "--before", "a cat", "--after", "a dog")
    assert result.exit_code == 2
    assert said(result) == ["Error: --direction takes the place of --before and --after; leave one of them out"]
    assert not (here / "cat-edited.png").exists()


def test_a_direction_alone_edits(editor: Editor, picture: Image.Image, tmp_path: Path) -> None:
    with editor.models.using("diffusion") as backbone:
        direction = backbone.condition(["a dog"]) - backbone.condition(["a cat"])
    save_direction(direction, tmp_path / "d.safetensors")
    given = editor.options(method="attention", steps=2)
    made = [
        editor.edit(picture, caption="x", options=given, direction=one)
        for one in (direction, direction.hidden, load_direction(tmp_path / "d.safetensors"))
    ]
    by_captions = quick(editor, picture)
    assert all(result.image.tobytes() == by_captions.image.tobytes() for result in made)
    assert made[0].captions.after == ()


def test_another_seed_of_the_language_model_takes_a_prepared_picture(editor: Editor, picture: Image.Image) -> None:
    """The inversion does not depend on the seed unless its regularisation draws shifts."""
    prepared = editor.prepare(picture, caption="x", options=editor.options(method="attention", steps=2, seed=1))
    result = editor.edit(
        prepared, before="a cat", after="a dog", options=editor.options(method="attention", steps=2, seed=2)
    )
    assert result.options.seed == 2
    drawn = editor.options(method="attention", steps=2, seed=1, regularisation_rounds=1)
    regularised = editor.prepare(picture, caption="x", options=drawn)
    with pytest.raises(OptionError, match="prepared with seed 1, not 2"):
        editor.edit(regularised, before="a", after="b", options=drawn.with_changes(seed=2))


def test_a_picture_prepared_with_other_weights_is_refused(editor: Editor, picture: Image.Image) -> None:
    prepared = editor.prepare(picture, caption="x", options=editor.options(method="attention", steps=2))
    other = Editor.load("mini")
    with pytest.raises(OptionError, match="prepared with other weights"):
        other.edit(prepared, before="a cat", after="a dog", options=other.options(method="attention", steps=2))
    half = Editor.load("tiny", precision="bfloat16")
    with pytest.raises(OptionError, match="prepared with other weights or in another precision"):
        half.edit(prepared, before="a cat", after="a dog", options=editor.options(method="attention", steps=2))


def test_many_edits_of_a_prepared_picture_take_its_own_options(editor: Editor, picture: Image.Image) -> None:
    prepared = editor.prepare(picture, caption="x", options=editor.options(method="attention", steps=2, attempts=1))
    made = editor.edit_many([prepared] * 2, ["make it a dog", "make it red"])
    assert [result.options.steps for result in made] == [2, 2]


def test_a_result_saves_itself_with_its_recipe(editor: Editor, picture: Image.Image, tmp_path: Path) -> None:
    result = quick(editor, picture)
    result.save(tmp_path / "a.png")
    recipe = saving.read_recipe(tmp_path / "a.png")
    assert recipe["source_sha256"] == result.source_sha256
    assert recipe["options"] == result.options.flat()
    result.save(tmp_path / "b.png", recipe=False)
    with pytest.raises(InputError, match="holds no recipe"):
        saving.read_recipe(tmp_path / "b.png")


def test_everything_cheap_is_checked_before_weights_are_looked_for(tmp_path: Path) -> None:
    """Of a family whose weights are not here: bad options, texts and paths are told, not that weights are missing."""
    editor = Editor.load("sd14")
    Image.new("RGB", (64, 64)).save(tmp_path / "a.png")
    good, missing = tmp_path / "a.png", tmp_path / "b.png"
    with pytest.raises(OptionError, match="steps must lie between"):
        editor.options(method="attention", steps=5000)
    with pytest.raises(InputError, match="the instruction is empty"):
        editor.edit(good, " ")
    with pytest.raises(InputError, match="both sides"):
        editor.edit(good, before="a cat")
    with pytest.raises(InputError, match=r"there is no file .*b\.png"):
        editor.edit_many([good, missing], ["make it a dog", "make it red"])
    with pytest.raises(InputError, match="crop it first"):
        editor.edit_many([good, Image.new("RGB", (1000, 20))], ["make it a dog", "make it red"])
    with pytest.raises(ModelUnavailableError):
        editor.edit(good, "make it a dog")


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        (("cat.png", "make it a dog", "--steps", "5000"), "steps must lie between"),
        (("cat.png", " "), "the instruction is empty"),
        (("cat.png", "make it a dog", "--caption", " "), "the caption is empty"),
        (("cat.png", "--before", "a cat"), "both sides"),
        (("cat.png", "make it a dog", "--method", "sdedt"), "did you mean 'sdedit'"),
        (("cat.png", "make it a dog", "--strength", "0.5"), "the method flow has no option 'strength'"),
        (("dog.png", "make it a dog"), "there is no file dog.png"),
    ],
)
def test_the_command_line_checks_before_weights_are_looked_for(
    here: Path, arguments: tuple[str, ...], error: str
) -> None:
    result = onthefly("edit", *arguments, "--family", "sd14")
    assert result.exit_code == 2
    assert error in result.stderr
    assert "Loading models" not in result.stderr


def test_maps_of_the_papers_models_fit_into_the_default_memory() -> None:
    """100 steps of Stable Diffusion 1.x at 512 pixels in half precision: what 'prepare' keeps by default."""
    heads, tokens, bytes_each, steps = 8, 77, 2, 100
    positions = 5 * 64**2 + 5 * 32**2 + 5 * 16**2 + 8**2  # its sixteen cross-attention layers
    assert steps * heads * tokens * positions * bytes_each <= LoadOptions().map_memory * 2**30
