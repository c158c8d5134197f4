"""The table of ways of editing on MiniBrush, with a plot of success against seconds.

    python -m benchmarks.method_table                                  # MiniBrush test, 200 edits a row: hours
    python -m benchmarks.method_table --set minibrush:dev --limit 20 --row flow --row "SDEdit 0.5"

Runs every row over the same edits (a run that was cut off goes on where it was), then times each with a few edits, one
at a time, and prints: success, in all and by kind of edit; PSNR of what should not change; CLIP-I; crispness of the
edited region, which is its PSNR to the nearest rendering; rows of the UNet and seconds an edit; and how much less each
row succeeds than the default, with a 95 % interval of a paired bootstrap over sessions. Rows with several seeds are
means over them.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from pix2pix_onthefly.editor import Editor
from pix2pix_onthefly.evaluation.data.minibrush import edit_of
from pix2pix_onthefly.evaluation.data.named_sets import open_dataset
from pix2pix_onthefly.evaluation.metrics.preservation import edit_mask
from pix2pix_onthefly.evaluation.report.bootstrap import Figures, Interval, paired_interval
from pix2pix_onthefly.evaluation.rivals import register_rivals
from pix2pix_onthefly.evaluation.runs.configurations import Configuration
from pix2pix_onthefly.evaluation.runs.result_files import Result
from pix2pix_onthefly.evaluation.runs.runner import Extent, run
from pix2pix_onthefly.evaluation.runs.setup import Setup
from pix2pix_onthefly.options import LoadOptions
from pix2pix_onthefly.pictures.opening import open_picture
from pix2pix_onthefly.records import EditCaptions, Progress
from pix2pix_onthefly.running.jobs import Job
from pix2pix_onthefly.world.changes import EDIT_TYPES
from pix2pix_onthefly.world.instructions import Edit
from pix2pix_onthefly.world.renderer import render_pixels
from pix2pix_onthefly.world.scenes import Scene, SceneObject

from .edit_cost import Cost, cost_of
from .machine import describe
from .method_plot import draw_plot
from .method_rows import DEFAULT, ROWS, Row

ROOT = Path(__file__).parents[1]
_JUDGES_SIDE = 96
"""At which the judge places what it reads to the pixel."""
_TIMED = 5


@dataclass(frozen=True)
class Measured:
    """A row with its figures.

    Attributes:
        edits: how many, each with every seed.
        figures: means, by name.
        successes: each edit's mean over seeds.
    """

    row: Row
    edits: int
    figures: Mapping[str, float]
    successes: Figures
    cost: Cost | None


def crispness(picture: Image.Image, edit: Edit, verdict: Mapping[str, Any]) -> float:
    """PSNR in dB, within the region that an edit may change, of a picture to the rendering of what it reads as."""
    side = _JUDGES_SIDE
    reading = verdict["reading"]
    scene = Scene(reading["background"], tuple(SceneObject(**item) for item in reading["objects"]))
    mask = edit_mask(edit, side)
    pixels = np.asarray(picture.resize((side, side), Image.Resampling.LANCZOS), dtype=np.float64)
    error = float(np.square(pixels - render_pixels(scene, side))[mask].mean())
    return 10 * np.log10(255**2 / max(error, 1e-3))


def figures_of(setup: Setup, results: Sequence[Result]) -> dict[str, dict[tuple[str, int], float]]:
    """Each figure by session and turn; an edit that failed is no success and has no other figure."""
    turns = {(turn.session, turn.number): turn for turn in setup.dataset.turns}
    found: dict[str, dict[tuple[str, int], float]] = {name: {} for name in ("success", "background", "clip_i", "crisp")}
    for result in results:
        key = result.session, result.turn
        verdict, scores = result.verdict, result.scores
        found["success"][key] = float(bool(verdict and verdict["success"]))
        found.setdefault(f"success {result.edit_type}", {})[key] = found["success"][key]
        if verdict and scores and result.picture:
            picture = open_picture(setup.folder / result.picture)
            found["background"][key] = verdict["background_psnr"]
            found["clip_i"][key] = scores["clip_i"]
            found["crisp"][key] = crispness(picture, edit_of(turns[key]), verdict)
    return found


def measure(setup: Setup, row: Row, extent: Extent, timed: int) -> Measured:
    """Runs a row with all its seeds, and times it."""
    configurations = row.configurations(setup.editor.family)
    runs = [run(setup, configuration, extent, _told(row)).results for configuration in configurations]
    figures = [figures_of(setup, results) for results in runs]
    means = {
        name: statistics.fmean(statistics.fmean(one[name].values()) for one in figures)
        for name in figures[0]
        if all(one[name] for one in figures)
    }
    keys = figures[0]["success"].keys()
    successes = {key: statistics.fmean(one["success"][key] for one in figures) for key in keys}
    cost = None if not timed else cost_of(setup.editor, _jobs(setup, runs[0], configurations[0], timed))
    return Measured(row, len(keys), means, successes, cost)


def _jobs(setup: Setup, results: Sequence[Result], configuration: Configuration, count: int) -> list[Job]:
    """Some of the edits, with the captions that they had."""
    turns = {(turn.session, turn.number): turn for turn in setup.dataset.turns}
    jobs: list[Job] = []
    for result in [result for result in results if result.captions][:count]:
        captions: Any = {name: tuple(v) if isinstance(v, list) else v for name, v in (result.captions or {}).items()}
        picture = open_picture(turns[result.session, result.turn].source)
        jobs.append(Job(picture, result.instruction, configuration.options, result.caption, EditCaptions(**captions)))
    return jobs


def _told(row: Row) -> Progress:
    def tell(stage: str, done: int, total: int) -> None:
        print(f"{row.name}: {done} of {total}", file=sys.stderr, flush=True)

    return tell


def table(rows: Sequence[Measured]) -> str:
    """Markdown."""
    kinds = " / ".join(EDIT_TYPES)
    heads = ("way", "edits x seeds", "success", kinds, "background dB", "CLIP-I", "crispness dB", "rows", "seconds")
    heads = (*heads, "the default succeeds more by")
    lines = [f"| {' | '.join(heads)} |", "|---" * len(heads) + "|"]
    usual = next((one for one in rows if one.row.name == DEFAULT), rows[0])
    for one in rows:
        found = one.figures
        by_kind = " / ".join(f"{found.get(f'success {kind}', float('nan')):.2f}" for kind in EDIT_TYPES)
        cost = (f"{one.cost.rows:.0f}", f"{one.cost.seconds:.2f}") if one.cost else ("", "")
        cells = (
            one.row.name,
            f"{one.edits} x {len(one.row.seeds)}",
            f"{found['success']:.3f}",
            by_kind,
            f"{found['background']:.1f}",
            f"{found['clip_i']:.3f}",
            f"{found['crisp']:.1f}",
            *cost,
            "" if one is usual else _in_words(paired_interval(usual.successes, one.successes)),
        )
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def _in_words(interval: Interval | None) -> str:
    return "" if interval is None else f"{interval.difference:+.3f} [{interval.low:+.3f}, {interval.high:+.3f}]"


def main() -> None:
    """Reads the command line, measures, prints."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--set", default="minibrush:test")
    parser.add_argument("--limit", type=int, default=200, help="edits a row, the first ones of the set")
    parser.add_argument("--row", action="append", choices=[row.name for row in ROWS], help="only this; repeatable")
    parser.add_argument("--out", type=Path, default=ROOT / "out/method-table", help="where results are kept")
    parser.add_argument("--timed", type=int, default=_TIMED, help="edits that are timed; 0 for none")
    parser.add_argument("--plot", type=Path, help="an SVG or PNG file for success against seconds")
    given = parser.parse_args()
    register_rivals()
    editor = Editor(LoadOptions(family="mini", batch=8))
    setup = Setup(editor, open_dataset(given.set, given.out), given.out)
    extent = Extent(("single",), given.limit)
    chosen = [row for row in ROWS if not given.row or row.name in given.row]
    rows = [measure(setup, row, extent, given.timed) for row in chosen]
    print(f"{given.set}, {describe(editor.device)}\n\n{table(rows)}")
    if given.plot:
        draw_plot([(one.row, one.figures["success"], one.cost.seconds) for one in rows if one.cost], given.plot)
    print(json.dumps({one.row.name: {**one.figures, **(vars(one.cost) if one.cost else {})} for one in rows}))


if __name__ == "__main__":
    main()
