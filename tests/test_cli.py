"""The command line, with tiny random models: what it makes, what it says, and how it takes bad input."""

from __future__ import annotations

import json
import os
import select
import signal
import struct
import subprocess
import sys
import time
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image, ImageChops
from typer.testing import CliRunner, Result

from pix2pix_onthefly import families, images, saving
from pix2pix_onthefly.cli import app
from pix2pix_onthefly.cli_options import EditRequest
from pix2pix_onthefly.errors import InputError
from pix2pix_onthefly.world.renderer import render
from pix2pix_onthefly.world.scenes import Scene, SceneObject

ROOT = Path(__file__).resolve().parents[1]
CAPTIONS = ("--caption", "a cat on the beach", "--before", "a cat on the beach", "--after", "a dog on the beach")
QUICK = ("--steps", "2", "--size", "64")
PATIENCE = 600
"""Seconds a started program may take: a busy machine spends most of them on importing torch."""


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tiny_family: str) -> Path:
    """The current folder, with a picture `cat.png` of 80x60 pixels in it."""
    monkeypatch.chdir(tmp_path)
    scene = Scene("beach", (SceneObject("cat", None, 0.5, 0.5, 0.6),))
    render(scene, 80).crop((0, 10, 80, 70)).save(tmp_path / "cat.png")
    return tmp_path


def onthefly(*arguments: str) -> Result:
    return CliRunner().invoke(app, arguments, catch_exceptions=False)


def edit(*arguments: str) -> Result:
    """Edits `cat.png` with given captions, in two steps."""
    result = onthefly("edit", "cat.png", "make it a dog", *CAPTIONS, *QUICK, *arguments)
    assert result.exit_code == 0, result.output
    return result


def same_pixels(one: str, other: str) -> bool:
    with Image.open(one) as a, Image.open(other) as b:
        return a.size == b.size and ImageChops.difference(a, b).getbbox() is None


def options_of(recipe: dict[str, object]) -> dict[str, object]:
    options = recipe["options"]
    assert isinstance(options, dict)
    return options


# ---- edit


def test_edit_saves_a_picture_of_the_input_size_with_its_recipe(here: Path) -> None:
    result = edit()
    picture = images.open_picture("cat-edited.png")
    assert picture.size == (80, 60)
    recipe = saving.read_recipe("cat-edited.png")
    assert recipe["source"] == "cat.png"
    assert recipe["instruction"] == "make it a dog"
    assert options_of(recipe)["steps"] == 2
    assert str(here) not in json.dumps({**recipe, "models": None})
    for text in ("caption: a cat on the beach", "before:  a cat", "after:   a dog", "picture: cat-edited.png"):
        assert text in result.stdout
    assert result.stderr.splitlines() == [
        "Inverting to noise ...",
        "Regenerating unedited ...",
        "Regenerating edited ...",
    ]


def test_edit_from_the_instruction_alone(here: Path) -> None:
    result = onthefly("edit", "cat.png", "make it a dog", "--attempts", "1", *QUICK)
    assert result.exit_code == 0, result.output
    assert "Describing the picture" in result.stderr
    assert "Writing captions" in result.stderr
    assert "Warning: " in result.stderr  # of a model that knows nothing, the instruction itself had to do
    assert "Warning" not in result.stdout


def test_the_same_edit_gives_the_same_pixels(here: Path) -> None:
    edit("-o", "one.png", "--regularisation-rounds", "1")
    edit("-o", "two.png", "--regularisation-rounds", "1")
    assert same_pixels("one.png", "two.png")


def test_like_repeats_an_edit(here: Path) -> None:
    first = onthefly("edit", "cat.png", "make it a dog", "--attempts", "1", "--direction-scale", "2", *QUICK)
    assert first.exit_code == 0, first.output
    result = onthefly("edit", "cat.png", "--like", "cat-edited.png", "-o", "again.png")
    assert result.exit_code == 0, result.output
    assert "Writing captions" not in result.stderr
    assert same_pixels("cat-edited.png", "again.png")
    old, new = saving.read_recipe("cat-edited.png"), saving.read_recipe("again.png")
    changing = {"seconds": None, "warnings": None}
    assert {**old, **changing} == {**new, **changing}


