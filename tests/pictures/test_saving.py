"""Pictures out: where they may go, what they carry, and that nothing is ever half-written."""

from __future__ import annotations

import json
import os
import stat
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pix2pix_onthefly.editor import Editor
from pix2pix_onthefly.errors import InputError, OutputError
from pix2pix_onthefly.pictures import fitting, opening, saving, side_by_side
from tests.pictures.test_opening_and_fitting import RECIPE, gradient

# ---- where to write


@pytest.mark.parametrize("name", ["a.png", "a.jpg", "a.jpeg", "a.webp", "A.PNG", "new/deep/a.png"])
def test_good_outputs(tmp_path: Path, name: str) -> None:
    assert saving.check_output(tmp_path / name, overwrite=False) == tmp_path / name
    assert (tmp_path / name).parent.is_dir()
    assert not (tmp_path / name).exists()


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("taken.png", "exists already"),
        ("link.png", "exists already"),
        ("folder.png", "is a folder"),
        (".", "is a folder"),
        ("a.gif", "must end in"),
        ("a", "must end in"),
        ("taken.png/a.png", "cannot be made"),
        ("taken.png/b/a.png", "cannot be made"),
        ("x" * 300 + ".png", "cannot be written"),
        ("a\0b.png", "cannot be written"),
    ],
)
def test_bad_outputs(tmp_path: Path, name: str, says: str) -> None:
    (tmp_path / "taken.png").write_bytes(b"old")
    (tmp_path / "folder.png").mkdir()
    (tmp_path / "link.png").symlink_to(tmp_path / "nowhere.png")
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(OutputError, match=says):
        saving.check_output(tmp_path / name, overwrite=False)
    with pytest.raises(OutputError, match=says):
        saving.save(gradient(), tmp_path / name, None, overwrite=False)
    assert sorted(tmp_path.rglob("*")) == before
    if says == "exists already":
        assert saving.check_output(tmp_path / name, overwrite=True) == tmp_path / name


def test_a_folder_that_may_not_be_written_to(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "access", lambda *_: False)  # pyright: ignore[reportUnknownLambdaType]
    with pytest.raises(OutputError, match="may not be written to"):
        saving.check_output(tmp_path / "a.png", overwrite=False)


# ---- saving and the recipe


@pytest.mark.parametrize("name", ["a.png", "a.jpg", "a.JPEG", "a.webp"])
def test_the_recipe_comes_back(tmp_path: Path, name: str) -> None:
    path = tmp_path / "new" / name
    saving.save(gradient(), path, RECIPE, overwrite=False)
    assert saving.read_recipe(path) == RECIPE
    assert fitting.psnr(opening.open_picture(path), gradient()) > 33
    assert [entry.name for entry in path.parent.iterdir()] == [name]
    umask = os.umask(0)
    os.umask(umask)
    assert stat.S_IMODE(path.stat().st_mode) == 0o666 & ~umask


@pytest.mark.parametrize("name", ["a.png", "a.jpg", "a.webp"])
def test_fields_of_a_recipe_that_nothing_here_knows_are_kept(tmp_path: Path, name: str) -> None:
    recipe: dict[str, object] = {**RECIPE, "source_sha256": "0" * 64, "of a later version": {"a": [1, None, "ü"]}}
    saving.save(gradient(), tmp_path / name, recipe, overwrite=False)
    again: dict[str, object] = {**saving.read_recipe(tmp_path / name), "seconds": {}}
    saving.save(gradient(), tmp_path / name, again, overwrite=True)
    assert saving.read_recipe(tmp_path / name) == {**recipe, "seconds": {}}


@pytest.mark.parametrize("name", ["a.png", "a.jpg", "a.webp"])
def test_a_long_recipe_comes_back(tmp_path: Path, name: str) -> None:
    recipe: dict[str, object] = {**RECIPE, "prompt": "a cat sits on a mat. " * 10_000}
    saving.save(gradient(), tmp_path / name, recipe, overwrite=False)
    assert saving.read_recipe(tmp_path / name) == recipe


