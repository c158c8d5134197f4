"""Pictures that older versions saved can be made again from their recipes.

`golden/made-by-0.1.0.png` is what version 0.1.0 made, on two cores of an AMD EPYC with torch 2.13.0, of:

    onthefly edit examples/cat.png "make the cat a dog" --steps 6
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image
from typer.testing import CliRunner

from pix2pix_onthefly.cli.app import app

GOLDEN = Path(__file__).parent / "golden" / "made-by-0.1.0.png"
EXAMPLE = Path(__file__).parents[1] / "examples" / "cat.png"
MOST = 2
"""Of 255: other machines round otherwise. Here there is no difference at all."""


def test_a_recipe_of_0_1_0_gives_the_same_pixels(tmp_path: Path) -> None:
    made = tmp_path / "made.png"
    done = CliRunner().invoke(app, ["edit", str(EXAMPLE), "--like", str(GOLDEN), "-o", str(made), "--device", "cpu"])
    assert done.exit_code == 0, done.output
    with Image.open(GOLDEN) as old, Image.open(made) as new:
        difference = np.asarray(old.convert("RGB"), np.int16) - np.asarray(new.convert("RGB"), np.int16)
    assert np.abs(difference).max() <= MOST
