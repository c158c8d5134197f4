"""Measures snapshots of the diffusion model and draws how it learns: docs/mini-curve.svg, and a table.

python -m training.curve 110000=out/before 209000=FOLDER        # pictures seen, and where the weights lie
python -m training.curve --snapshots FOLDER                     # a folder with one snapshot for each number of pictures
python -m training.curve 110000=out/before --count 8 --edits 4 --output out/curve.svg   # a few minutes' try-out

A snapshot is a folder with unet/ and text_encoder/. Figures are kept (`--keep`), so that a later call measures only
what is new. Edits are those that `onthefly evaluate` makes, with the family's own settings and 20 steps.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from pix2pix_onthefly.models.families import FAMILIES
from pix2pix_onthefly.running.defaults import options_for

from . import diffusion
from .common import ROOT, pick_device, write_json
from .curve_drawing import draw_curve
from .drawing import GUIDANCE_SCALE, Crispness, draw_held_out
from .report import LOWER_GUIDANCE
from .weights import TRAINED_PARTS, load_weights, weights_folder

EDIT_STEPS = 20
KEPT = ROOT / "out/curve"


@dataclass(frozen=True)
class Snapshot:
    """Weights, and how many pictures they have seen."""

    seen: int
    folder: Path

    @classmethod
    def read(cls, text: str) -> Snapshot:
        """From `PICTURES=FOLDER`, for `argparse`."""
        seen, equals, folder = text.partition("=")
        if not equals or not seen.isdecimal():
            raise argparse.ArgumentTypeError(f"{text!r} is not PICTURES=FOLDER, as in 110000=out/before")
        return cls(int(seen), weights_folder(folder))

    def digest(self) -> str:
        """Tells the weights from any others."""
        digest = hashlib.sha256()
        for part in TRAINED_PARTS:
            for path in sorted((self.folder / part).glob("*.safetensors")):
                digest.update(path.read_bytes())
        return digest.hexdigest()


@dataclass(frozen=True)
class Point:
    """What was measured of a snapshot.

    Attributes:
        seen: pictures.
        crispness, tenth: median and 10th percentile in dB.
        recognised: share of the drawings that read as captioned.
        lower_guidance: median crispness at `LOWER_GUIDANCE`.
        success, background: share of the edits that succeed, and PSNR of their backgrounds in dB.
    """

    seen: int
    crispness: float
    tenth: float
    recognised: float
    lower_guidance: float
    success: float
    background: float

    def cells(self) -> tuple[str, ...]:
        decibels = (f"{value:.1f}" for value in (self.crispness, self.tenth, self.lower_guidance))
        edits = (f"{self.success:.3f}", f"{self.background:.1f}")
        return f"{self.seen:,}", *decibels, f"{self.recognised:.1%}", *edits


def snapshots_in(folder: Path) -> list[Snapshot]:
    """All folders in a folder that are named by a number of pictures."""
    return [Snapshot.read(f"{path.name}={path}") for path in folder.iterdir() if path.name.isdecimal()]


def measure(snapshot: Snapshot, captions: int, edits: int) -> Point:
    """Draws, edits, and lets the judges read."""
    model = load_weights(snapshot.folder, pick_device())
    drawn = draw_held_out(model, captions, guidance_scale=GUIDANCE_SCALE)
    lower = Crispness.of(draw_held_out(model, captions, guidance_scale=LOWER_GUIDANCE))
    del model
    crispness, recognised = Crispness.of(drawn), sum(item.all for item in drawn) / captions
    success, background = edit_minibrush(snapshot, edits)
    return Point(snapshot.seen, crispness.median, crispness.tenth, recognised, lower.median, success, background)


def edit_minibrush(snapshot: Snapshot, edits: int) -> tuple[float, float]:
    """Success and background PSNR of the first edits of MiniBrush's dev split, by the command that users have."""
    with tempfile.TemporaryDirectory() as scratch:
        pipeline = Path(scratch, "pipeline")
        shutil.copytree(diffusion.FOLDER, pipeline)
        for part in TRAINED_PARTS:
            shutil.copytree(snapshot.folder / part, pipeline / part, dirs_exist_ok=True)
        command = [sys.executable, "-m", "pix2pix_onthefly", "evaluate", "minibrush:dev", "--json"]
        command += ["--out", f"{scratch}/results", "--limit", str(edits), "--steps", str(EDIT_STEPS), "--batch", "8"]
        command += ["--diffusion", str(pipeline)]
        usual = options_for(FAMILIES["mini"]).flat()["guidance_scale"]  # other weights have no factor of their own
        command += ["--guidance-scale", str(usual)]
        answer = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)
    if answer.returncode:
        sys.exit(f"'onthefly evaluate' failed with exit code {answer.returncode} (see above); nothing was drawn")
    figures = json.loads(answer.stdout.strip().splitlines()[-1])
    return figures["success"], figures["background_psnr"]


def measured_once(snapshot: Snapshot, captions: int, edits: int, kept: Path) -> Point:
    """`measure`, or what it found when it was asked the same before."""
    settings = {"weights": snapshot.digest(), "captions": captions, "edits": edits}
    path = kept / f"{snapshot.seen}.json"
    if path.is_file():
        found = json.loads(path.read_text())
        if found["settings"] == settings:
            return Point(**found["point"])
    print(f"measuring the weights that have seen {snapshot.seen:,} pictures", file=sys.stderr, flush=True)
    point = measure(snapshot, captions, edits)
    write_json(path, {"settings": settings, "point": asdict(point)})
    return point


def table(points: Sequence[Point], captions: int, edits: int) -> str:
    """As Markdown."""
    measures = (f"crispness, median of {captions}", "10th percentile", f"median at guidance {LOWER_GUIDANCE:g}")
    head = ("pictures seen", *measures, "as captioned", f"success of {edits} edits", "background dB")
    lines = [head, ("---",) * len(head), *(point.cells() for point in points)]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def read_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("given", type=Snapshot.read, nargs="*", metavar="PICTURES=FOLDER")
    parser.add_argument("--snapshots", type=Path, metavar="FOLDER", help="holds a folder for each number of pictures")
    parser.add_argument("--count", type=int, default=48, help="captions")
    parser.add_argument("--edits", type=int, default=48)
    parser.add_argument("--keep", type=Path, default=KEPT, help="where figures are kept")
    parser.add_argument("--output", type=Path, default=ROOT / "docs/mini-curve.svg")
    given = parser.parse_args()
    if given.snapshots is not None and not given.snapshots.is_dir():
        parser.error(f"there is no folder {given.snapshots}")
    more = [] if given.snapshots is None else snapshots_in(given.snapshots)
    given.all = sorted([*given.given, *more], key=lambda snapshot: snapshot.seen)
    if not given.all:
        parser.error("name at least one snapshot: PICTURES=FOLDER, or --snapshots FOLDER")
    if min(given.count, given.edits) < 1:
        parser.error("--count and --edits must be at least 1")
    return given


def main() -> None:
    given = read_arguments()
    points = [measured_once(snapshot, given.count, given.edits, given.keep) for snapshot in given.all]
    print(table(points, given.count, given.edits))
    draw_curve([asdict(point) for point in points], given.output)
    print(given.output)


if __name__ == "__main__":
    main()