def test_a_result_saves_itself_with_its_recipe(tmp_path: Path, tiny_family: str) -> None:
    editor = Editor.load(tiny_family)
    options = editor.options(method="attention", steps=2, size=64)
    texts = {"caption": "a cat", "before": ["a cat"], "after": ["a dog"]}
    result = editor.edit(gradient(), "make it a dog", options=options, **texts)  # pyright: ignore[reportArgumentType]
    result.save(tmp_path / "a.png")
    assert saving.read_recipe(tmp_path / "a.png")["instruction"] == "make it a dog"
    with pytest.raises(OutputError, match="exists already"):
        result.save(str(tmp_path / "a.png"))
    result.save(str(tmp_path / "a.png"), overwrite=True, recipe=False)
    assert opening.open_picture(tmp_path / "a.png").tobytes() == result.image.tobytes()
    with pytest.raises(InputError, match="holds no recipe"):
        saving.read_recipe(tmp_path / "a.png")


def test_png_is_exact_and_speaks_to_other_programs(tmp_path: Path) -> None:
    saving.save(gradient(), tmp_path / "a.png", RECIPE, overwrite=False)
    with Image.open(tmp_path / "a.png") as opened:
        assert opened.convert("RGB").tobytes() == gradient().tobytes()
        assert json.loads(opened.info["onthefly"]) == RECIPE
        assert opened.info["parameters"] == (
            "make it a Füchsin 狐 please\nNegative prompt: a cat\n"
            "Steps: 100, CFG scale: 5.0, Seed: 0, Size: 48x32, Model: mini"
        )


def test_a_bare_recipe_and_odd_characters(tmp_path: Path) -> None:
    recipe: dict[str, object] = {"instruction": "bad \udc80 byte \0"}
    saving.save(gradient(), tmp_path / "a.png", recipe, overwrite=False)
    assert saving.read_recipe(tmp_path / "a.png") == recipe
    with Image.open(tmp_path / "a.png") as opened:
        assert opened.info["parameters"].endswith("Size: 48x32")


@pytest.mark.parametrize("name", ["a.png", "a.jpg", "a.webp"])
def test_no_recipe_means_no_metadata(tmp_path: Path, name: str) -> None:
    source = gradient()
    source.info = {"comment": b"private", "icc_profile": b"profile", "exif": b"Exif\0\0MM", "onthefly": "{}"}
    saving.save(source, tmp_path / name, None, overwrite=False)
    data = (tmp_path / name).read_bytes()
    assert not any(word in data for word in (b"private", b"profile", b"Exif", b"onthefly", b"iCCP", b"tEXt"))
    with pytest.raises(InputError, match="holds no recipe"):
        saving.read_recipe(tmp_path / name)


@pytest.mark.parametrize("text", ["{broken", "[1, 2]", "3"])
def test_a_chunk_that_is_no_recipe(tmp_path: Path, text: str) -> None:
    from PIL.PngImagePlugin import PngInfo

    chunks = PngInfo()
    chunks.add_text("onthefly", text)
    gradient().save(tmp_path / "a.png", pnginfo=chunks)
    with pytest.raises(InputError, match="holds no recipe"):
        saving.read_recipe(tmp_path / "a.png")


@pytest.mark.parametrize("comment", [b"ASCII\0\0\0holiday", b"\0" * 8 + b"holiday", b"UNICODE\0h\0i\0", b"\xff\xfe", 7])
def test_a_camera_comment_is_no_recipe(tmp_path: Path, comment: bytes | int) -> None:
    exif = Image.Exif()
    exif.get_ifd(0x8769)[0x9286] = comment
    gradient().save(tmp_path / "a.jpg", exif=exif)
    with pytest.raises(InputError, match="holds no recipe"):
        saving.read_recipe(tmp_path / "a.jpg")


