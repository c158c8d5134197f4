"""What people hold a picture in when they call Python: files, bytes, images, arrays and tensors; and what is none."""

from __future__ import annotations

import io
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path, PurePath
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from pix2pix_onthefly.errors import InputError
from pix2pix_onthefly.pictures import opening
from pix2pix_onthefly.pictures.digest import picture_digest
from pix2pix_onthefly.pictures.opening import picture_of
from tests.pictures.awkward import encoded
from tests.pictures.made import at, gradient

PIXELS = np.asarray(gradient())  # [32, 48, 3]
CHANNELS_FIRST = torch.from_numpy(PIXELS.copy()).permute(2, 0, 1)
FLOATS = PIXELS.astype(np.float32) / 255
PNG = encoded(gradient(), "PNG")


def written() -> io.BytesIO:
    """As it is after writing: at its end."""
    file = io.BytesIO()
    gradient().save(file, "PNG")
    return file


# ---- what is taken


@pytest.mark.parametrize(
    "make",
    [
        gradient,
        lambda: gradient().convert("RGBA"),
        lambda: PNG,
        lambda: bytearray(PNG),
        lambda: memoryview(PNG),
        lambda: io.BytesIO(PNG),
        written,
        lambda: PIXELS,
        lambda: PIXELS[None],
        lambda: PIXELS[::-1, ::-1][::-1, ::-1],
        lambda: np.dstack([PIXELS, np.full((32, 48), 255, np.uint8)]),
        lambda: FLOATS,
        lambda: FLOATS.astype(np.float64),
        lambda: FLOATS.astype(np.float16),
        lambda: np.clip(FLOATS, 0.0004, 0.9996) * 1.0008 - 0.0004,  # a hair beyond 0..1
        lambda: CHANNELS_FIRST,
        lambda: CHANNELS_FIRST[None],
        lambda: CHANNELS_FIRST.permute(1, 2, 0),
        lambda: CHANNELS_FIRST[None] / 255,
        lambda: torch.nn.Parameter(CHANNELS_FIRST / 255),
        lambda: (CHANNELS_FIRST / 255).half(),
    ],
)
def test_a_picture_is_taken_from(make: Callable[[], object]) -> None:
    taken = picture_of(make())
    assert (taken.mode, taken.size) == ("RGB", (48, 32))
    assert np.abs(np.asarray(taken).astype(int) - PIXELS).max() <= (1 if "0.9996" in str(make) else 0)


@pytest.mark.parametrize("name", [str, Path, lambda path: PurePath(path), os.fsencode])
def test_a_picture_is_taken_from_a_file(tmp_path: Path, name: Callable[[Path], Any]) -> None:
    path = tmp_path / "été.png"
    path.write_bytes(PNG)
    if name is os.fsencode:  # bytes are a picture's file, not its name
        with pytest.raises(InputError, match="what was given is not a picture of a known kind"):
            picture_of(name(path))
        return
    assert picture_of(name(path)).tobytes() == gradient().tobytes()
    with open(path, "rb") as file:
        assert picture_of(file).tobytes() == gradient().tobytes()
        assert not file.closed  # it is the caller's


def test_grey_and_opacity_of_arrays() -> None:
    grey = np.array([[0, 255], [128, 64]], np.uint8)
    half_red = np.array([[[255, 0, 0, 128]]], np.uint8)
    for value in (grey, grey[:, :, None], torch.from_numpy(grey), torch.from_numpy(grey)[None], grey[None, :, :, None]):
        assert [at(picture_of(value), x, y) for y in (0, 1) for x in (0, 1)] == [(v, v, v) for v in (0, 255, 128, 64)]
    for value in (half_red, torch.from_numpy(half_red).permute(2, 0, 1)[:, :, :1].expand(4, 2, 2)):
        assert at(picture_of(value)) == (255, 127, 127)  # over white


def test_brain_floats_are_taken() -> None:
    taken = picture_of((CHANNELS_FIRST / 255).bfloat16())
    assert np.abs(np.asarray(taken).astype(int) - PIXELS).max() <= 1


def test_the_picture_is_a_copy() -> None:
    array = PIXELS.copy()
    taken = picture_of(array)
    array[:] = 0
    assert taken.tobytes() == gradient().tobytes()


def test_opening_a_picture_does_not_import_torch(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(PNG)
    program = (
        "import sys\nfrom pix2pix_onthefly.pictures.opening import picture_of\n"
        "picture_of('a.png')\nprint('torch' in sys.modules)\n"
    )
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).resolve().parents[2] / "src")}
    made = subprocess.run(
        [sys.executable, "-c", program], cwd=tmp_path, env=environment, capture_output=True, text=True, check=True
    )
    assert made.stdout.strip() == "False"


