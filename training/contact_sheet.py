"""Draws the contact sheet: edits chosen by seed, made by the whole method, judged by nearest rendering.

    python -m training.contact_sheet                    # 24 edits, writes docs/contact-sheet.png
    python -m training.contact_sheet --count 5 --option steps=20 --output out/sheet.png

Each cell shows the picture before and after with the instruction under it, in green where the judge reads in the edited
picture just what the instruction asked for. The last line printed is one JSON object: `success` counts those,
`in_place` those of them whose objects are also where they should be.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from pix2pix_onthefly import Editor, EditResult
from pix2pix_onthefly.world.instructions import EDIT_TYPES, Edit, sample_edit
from pix2pix_onthefly.world.judge import agrees, read_scene
from pix2pix_onthefly.world.renderer import render
from pix2pix_onthefly.world.scenes import HELD_OUT_SEED, SceneObject

from .common import ROOT

FIRST_SEED = HELD_OUT_SEED + 500_000
_CELL, _GAP, _TEXT, _COLUMNS = 128, 8, 34, 4
_NEAR = 0.1
"""How far, as a fraction of the picture's side, an object may be from its place."""
_GOOD, _BAD = (20, 130, 60), (190, 40, 40)


@dataclass(frozen=True)
class Judged:
    """An edit of the world with what came of it.

    Attributes:
        success: the picture reads as the target scene: background, kinds and colours.
        in_place: besides, every object is about where the target scene has it, and about as large.
    """

    edit: Edit
    result: EditResult
    success: bool
    in_place: bool


def sample_edits(count: int) -> list[Edit]:
    """Edits of all types in turn, phrased in ways seen in training; seed `FIRST_SEED` + index."""
    types = [EDIT_TYPES[index % len(EDIT_TYPES)] for index in range(count)]
    return [sample_edit(random.Random(FIRST_SEED + i), kind, seen=True) for i, kind in enumerate(types)]


def run(editor: Editor, edit: Edit, changes: dict[str, object]) -> Judged:
    """Makes one edit and judges it: the picture must read as the target scene, nothing else changed."""
    picture = render(edit.source, editor.models.sizes[0])
    result = editor.edit(picture, edit.instruction, options=editor.options(**changes))
    reading = read_scene(np.asarray(result.image))
    success = agrees(reading, edit.target)
    return Judged(edit, result, success, success and all(map(_near, reading.objects, edit.target.objects)))


def _near(found: SceneObject, wanted: SceneObject) -> bool:
    return max(abs(found.x - wanted.x), abs(found.y - wanted.y), abs(found.size - wanted.size)) <= _NEAR


def _wrapped(text: str, font: ImageFont.FreeTypeFont | ImageFont.ImageFont, width: int) -> str:
    lines = [""]
    for word in text.split():
        longer = f"{lines[-1]} {word}".strip()
        if font.getlength(longer) > width:
            lines.append(word)
        else:
            lines[-1] = longer
    return "\n".join(lines)


def draw_sheet(judged: list[Judged]) -> Image.Image:
    """Before and after side by side, four edits a row."""
    width, height = 2 * _CELL + 3 * _GAP, _CELL + _TEXT + 2 * _GAP
    rows = -(-len(judged) // _COLUMNS)
    sheet = Image.new("RGB", (_COLUMNS * width, rows * height), "white")
    pen, font = ImageDraw.Draw(sheet), ImageFont.load_default(13)
    for index, item in enumerate(judged):
        left, top = index % _COLUMNS * width + _GAP, index // _COLUMNS * height + _GAP
        sheet.paste(item.result.source.resize((_CELL, _CELL)), (left, top))
        sheet.paste(item.result.image.resize((_CELL, _CELL)), (left + _CELL + _GAP, top))
        colour = _GOOD if item.success else _BAD
        pen.rectangle((left + _CELL + _GAP - 2, top - 2, left + 2 * _CELL + _GAP + 1, top + _CELL + 1), None, colour, 2)
        text = _wrapped(item.edit.instruction, font, 2 * _CELL)
        pen.text((left, top + _CELL + 3), text, fill=colour, font=font, spacing=1)
    return sheet


def summary(judged: list[Judged], seconds: float) -> dict[str, object]:
    """Counts for all edits and for each type."""
    by_type = {
        kind: f"{sum(j.success for j in judged if j.edit.type == kind)}/{sum(j.edit.type == kind for j in judged)}"
        for kind in EDIT_TYPES
    }
    known = [item.result.reconstruction_psnr for item in judged if item.result.reconstruction_psnr is not None]
    return {
        "success": sum(item.success for item in judged),
        "in_place": sum(item.in_place for item in judged),
        "n": len(judged),
        "by_type": by_type,
        **({"reconstruction_psnr": round(float(np.mean(known)), 2)} if known else {}),
        "seconds_an_edit": round(seconds / len(judged), 1),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=24)
    parser.add_argument("--output", type=Path, default=ROOT / "docs/contact-sheet.png")
    parser.add_argument("--option", action="append", default=[], metavar="NAME=VALUE", help="an edit option, as JSON")
    given = parser.parse_args()
    changes = {name: json.loads(value) for name, value in (pair.split("=", 1) for pair in given.option)}
    editor, judged, started = Editor.load("mini"), [], time.perf_counter()
    for index, edit in enumerate(sample_edits(given.count), 1):
        judged.append(run(editor, edit, changes))
        verdict = "done" if judged[-1].success else "not done"
        print(f"{index}/{given.count} {edit.type}: {edit.instruction} -> {verdict}", file=sys.stderr, flush=True)
        print(f"    {judged[-1].result.captions.after[0]}", file=sys.stderr, flush=True)
    given.output.parent.mkdir(parents=True, exist_ok=True)
    draw_sheet(judged).save(given.output, optimize=True)
    print(given.output)
    print(json.dumps(summary(judged, time.perf_counter() - started)))


if __name__ == "__main__":
    main()