def test_overwriting_replaces_the_file(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(b"old")
    saving.save(gradient(), tmp_path / "a.png", None, overwrite=True)
    assert opening.open_picture(tmp_path / "a.png").tobytes() == gradient().tobytes()


@pytest.mark.parametrize("mode", ["RGBA", "L", "P", "CMYK"])
def test_pictures_of_any_mode_are_saved(tmp_path: Path, mode: str) -> None:
    for name in ("a.png", "a.jpg", "a.webp"):
        saving.save(gradient().convert(mode), tmp_path / name, RECIPE, overwrite=False)
        assert saving.read_recipe(tmp_path / name) == RECIPE


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (OSError(28, "No space left on device"), OutputError),
        (ValueError("encoder"), OutputError),
        (KeyboardInterrupt(), KeyboardInterrupt),
        (RuntimeError("odd"), RuntimeError),
    ],
)
@pytest.mark.parametrize("step", ["write", "replace"])
def test_a_failed_save_leaves_everything_as_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: BaseException, expected: type[BaseException], step: str
) -> None:
    (tmp_path / "a.png").write_bytes(b"old")
    seen: list[list[str]] = []

    def fail(_: object, file: object, **__: object) -> None:
        if step == "write":
            file.write(b"half")  # pyright: ignore
        seen.append([entry.name for entry in tmp_path.iterdir()])
        raise error

    if step == "write":
        monkeypatch.setattr(Image.Image, "save", fail)
    else:
        monkeypatch.setattr(os, "replace", fail)
    with pytest.raises(expected):
        saving.save(gradient(), tmp_path / "a.png", RECIPE, overwrite=True)
    assert len(seen[0]) == 2  # the half-written file lay beside the old one
    assert [entry.name for entry in tmp_path.iterdir()] == ["a.png"]
    assert (tmp_path / "a.png").read_bytes() == b"old"


def test_a_picture_too_long_for_its_format(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="could not be written"):
        saving.save(Image.new("RGB", (16_400, 8)), tmp_path / "a.webp", None, overwrite=False)
    assert not list(tmp_path.iterdir())


# ---- contact sheets


def test_side_by_side() -> None:
    sheet = side_by_side.side_by_side(
        [Image.new("RGB", (64, 64), "red"), Image.new("L", (32, 64), 0)], ["before", "after"]
    )
    assert sheet.width == 256 + 128 + 3 * 12  # four times as large, with gaps
    pixels = np.asarray(sheet)
    red = (pixels == (255, 0, 0)).all(axis=2)
    assert red.sum() == 256 * 256
    top, left = np.argwhere(red)[0]
    assert left == 12
    assert (pixels[top:, 12 + 256 : 12 + 256 + 12] == 255).all()
    assert (pixels[top : top + 256, 12 + 256 + 12 : -12] == 0).all()
    for start, stop in ((12, 268), (280, 408)):
        assert (pixels[:top, start:stop] < 128).any()  # its label
    assert sheet.height == top + 256 + 12


def test_side_by_side_levels_heights_and_wraps_long_labels() -> None:
    words = "an unusually long label that cannot be drawn in one line of this narrow picture " + "x" * 200
    short = side_by_side.side_by_side([gradient(100, 300), gradient(100, 150)], ["a", ""])
    long = side_by_side.side_by_side([gradient(100, 300), gradient(100, 150)], [words, "b"])
    assert short.width == long.width == 100 + 200 + 36
    assert long.height > short.height + 40
    assert (np.asarray(long)[:, 112:124] == 255).all()  # the overlong word is cut at the gap


def test_side_by_side_needs_a_label_for_each() -> None:
    for pictures, labels in (([], []), ([gradient()], ["a", "b"])):
        with pytest.raises(ValueError, match="side by side"):
            side_by_side.side_by_side(pictures, labels)
