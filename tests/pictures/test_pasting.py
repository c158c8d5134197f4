"""An edit put into its picture: bytes that stay, opacity of what is new, and soft rims."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw

from pix2pix_onthefly.errors import InputError, OutputError
from pix2pix_onthefly.pictures import opening, saving
from pix2pix_onthefly.pictures.fitting import as_rgb
from pix2pix_onthefly.pictures.masks import check_mask, mask_of
from pix2pix_onthefly.pictures.pasting import feathered, pasted

SIDE = 40


def icon() -> Image.Image:
    """A red disc with half-transparent rim on nothing, under which other colours lie."""
    pixels = np.random.default_rng(0).integers(0, 256, (SIDE, SIDE, 4), dtype=np.uint8)
    pixels[..., 3] = 0
    made = Image.fromarray(pixels)
    draw = ImageDraw.Draw(made)
    draw.ellipse((8, 8, 31, 31), fill=(200, 0, 0, 128))
    draw.ellipse((10, 10, 29, 29), fill=(200, 0, 0, 255))
    return made


def left_half() -> Image.Image:
    mask = Image.new("L", (SIDE, SIDE), 0)
    mask.paste(255, (0, 0, SIDE // 2, SIDE))
    return mask


def test_what_can_be_seen_through_keeps_its_bytes_outside_a_mask() -> None:
    made = np.asarray(pasted(icon(), Image.new("RGB", (SIDE, SIDE), "navy"), feathered(left_half())))
    assert np.array_equal(made[:, SIDE // 2 :], np.asarray(icon())[:, SIDE // 2 :])


def test_over_white_an_icon_looks_as_the_edit_does_and_stays_without_a_box() -> None:
    edited = as_rgb(icon())
    draw = ImageDraw.Draw(edited)
    draw.rectangle((2, 2, 12, 12), fill=(0, 0, 200))
    draw.rectangle((14, 14, 20, 20), fill=(255, 255, 0))
    made = pasted(icon(), edited, Image.new("L", (SIDE, SIDE), 255))
    seen = np.abs(np.asarray(as_rgb(made), dtype=int) - np.asarray(edited))
    assert seen.max() <= 1
    opacity = np.asarray(made)[..., 3]
    assert opacity[4, 4] == 255  # blue over nothing: no less will do
    assert opacity[35, 35] == 0  # nothing became of nothing


def test_faint_noise_of_an_autoencoder_leaves_nothing_behind() -> None:
    noise = np.random.default_rng(1).integers(-9, 10, (SIDE, SIDE, 3))
    edited = Image.fromarray((np.asarray(as_rgb(icon())) + noise).clip(0, 255).astype(np.uint8))
    made = np.asarray(pasted(icon(), edited, Image.new("L", (SIDE, SIDE), 255)))
    clear = np.asarray(icon())[..., 3] < 255
    assert np.array_equal(made[clear], np.asarray(icon())[clear])


def test_surroundings_that_models_draw_too_dark_stay_nothing_with_the_colours_under_it() -> None:
    haze = np.full((SIDE, SIDE, 3), 255)
    haze[:, SIDE // 2 :] -= 35
    edited = Image.fromarray(np.minimum(np.asarray(as_rgb(icon())), haze).astype(np.uint8))
    made = np.asarray(pasted(icon(), edited, Image.new("L", (SIDE, SIDE), 255)))
    nothing = np.asarray(icon())[..., 3] == 0
    assert np.array_equal(made[nothing], np.asarray(icon())[nothing])


def test_something_new_over_nothing_is_opaque_in_its_middle_and_keeps_its_colour_at_its_soft_edge() -> None:
    edited = as_rgb(icon())
    edited.paste((90, 180, 80), (1, 1, 6, 12))
    edited.paste((173, 218, 168), (6, 1, 7, 12))  # half of it over white
    made = np.asarray(pasted(icon(), edited, Image.new("L", (SIDE, SIDE), 255))).astype(int)
    assert made[6, 3].tolist() == [90, 180, 80, 255]
    assert abs(made[6, 6, 3] - 128) <= 10
    assert np.abs(made[6, 6, :3] - (90, 180, 80)).max() <= 12


def test_what_is_half_transparent_stays_so_where_its_colour_changes() -> None:
    glass = Image.new("RGBA", (SIDE, SIDE), (200, 0, 0, 128))
    edited = as_rgb(Image.new("RGBA", (SIDE, SIDE), (0, 0, 200, 128)))
    made = np.asarray(pasted(glass, edited, Image.new("L", (SIDE, SIDE), 255))).astype(int)
    assert np.abs(made - (0, 0, 200, 128)).max() <= 2


def test_a_feathered_mask_rises_inwards_only() -> None:
    mask = Image.new("L", (400, 300), 0)
    ImageDraw.Draw(mask).ellipse((100, 50, 300, 250), fill=255)
    soft, hard = np.asarray(feathered(mask)), np.asarray(mask)
    assert not soft[hard == 0].any()
    row = soft[150, 100:200].astype(int)
    assert (np.diff(row) >= 0).all()
    assert row[0] < 60
    assert row[20] == 255
    assert np.abs(np.diff(row)).max() <= 80


def test_a_mask_at_the_rim_of_the_picture_is_not_soft_there() -> None:
    soft = np.asarray(feathered(Image.new("L", (400, 300), 255)))
    assert (soft == 255).all()


@pytest.mark.parametrize("width", [1, 2, 3])
def test_a_thin_mask_does_not_vanish(width: int) -> None:
    mask = Image.new("L", (1000, 500), 0)
    mask.paste(255, (500, 0, 500 + width, 500))
    soft = np.asarray(feathered(mask))
    assert soft.max() > 100
    assert not soft[np.asarray(mask) == 0].any()


@pytest.mark.parametrize("name", ["a.png", "a.webp"])
def test_a_saved_picture_keeps_its_transparency(name: str, tmp_path: Path) -> None:
    path = tmp_path / name
    saving.save(icon(), path, {"a": 1}, overwrite=False)
    back = opening.read_picture(path).rgba
    assert back is not None
    assert np.array_equal(np.asarray(back)[..., 3], np.asarray(icon())[..., 3])
    if name.endswith("png"):
        assert back.tobytes() == icon().tobytes()


def test_a_jpeg_lies_over_white(tmp_path: Path) -> None:
    saving.save(icon(), tmp_path / "a.jpg", None, overwrite=False)
    assert opening.open_picture(tmp_path / "a.jpg").getpixel((38, 38)) == (255, 255, 255)


def test_what_is_opened_keeps_colours_that_are_not_seen() -> None:
    opened = opening.opened_of(icon())
    assert opened.rgba is not None
    assert opened.rgba.tobytes() == icon().tobytes()
    assert opening.opened_of(opened) is opened
    assert opening.opened_of(icon().convert("RGB")).rgba is None


def test_a_mask_that_can_be_seen_through_is_refused() -> None:
    with pytest.raises(InputError, match="transparent in places"):
        mask_of(icon())
    assert mask_of(icon().convert("RGB").convert("RGBA")).mode == "L"


def test_nearly_black_is_black_in_a_mask() -> None:
    with pytest.raises(InputError, match="black all over"):
        check_mask(mask_of(Image.new("L", (8, 8), 5)), Image.new("RGB", (8, 8)))


def test_where_one_of_several_pictures_cannot_be_written_none_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    large = Image.new("RGB", (20_000, 1))  # more than WebP holds
    with pytest.raises(OutputError):
        saving.save_all([(icon(), tmp_path / "a.png", None), (large, tmp_path / "b.webp", None)], overwrite=False)
    assert not list(tmp_path.iterdir())
