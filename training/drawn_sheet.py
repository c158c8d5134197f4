"""Draws captions chosen by seed with two sets of weights, beside the true renderings: docs/mini-drawn.png.

python -m training.drawn_sheet BEFORE             # a folder with unet/ and text_encoder/, against the package's
python -m training.drawn_sheet BEFORE AFTER --count 4 --output out/sheet.png

`make drawn-sheet` takes the weights of an older commit as BEFORE. The same noise is drawn from on both sides; the true
rendering shows the scene that the caption was made from, whose objects may stand and measure a little otherwise. Under
each picture stands its PSNR to the nearest rendering, in red where it does not read as its caption says.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from pix2pix_onthefly.world.captions import describe
from pix2pix_onthefly.world.renderer import render_pixels
from pix2pix_onthefly.world.scenes import Scene

from . import diffusion
from .common import PICTURE_SIDE, ROOT, pick_device
from .drawing import Crispness, Drawn, draw_batch, judge_drawings
from .scenes import held_out_scenes
from .weights import load_weights, weights_folder

OFFSET = 2_000
"""Of the held-out scenes: none of them is measured elsewhere."""
_GAP, _LINE, _COLUMNS = 6, 16, 4
_GOOD, _BAD, _CAPTION = (90, 90, 90), (190, 40, 40), (0, 0, 0)


@dataclass(frozen=True)
class Column:
    """One way to make the pictures: its name, the pictures [count, side, side, 3], and what the judge reads in them."""

    name: str
    pictures: NDArray[np.uint8]
    drawn: list[Drawn]

    @classmethod
    def of(cls, name: str, scenes: Sequence[Scene], pictures: NDArray[np.uint8]) -> Column:
        return cls(name, pictures, judge_drawings(scenes, pictures))

    def summary(self) -> dict[str, float]:
        """Crispness, and the share that reads as captioned."""
        crispness = Crispness.of(self.drawn)
        right = sum(item.all for item in self.drawn) / len(self.drawn)
        return {"median": round(crispness.median, 2), "tenth": round(crispness.tenth, 2), "right": round(right, 3)}


def columns_of(before: Path, after: Path, count: int, guidance_scale: float) -> tuple[list[Scene], list[Column]]:
    """The scenes, and what both sets of weights and the renderer make of them."""
    scenes = held_out_scenes(count, OFFSET)
    captions = [describe(scene) for scene in scenes]
    columns: list[Column] = []
    for name, folder in (("before", before), ("after", after)):
        model = load_weights(folder, pick_device())
        columns.append(Column.of(name, scenes, draw_batch(model, captions, guidance_scale=guidance_scale)))
    true = np.stack([render_pixels(scene, PICTURE_SIDE) for scene in scenes])
    return scenes, [*columns, Column.of("true", scenes, true)]


def draw_sheet(scenes: Sequence[Scene], columns: Sequence[Column]) -> Image.Image:
    """All columns of a caption side by side, the caption above them; four captions a row."""
    width = len(columns) * (PICTURE_SIDE + _GAP) + 2 * _GAP
    height = PICTURE_SIDE + 2 * _LINE + 3 * _GAP
    rows = -(-len(scenes) // _COLUMNS)
    sheet = Image.new("RGB", (min(_COLUMNS, len(scenes)) * width, rows * height), "white")
    pen, font = ImageDraw.Draw(sheet), ImageFont.load_default(12)
    for index, scene in enumerate(scenes):
        left, top = index % _COLUMNS * width + _GAP, index // _COLUMNS * height + _GAP
        pen.text((left, top), describe(scene), fill=_CAPTION, font=font)
        for place, column in enumerate(columns):
            x, item = left + place * (PICTURE_SIDE + _GAP), column.drawn[index]
            sheet.paste(Image.fromarray(column.pictures[index]), (x, top + _LINE))
            text = f"{column.name} {item.crispness:.1f} dB"
            pen.text((x, top + _LINE + PICTURE_SIDE + 1), text, fill=_GOOD if item.all else _BAD, font=font)
    return sheet


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("before", type=weights_folder)
    parser.add_argument("after", type=weights_folder, nargs="?", default=Path(diffusion.FOLDER))
    parser.add_argument("--count", type=int, default=24)
    parser.add_argument("--guidance", type=float, default=3.0)
    parser.add_argument("--output", type=Path, default=ROOT / "docs/mini-drawn.png")
    given = parser.parse_args()
    if given.count < 1:
        parser.error("--count must be at least 1")
    scenes, columns = columns_of(given.before, given.after, given.count, given.guidance)
    given.output.parent.mkdir(parents=True, exist_ok=True)
    draw_sheet(scenes, columns).save(given.output, optimize=True)
    print(given.output)
    print(json.dumps({column.name: column.summary() for column in columns}))


if __name__ == "__main__":
    main()
