"""Running the command line in a folder of its own, with tiny random models."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageChops
from typer.testing import CliRunner, Result

from pix2pix_onthefly.cli.app import app
from pix2pix_onthefly.world.renderer import render
from pix2pix_onthefly.world.scenes import Scene, SceneObject

CAPTIONS = ("--caption", "a cat on the beach", "--before", "a cat on the beach", "--after", "a dog on the beach")
QUICK = ("--steps", "2", "--size", "64")


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tiny_family: str) -> Path:
    """The current folder, with a picture `cat.png` of 80x60 pixels in it."""
    monkeypatch.chdir(tmp_path)
    scene = Scene("beach", (SceneObject("cat", None, 0.5, 0.5, 0.6),))
    render(scene, 80).crop((0, 10, 80, 70)).save(tmp_path / "cat.png")
    return tmp_path


def onthefly(*arguments: str) -> Result:
    return CliRunner().invoke(app, arguments, catch_exceptions=False)


def said(result: Result) -> list[str]:
    """The lines on stderr, but for the one that tells that models are being loaded."""
    return [line for line in result.stderr.splitlines() if line != "Loading models ..."]


def edit(*arguments: str) -> Result:
    """Edits `cat.png` with given captions, in two steps."""
    result = onthefly("edit", "cat.png", "make it a dog", *CAPTIONS, *QUICK, *arguments)
    assert result.exit_code == 0, result.output
    return result


def same_pixels(one: str, other: str) -> bool:
    with Image.open(one) as a, Image.open(other) as b:
        return a.size == b.size and ImageChops.difference(a, b).getbbox() is None


def nearly_same_pixels(one: str, other: str) -> bool:
    """Within two levels of 255: in a batch of another size sums run in another order."""
    with Image.open(one) as a, Image.open(other) as b:
        apart = np.asarray(ImageChops.difference(a.convert("RGB"), b.convert("RGB")))
        return a.size == b.size and int(apart.max()) <= 2


def options_of(recipe: dict[str, object]) -> dict[str, object]:
    options = recipe["options"]
    assert isinstance(options, dict)
    return options