def test_like_takes_what_is_given_anew(here: Path) -> None:
    edit()
    result = onthefly("edit", "cat.png", "--like", "cat-edited.png", "--direction-scale", "3", "-o", "again.png")
    assert result.exit_code == 0, result.output
    assert options_of(saving.read_recipe("again.png"))["direction_scale"] == 3
    assert not same_pixels("cat-edited.png", "again.png")


RECIPE: dict[str, object] = {
    "instruction": "make it a dog",
    "caption": "a cat",
    "captions": {"before": ["a cat"], "after": ["a dog"], "outcome": "complied"},
    "options": {"steps": 7, "size": None},
    "family": "mini",
}


@pytest.mark.parametrize(
    ("request_", "outcome", "kept"),
    [
        (EditRequest(), "complied", True),
        (EditRequest("make it a dog"), "complied", True),
        (EditRequest(changes={"steps": 9}), "complied", True),
        (EditRequest("make it a fox"), "complied", False),
        (EditRequest("make it a fox"), "given", False),
        (EditRequest(caption="a kitten"), "complied", False),
        (EditRequest(caption="a kitten"), "given", True),
        (EditRequest("make it a dog", changes={"shots": 3}), "complied", False),
        (EditRequest(changes={"shots": 3}), "given", True),
        (EditRequest(direction=Path("d.safetensors")), "complied", False),
    ],
)
def test_like_keeps_captions_until_what_they_came_from_changes(request_: EditRequest, outcome: str, kept: bool) -> None:
    captions = {"before": ["a cat"], "after": ["a dog"], "outcome": outcome}
    made = request_.like({**RECIPE, "captions": captions}, "x.png")
    assert (made.before, made.after) == ((("a cat",), ("a dog",)) if kept else ((), ()))
    assert made.family == "mini"
    assert made.changes == {"steps": 7, **request_.changes}


@pytest.mark.parametrize("broken", [{"captions": None}, {"captions": {"before": "a"}}, {"options": []}, {"caption": 1}])
def test_like_refuses_strange_recipes(broken: dict[str, object]) -> None:
    with pytest.raises(InputError, match="not that of an edit"):
        EditRequest().like({**RECIPE, **broken}, "x.png")


def test_like_asks_for_the_direction_a_picture_was_made_with() -> None:
    recipe = {**RECIPE, "captions": {"before": [], "after": [], "outcome": "given"}, "direction": "dog.safetensors"}
    with pytest.raises(InputError, match=r"dog\.safetensors"):
        EditRequest().like(recipe, "x.png")


def test_json_stands_alone_on_stdout(here: Path) -> None:
    printed = json.loads(edit("--json", "--output", "sub/out.webp").stdout)
    assert printed["output"] == os.path.join("sub", "out.webp")
    assert printed["captions"]["outcome"] == "given"
    del printed["output"]
    assert printed == saving.read_recipe("sub/out.webp")


def test_compare_saves_a_row_of_three(here: Path) -> None:
    edit("--compare")
    width, height = images.open_picture("cat-edited.png").size
    assert width > 2.5 * height


def test_no_metadata(here: Path) -> None:
    edit("--no-metadata")
    assert images.open_picture("cat-edited.png").size == (80, 60)
    with pytest.raises(InputError):
        saving.read_recipe("cat-edited.png")


def test_overwrite(here: Path) -> None:
    Path("cat-edited.png").write_bytes(b"old")
    edit("--overwrite")
    assert images.open_picture("cat-edited.png").size == (80, 60)


