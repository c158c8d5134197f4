"""A sheet of twelve edits by several ways of editing, chosen by seed, from the results of the method table.

    python -m benchmarks.method_sheet                       # writes docs/methods-sheet.png
    python -m benchmarks.method_sheet --set minibrush:dev --limit 20 --row flow --output out/sheet.png

Rows are the source, the ways, and the true result; a column is an edit: two of each kind, then two of any kind. Edits
that a row has not made yet are made. A green frame says that the exact judge takes an edit for done.
"""

from __future__ import annotations

import argparse
import random
from collections.abc import Sequence
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

from pix2pix_onthefly.editor import Editor
from pix2pix_onthefly.evaluation.data.named_sets import open_dataset
from pix2pix_onthefly.evaluation.data.turns import Turn
from pix2pix_onthefly.evaluation.rivals import register_rivals
from pix2pix_onthefly.evaluation.runs.result_files import Result
from pix2pix_onthefly.evaluation.runs.runner import Extent, run
from pix2pix_onthefly.evaluation.runs.setup import Setup
from pix2pix_onthefly.options import LoadOptions
from pix2pix_onthefly.pictures.opening import open_picture
from pix2pix_onthefly.world.changes import EDIT_TYPES

from .method_rows import ROWS

ROOT = Path(__file__).parents[1]
SHOWN = "paper's preset", "SDEdit 0.5, masked", "flow", "flow, best of 4"
Cell = tuple[Image.Image, bool | None]
"""A picture, and whether the judge takes it for the edit that was asked for; None where there is nothing to judge."""
_COLUMNS, _EACH = 12, 2
_CELL, _GAP, _SIDE, _HEAD = 128, 6, 104, 46
_GOOD, _BAD, _PLAIN = (20, 130, 60), (190, 40, 40), (90, 90, 90)


def chosen(turns: Sequence[Turn], seed: int) -> list[Turn]:
    """Two turns of each kind, then any, in the order of kinds."""
    generator = random.Random(seed)
    by_kind = {kind: [turn for turn in turns if turn.extra.get("type") == kind] for kind in EDIT_TYPES}
    found = [turn for kind in EDIT_TYPES for turn in generator.sample(by_kind[kind], min(_EACH, len(by_kind[kind])))]
    others = [turn for turn in turns if turn not in found]
    found += generator.sample(others, max(0, min(_COLUMNS - len(found), len(others))))
    return sorted(found, key=lambda turn: EDIT_TYPES.index(turn.extra["type"]))


def draw_sheet(columns: Sequence[Turn], rows: Sequence[tuple[str, Sequence[Cell]]]) -> Image.Image:
    """The sheet.

    Args:
        rows: name, and for each column a picture and whether it is a success.
    """
    step = _CELL + _GAP
    sheet = Image.new("RGB", (_SIDE + step * len(columns), _HEAD + step * len(rows)), "white")
    pen, font = ImageDraw.Draw(sheet), ImageFont.load_default(11)
    for place, turn in enumerate(columns):
        pen.text((_SIDE + place * step, 2), _wrapped(turn.instruction, font, _CELL), fill="black", font=font, spacing=1)
    for number, (name, pictures) in enumerate(rows):
        top = _HEAD + number * step
        pen.text((2, top + _CELL // 2 - 8), _wrapped(name, font, _SIDE - 8), fill="black", font=font, spacing=1)
        for place, (picture, good) in enumerate(pictures):
            left = _SIDE + place * step
            sheet.paste(picture.resize((_CELL, _CELL)), (left, top))
            colour = _PLAIN if good is None else _GOOD if good else _BAD
            pen.rectangle((left - 2, top - 2, left + _CELL + 1, top + _CELL + 1), None, colour, 2)
    return sheet


def _wrapped(text: str, font: ImageFont.FreeTypeFont | ImageFont.ImageFont, width: int) -> str:
    lines = [""]
    for word in text.split():
        longer = f"{lines[-1]} {word}".strip()
        lines = [*lines, word] if font.getlength(longer) > width else [*lines[:-1], longer]
    return "\n".join(line for line in lines if line)


def _pictures(setup: Setup, results: Sequence[Result], columns: Sequence[Turn]) -> list[Cell]:
    made = {(result.session, result.turn): result for result in results}
    found: list[Cell] = []
    for turn in columns:
        result = made[turn.session, turn.number]
        picture = open_picture(setup.folder / result.picture) if result.picture else Image.new("RGB", (_CELL, _CELL))
        found.append((picture, bool(result.verdict and result.verdict["success"])))
    return found


def main() -> None:
    """Reads the command line, makes what is missing, draws."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--set", default="minibrush:test")
    parser.add_argument("--limit", type=int, default=200, help="as in the table: edits are chosen from the first ones")
    parser.add_argument("--row", action="append", choices=[row.name for row in ROWS])
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=ROOT / "out/method-table")
    parser.add_argument("--output", type=Path, default=ROOT / "docs/methods-sheet.png")
    given = parser.parse_args()
    register_rivals()
    editor = Editor(LoadOptions(family="mini", batch=8))
    setup = Setup(editor, open_dataset(given.set, given.out), given.out)
    columns = chosen(setup.dataset.turns[: given.limit], given.seed)
    by_name = {row.name: row for row in ROWS}
    rows: list[tuple[str, Sequence[Cell]]] = [("source", [(open_picture(turn.source), None) for turn in columns])]
    extent = Extent(("single",), given.limit)
    for name in given.row or SHOWN:
        configuration = by_name[name].configurations(editor.family)[0]
        rows.append((name, _pictures(setup, run(setup, configuration, extent).results, columns)))
    rows.append(("true result", [(open_picture(turn.target), None) for turn in columns]))
    given.output.parent.mkdir(parents=True, exist_ok=True)
    draw_sheet(columns, rows).save(given.output, optimize=True)
    print(given.output)


if __name__ == "__main__":
    main()