# ---- what is refused, in one sentence


@pytest.mark.parametrize(
    ("value", "says"),
    [
        (None, "None is not a picture; give a file's name"),
        ({"image": 1}, "a dict is not a picture"),
        ([1, 2], "a list is not a picture"),
        ([gradient()], "a list is not a picture"),
        (5, "an int is not a picture"),
        (object(), "an object is not a picture"),
        (b"", "what was given is empty"),
        (b"no picture", "what was given is not a picture of a known kind"),
        (PNG[:100], "what was given is broken"),
        (io.StringIO("text"), "the open file gives text, not bytes; open the file in binary mode, 'rb'"),
        (np.zeros((3, 32, 48), np.uint8), r"shape \[3, 32, 48\] is not a picture.*transpose\(1, 2, 0\)"),
        (np.zeros(5, np.uint8), r"shape \[5\] is not a picture"),
        (np.zeros((32, 48, 2), np.uint8), r"shape \[32, 48, 2\] is not a picture"),
        (np.zeros((2, 32, 48, 3), np.uint8), r"this array is a batch of 2; .* array\[0\]"),
        (np.zeros((0, 48, 3), np.uint8), "has no pixels"),
        (np.zeros((32, 48, 3), np.int64), "holds int64; give uint8"),
        (np.zeros((32, 48, 3), bool), "holds bool; give uint8"),
        (np.full((32, 48, 3), "a"), "holds <U1; give uint8"),
        (PIXELS.astype(np.float32), r"values from 0 to 249; bring them to 0\.\.1, perhaps by x / 255"),
        (FLOATS * 2 - 1, r"values from -1 to .*; bring them to 0\.\.1, perhaps by \(x \+ 1\) / 2"),
        (FLOATS * 1000, r"bring them to 0\.\.1$"),
        (np.full((32, 48, 3), np.nan), "no finite numbers"),
        (np.full((32, 48, 3), np.inf), "no finite numbers"),
        (np.lib.stride_tricks.as_strided(np.zeros(1, np.uint8), (10_000, 5_001), (0, 0)), "50 megapixels"),
        (torch.zeros(2, 3, 32, 48), r"this tensor is a batch of 2; .* tensor\[0\]"),
        (torch.zeros(3, 32, 3), r"shape \[3, 32, 3\] is ambiguous"),
        (torch.zeros(5, 32, 48), r"shape \[5, 32, 48\] is not a picture; give \[3, height, width\]"),
        (torch.zeros(3, 32, 48, dtype=torch.int32), "holds int32; give uint8"),
        (torch.full((3, 32, 48), -0.5), r"values from -0\.5 to -0\.5"),
        (torch.zeros(3, 32, 48, device="meta"), "this tensor's values cannot be read"),
    ],
)
def test_what_is_no_picture_is_refused_in_one_sentence(value: object, says: str) -> None:
    with pytest.raises(InputError, match=says) as caught:
        picture_of(value)
    assert "; " in str(caught.value)  # what is wrong; what to do
    assert "\n" not in str(caught.value)


def test_a_picture_whose_file_is_closed_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(PNG)
    with Image.open(tmp_path / "a.png") as image:
        pass
    with pytest.raises(InputError, match="cannot be decoded"):
        picture_of(image)


def test_a_closed_file_is_refused() -> None:
    file = io.BytesIO(PNG)
    file.close()
    with pytest.raises(InputError, match="the open file cannot be read"):
        picture_of(file)


# ---- digests


def test_a_digest_tells_pictures_apart_by_size_mode_and_pixels() -> None:
    same = picture_of(PNG)
    same.info["comment"] = "does not count"
    assert picture_digest(same) == picture_digest(gradient())
    other = gradient()
    other.putpixel((3, 3), (1, 2, 3))
    digests = {
        picture_digest(image)
        for image in (gradient(), other, Image.new("L", (6, 1)), Image.new("L", (1, 6)), Image.new("RGB", (2, 1)))
    }
    assert len(digests) == 5
    assert all(len(digest) == 64 for digest in digests)


def test_the_digest_of_a_picture_never_changes() -> None:
    assert picture_digest(Image.new("RGB", (2, 1), (1, 2, 3))) == (
        "1529aa62abcaebac1aafac5c79f1621b51e63c1687c7201b3ba6bfc82db6cd49"
    )


# ---- what is lost in making a picture plain


def test_opening_keeps_nothing_of_the_file(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(encoded(gradient(), "PNG", dpi=(72, 72)))
    assert opening.read_picture(tmp_path / "a.png").image.info == {}