def test_a_saved_direction_serves_in_place_of_captions(here: Path) -> None:
    edit("--save-direction", "dog.safetensors")
    arguments = ("--direction", "dog.safetensors", "--caption", "a cat on the beach", "-o", "again.png")
    result = onthefly("edit", "cat.png", *arguments, *QUICK)
    assert result.exit_code == 0, result.output
    assert same_pixels("cat-edited.png", "again.png")
    assert saving.read_recipe("again.png")["direction"] == "dog.safetensors"
    result = onthefly("edit", "cat.png", *arguments, "--overwrite", "--save-direction", "other.safetensors")
    assert result.exit_code == 2


def test_a_poor_reconstruction_is_told_of(here: Path, monkeypatch: pytest.MonkeyPatch, tiny_family: str) -> None:
    row = families.FAMILIES[tiny_family]
    monkeypatch.setitem(families.FAMILIES, tiny_family, type(row)(**{**vars(row), "reconstruction_floor": 90.0}))
    assert "Warning: the models of the family tiny" in edit().stderr


# ---- bad input


def png_header(width: int, height: int) -> bytes:
    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", zlib.compress(b"")) + chunk(b"IEND", b"")


def write_bad_files() -> None:
    Path("empty.png").write_bytes(b"")
    Path("text.png").write_text("no picture")
    Path("broken.png").write_bytes(Path("cat.png").read_bytes()[:200])
    Path("huge.png").write_bytes(png_header(30000, 30000))
    Path("old.png").write_bytes(b"old")
    Path("bad.safetensors").write_bytes(b"no direction")


BAD: dict[str, list[str]] = {
    "missing file": ["edit", "nowhere.png", "make it a dog"],
    "broken file": ["edit", "broken.png", "make it a dog"],
    "not an image": ["edit", "text.png", "make it a dog"],
    "zero bytes": ["edit", "empty.png", "make it a dog"],
    "huge": ["edit", "huge.png", "make it a dog"],
    "a folder": ["edit", ".", "make it a dog"],
    "no instruction": ["edit", "cat.png"],
    "empty instruction": ["edit", "cat.png", "  "],
    "long instruction": ["edit", "cat.png", "x" * 10_000],
    "unknown family": ["edit", "cat.png", "make it a dog", "--family", "sd99"],
    "unknown device": ["edit", "cat.png", "make it a dog", "--device", "abacus"],
    "output below a file": ["edit", "cat.png", "make it a dog", "-o", "cat.png/out.png"],
    "output of no known kind": ["edit", "cat.png", "make it a dog", "-o", "out.txt"],
    "output is there": ["edit", "cat.png", "make it a dog", "-o", "old.png"],
    "out of range": ["edit", "cat.png", "make it a dog", "--steps", "1"],
    "far out of range": ["edit", "cat.png", "make it a dog", "--seed", "9" * 400],
    "not a number": ["edit", "cat.png", "make it a dog", "--guidance-scale", "nan"],
    "no number": ["edit", "cat.png", "make it a dog", "--steps", "many"],
    "unknown wording": ["edit", "cat.png", "make it a dog", "--wording", "verbose"],
    "unknown option": ["edit", "cat.png", "make it a dog", "--wordings", "terse"],
    "before without after": ["edit", "cat.png", "make it a dog", "--before", "a cat"],
    "blank caption": ["edit", "cat.png", "make it a dog", "--caption", " "],
    "no recipe": ["edit", "cat.png", "--like", "cat.png"],
    "no direction": ["edit", "cat.png", "--direction", "nowhere.safetensors"],
    "bad direction": ["edit", "cat.png", "--direction", "bad.safetensors"],
    "direction is there": ["edit", "cat.png", "make it a dog", "--save-direction", "bad.safetensors"],
    "direction to nowhere": ["edit", "cat.png", "make it a dog", "--save-direction", "nowhere/x.safetensors"],
    "caption of nothing": ["caption", "nowhere.png"],
    "caption of a broken file": ["caption", "broken.png"],
    "rewrite nothing": ["rewrite", " "],
    "too many shots": ["rewrite", "make it a dog", "--shots", "32"],
    "reconstruct nothing": ["reconstruct", "nowhere.png"],
    "draw nothing": ["draw", " "],
    "draw over": ["draw", "a cat", "-o", "old.png"],
    "draw too large": ["draw", "a cat", "--size", "9999"],
    "tiny scene": ["scene", "--size", "1"],
    "show nothing": ["show", "nowhere.png"],
    "show no recipe": ["show", "cat.png"],
    "unknown command": ["edt"],
}


