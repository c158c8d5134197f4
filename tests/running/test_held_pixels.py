"""Which bytes of a picture stay: outside an edit's region and outside the user's mask, at the picture's own size."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageDraw

from pix2pix_onthefly import Editor
from pix2pix_onthefly.pictures import saving
from pix2pix_onthefly.pictures.opening import opened_of, read_picture
from pix2pix_onthefly.records import EditResult
from pix2pix_onthefly.world.renderer import render
from pix2pix_onthefly.world.scenes import Scene, SceneObject
from tests.methods.cases import difference_in_levels
from tests.pictures.awkward import exif

SIZES = [(131, 87), (517, 300), (64, 64), (48, 200)]


def picture(size: tuple[int, int], mode: str = "RGB") -> Image.Image:
    scene = render(Scene("beach", (SceneObject("cat", None, 0.5, 0.5, 0.6),)), 96).resize(size)
    if mode != "RGBA":
        return scene.convert(mode)
    noise = np.random.default_rng(0).integers(0, 256, (size[1], size[0]), dtype=np.uint8)
    clear = np.where(noise < 128, 0, noise)  # half of it is not seen at all
    return Image.fromarray(np.dstack([np.asarray(scene), clear]))


def mask_for(size: tuple[int, int]) -> Image.Image:
    mask = Image.new("L", size, 0)
    ImageDraw.Draw(mask).ellipse((size[0] // 4, size[1] // 5, size[0] // 2, size[1] // 2), fill=255)
    return mask


def edited(editor: Editor, image: Any, keep: str = "hard", mask: Image.Image | None = None) -> EditResult:
    options = editor.options(steps=2, size=64, keep=keep)
    return editor.edit(image, options=options, caption="a cat", before="a cat", after="a dog", mask=mask)


def check_bytes(result: EditResult, image: object, mask: Image.Image | None = None) -> None:
    """Nothing changed outside what the result says and the user said; something inside did."""
    opened = opened_of(image)
    old, new = np.asarray(opened.rgba or opened.image), np.asarray(result.image)
    assert old.shape == new.shape
    assert result.mask is not None
    same = (old == new).all(2)
    assert same[np.asarray(result.mask) == 0].all()
    if mask is not None:
        assert same[np.asarray(mask) == 0].all()
    assert not same.all()


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("mode", ["RGB", "RGBA"])
def test_bytes_outside_the_users_mask_stay_at_any_size(editor: Editor, size: tuple[int, int], mode: str) -> None:
    image, mask = picture(size, mode), mask_for(size)
    for keep in ("off", "hard"):
        check_bytes(edited(editor, image, keep, mask=mask), image, mask)


def test_bytes_outside_the_found_region_stay(editor: Editor) -> None:
    image = picture((131, 87), "RGBA")
    result = edited(editor, image)
    assert result.image.mode == "RGBA"
    check_bytes(result, image)


def sixteen_bit(path: Path) -> None:
    Image.fromarray(np.asarray(picture((131, 87), "L")).astype(np.uint16) * 257).save(path)


KINDS = {
    "palette.png": lambda path: picture((131, 87)).convert("P", palette=Image.Palette.ADAPTIVE).save(path),
    "see-through palette.png": lambda path: picture((131, 87)).quantize(16).save(path, transparency=3),
    "grey with opacity.png": lambda path: picture((131, 87), "RGBA").convert("LA").save(path),
    "sixteen bits.png": sixteen_bit,
    "turned.jpg": lambda path: picture((131, 87)).save(path, exif=exif(6)),
}


@pytest.mark.parametrize("name", KINDS)
def test_bytes_stay_as_the_file_was_opened_and_in_the_png_that_is_saved(
    editor: Editor, tmp_path: Path, name: str
) -> None:
    KINDS[name](tmp_path / name)
    opened = read_picture(tmp_path / name)
    mask = mask_for(opened.image.size)
    result = edited(editor, tmp_path / name, mask=mask)
    check_bytes(result, opened, mask)
    result.save(tmp_path / "out.png")
    saved = read_picture(tmp_path / "out.png")
    assert (saved.rgba or saved.image).tobytes() == result.image.tobytes()
    assert saving.read_recipe(tmp_path / "out.png")["mask_sha256"] == result.mask_sha256


def test_a_prepared_picture_keeps_its_transparency(editor: Editor) -> None:
    image, options = picture((80, 60), "RGBA"), editor.options(steps=2, size=64)
    ready = editor.prepare(image, options=options, caption="a cat")
    alone = editor.edit(image, options=options, caption="a cat", before="a cat", after="a dog")
    result = editor.edit(ready, before="a cat", after="a dog")
    assert result.image.mode == "RGBA"
    # What was predicted beforehand was predicted in a batch of another size, where sums run in another order.
    assert difference_in_levels(result.image, alone.image) <= 2


@pytest.mark.parametrize("keep", ["off", "soft"])
def test_without_a_region_the_result_lies_over_white(editor: Editor, keep: str) -> None:
    assert edited(editor, picture((80, 60), "RGBA"), keep).image.mode == "RGB"
