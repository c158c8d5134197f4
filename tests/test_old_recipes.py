"""Pictures that older versions saved can be made again from their recipes.

`golden/made-by-0.1.0.png` is what version 0.1.0 made, on two cores of an AMD EPYC with torch 2.13.0, of:

    onthefly edit examples/cat.png "make the cat a dog" --steps 6

With the weights of then today's program makes the very same pixels of it. The bundled diffusion model has been trained
further since, so that here the old recipe is held against the same settings and captions given by hand.
"""

from __future__ import annotations

from pathlib import Path

from typer.testing import CliRunner

from pix2pix_onthefly.cli.app import app
from pix2pix_onthefly.pictures import saving
from tests.cli.helpers import options_of, same_pixels

GOLDEN = Path(__file__).parent / "golden" / "made-by-0.1.0.png"
EXAMPLE = Path(__file__).parents[1] / "examples" / "cat.png"


def edit(*arguments: str) -> None:
    done = CliRunner().invoke(app, ["edit", str(EXAMPLE), *arguments, "--device", "cpu"])
    assert done.exit_code == 0, done.output
    assert "Describing" not in done.stderr
    assert "Writing captions" not in done.stderr


def test_a_recipe_of_0_1_0_repeats_its_edit(tmp_path: Path) -> None:
    like, by_hand = str(tmp_path / "like.png"), str(tmp_path / "by-hand.png")
    edit("--like", str(GOLDEN), "-o", like)
    captions = ("--caption", "a cat in a grassy field")
    captions += ("--before", "a cat in a grassy field", "--after", "a dog in a grassy field")
    edit(*captions, "--method", "attention", "--steps", "6", "-o", by_hand)
    assert same_pixels(like, by_hand)
    old, new = saving.read_recipe(GOLDEN), saving.read_recipe(like)
    assert old["captions"] == new["captions"]
    assert options_of(old).items() <= options_of(new).items()