@pytest.mark.parametrize("arguments", BAD.values(), ids=BAD.keys())
def test_bad_input_is_told_in_one_sentence(here: Path, arguments: list[str]) -> None:
    write_bad_files()
    files = {path: path.read_bytes() for path in here.rglob("*")}
    result = onthefly(*arguments)
    assert result.exit_code == 2
    assert result.stdout == ""
    lines = result.stderr.splitlines()
    assert len(lines) == 1, result.stderr
    assert lines[0].startswith("Error: ")
    assert "Traceback" not in lines[0]
    assert {path: path.read_bytes() for path in here.rglob("*")} == files


def test_nothing_is_loaded_before_the_output_is_checked(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(families, "_load", lambda *_, **__: pytest.fail("a model was loaded"))
    Path("cat-edited.png").touch()
    assert onthefly("edit", "cat.png", "make it a dog").exit_code == 2


def test_missing_weights_are_told_in_one_sentence(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    row = families.FAMILIES["tiny"]
    missing = type(row)(**{**vars(row), "diffusion": families.ModelRow("nobody/nothing-at-all", "MIT", 1)})
    monkeypatch.setitem(families.FAMILIES, "tiny", missing)
    result = onthefly("draw", "a cat")
    assert result.exit_code == 2
    assert result.stderr.startswith("Error: the weights of nobody/nothing-at-all cannot be loaded")


# ---- the other commands


def test_show(here: Path) -> None:
    edit("--json")
    shown = onthefly("show", "cat-edited.png")
    assert shown.exit_code == 0
    assert "instruction:" in shown.stdout
    assert "  guidance_scale:" in shown.stdout
    assert json.loads(onthefly("show", "cat-edited.png", "--json").stdout) == saving.read_recipe("cat-edited.png")


def test_show_lets_no_escape_sequence_through(here: Path) -> None:
    saving.save(Image.new("RGB", (8, 8)), "x.png", {"instruction": "\x1b]0;title\x07[red]x"}, overwrite=False)
    shown = onthefly("show", "x.png").stdout
    assert "\x1b" not in shown
    assert "[red]x" in shown


def test_caption(here: Path) -> None:
    first, second = onthefly("caption", "cat.png"), onthefly("caption", "cat.png")
    assert first.exit_code == 0
    assert first.stdout == second.stdout
    assert len(first.stdout.splitlines()) == 1


def test_rewrite(here: Path) -> None:
    arguments = ("make it a dog", "--caption", "a cat", "--attempts", "2", "--shots", "0", "--wording", "detailed")
    result = onthefly("rewrite", *arguments)
    assert result.exit_code == 0, result.output
    for text in ("--- Prompt", "Caption 1: a cat", "--- Reply 1", "before:", "after:", "outcome:"):
        assert text in result.stdout


def test_reconstruct(here: Path) -> None:
    result = onthefly("reconstruct", "cat.png", "--caption", "a cat", *QUICK)
    assert result.exit_code == 0, result.output
    assert "dB PSNR" in result.stdout
    assert images.open_picture("cat-reconstructed.png").size == (80, 60)
    assert saving.read_recipe("cat-reconstructed.png")["source"] == "cat.png"


def test_draw(here: Path) -> None:
    for name, seed in (("one.png", "1"), ("two.png", "1"), ("three.png", "2")):
        result = onthefly("draw", "a cat", "-o", name, "--seed", seed, "--negative", "a dog", *QUICK)
        assert result.exit_code == 0, result.output
    assert images.open_picture("one.png").size == (64, 64)
    assert same_pixels("one.png", "two.png")
    assert not same_pixels("one.png", "three.png")
    assert onthefly("edit", "cat.png", "--like", "one.png").exit_code == 2  # its recipe is not that of an edit


def test_scene(here: Path) -> None:
    result = onthefly("scene", "--seed", "3", "--size", "48")
    assert result.exit_code == 0
    assert images.open_picture("scene-3.png").size == (48, 48)
    caption = saving.read_recipe("scene-3.png")["caption"]
    assert f"caption: {caption}\n" in result.stdout


def test_families(here: Path) -> None:
    printed = onthefly("families").stdout
    for family in families.FAMILIES.values():
        assert family.about in printed
        assert f"{family.diffusion.licence}" in printed


def test_help_lists_every_setting_with_its_limits(here: Path) -> None:
    printed = " ".join(onthefly("edit", "--help").stdout.split())
    for text in ("--steps INTEGER", "[default: 100; 2 to 999]", "--no-lock-first-caption", "--wording terse|detailed"):
        assert text in printed
    assert onthefly("--version").stdout.strip()
    assert onthefly().exit_code == 2


# ---- as a program


def start(command: list[str], folder: Path) -> subprocess.Popen[bytes]:
    paths = {"PYTHONPATH": os.pathsep.join((str(ROOT / "src"), str(ROOT)))}
    return subprocess.Popen(
        [sys.executable, *command],
        cwd=folder,
        env={**os.environ, **paths},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),  # a background job ignores it
    )


def test_help_imports_nothing_heavy(tmp_path: Path) -> None:
    program = (
        "import sys\n"
        "from pix2pix_onthefly.cli import app\n"
        "try:\n    app(['edit', '--help'])\n"
        "finally:\n    print(sorted({'torch', 'diffusers', 'transformers', 'numpy', 'PIL'} & set(sys.modules)))\n"
    )
    out, errors = start(["-c", program], tmp_path).communicate(timeout=PATIENCE)
    assert out.decode().rstrip().endswith("[]"), errors.decode()


def wait_for(stream: int, text: bytes, is_running: Callable[[], bool]) -> bytes:
    """Reads until the text appears."""
    seen, deadline = b"", time.monotonic() + PATIENCE
    while text not in seen and time.monotonic() < deadline and (is_running() or select.select([stream], [], [], 0)[0]):
        if select.select([stream], [], [], 1.0)[0]:
            piece = os.read(stream, 65536)
            if not piece:
                break
            seen += piece
    assert text in seen, seen.decode()
    return seen


def test_interrupting_leaves_nothing_behind(here: Path, tiny_folder: Path) -> None:
    program = (
        "from pathlib import Path\n"
        "from tests.conftest import register_tiny_family\n"
        "from pix2pix_onthefly.cli import main\n"
        f"register_tiny_family(Path({str(tiny_folder)!r}))\n"
        "main()\n"
    )
    before = sorted(here.iterdir())
    command = ["-c", program, "edit", "cat.png", "make it a dog", *CAPTIONS, "--steps", "900", "--size", "256"]
    process = start(command, here)
    assert process.stderr is not None
    try:
        seen = wait_for(process.stderr.fileno(), b"Inverting", lambda: process.poll() is None)
        process.send_signal(signal.SIGINT)
        out, rest = process.communicate(timeout=PATIENCE)
    finally:
        process.kill()
    assert process.returncode == 130
    assert out == b""
    assert (seen + rest).decode().splitlines() == ["Inverting to noise ...", "Interrupted."]
    assert sorted(here.iterdir()) == before
