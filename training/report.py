"""Measures the five bundled models on held-out scenes.

    python -m training.report                       # everything: a table, then one line of JSON
    python -m training.report --only diffusion --count 20
    python -m training.report --json                # the line of JSON alone

A model that has not been trained yet gets the figure `missing`.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from diffusers import AutoencoderKL
from torch import nn

from pix2pix_onthefly.models.families import FAMILIES
from pix2pix_onthefly.models.loading import load_diffusion
from pix2pix_onthefly.rewriting.formats import WORDINGS
from pix2pix_onthefly.world.captions import describe

from . import autoencoder, captioner, clip, diffusion, rewriter
from .common import pick_device
from .drawing import Drawn, draw_batch, judge_drawings
from .scenes import held_out_scenes

COUNT = 200
SHOTS = (0, 1, 3)
CAPTIONS = (1, 2, 4)
CELL_SHARE = 0.2
"""Edits for each of the eighteen settings of the rewriter, relative to `--count`. Settings share their edits."""


@dataclass(frozen=True)
class Row:
    """One line of the table.

    Attributes:
        model, kind: name of the model and of its class.
        measure: what was measured.
        figure: the result; None if the model is missing.
        n: how many pictures or edits it was measured on.
        bar: what the figure should reach.
        unit: `%` (figure and bar are shares of one), `dB` or `MB`.
    """

    model: str
    kind: str
    measure: str
    figure: float | None = None
    n: int | None = None
    bar: float | None = None
    unit: str = "%"

    def cells(self) -> tuple[str, ...]:
        bar = "" if self.bar is None else f"≥ {self._with_unit(self.bar, 0)}"
        figure = "missing" if self.figure is None else self._with_unit(self.figure, 1)
        return self.model, self.kind, self.measure, bar, figure, "" if self.n is None else str(self.n)

    def _with_unit(self, value: float, digits: int) -> str:
        return f"{value * 100 if self.unit == '%' else value:.{digits}f} {self.unit}"


Figures = Iterable[tuple[str, float, int, float | None]]
"""Measure, figure, n and bar of rows."""


@dataclass(frozen=True)
class Model:
    """A bundled model: its class, its folders, the file that shows it is there, and what measures it."""

    kind: str
    folders: tuple[Path, ...]
    weights: Path
    measure: Callable[[int], Figures]
    unit: str = "%"

    def megabytes(self) -> float:
        files = [file for folder in self.folders for file in folder.rglob("*") if file.is_file()]
        return sum(file.stat().st_size for file in files) / 1e6


def _ready(model: nn.Module) -> None:
    model.to(pick_device()).eval()


def measure_autoencoder(count: int) -> Figures:
    model = AutoencoderKL.from_pretrained(autoencoder.FOLDER, torch_dtype=torch.float32)
    _ready(model)
    yield "PSNR of encode, then decode", autoencoder.reconstruction_psnr(model, count), count, 28.0


def measure_diffusion(count: int) -> Figures:
    model = load_diffusion(FAMILIES["mini"].diffusion, pick_device(), torch.float32)
    scenes = held_out_scenes(count, offset=1_000)  # the judge was adjusted on drawings of some of the first scenes
    drawn = judge_drawings(scenes, draw_batch(model, [describe(scene) for scene in scenes]))
    single = [item for item in drawn if len(item.scene.objects) == 1]
    pair = [item for item in drawn if len(item.scene.objects) == 2]
    for name, group in (("", drawn), (", one object", single), (", two objects", pair)):
        if group:
            yield from _drawn_figures(name, group)


def _drawn_figures(name: str, group: list[Drawn]) -> Figures:
    count = len(group)
    yield f"drawn as captioned{name}", sum(item.all for item in group) / count, count, None if name else 0.85
    yield f"drawn background right{name}", sum(item.background for item in group) / count, count, None
    yield f"drawn objects and colours right{name}", sum(item.objects for item in group) / count, count, None


def measure_captioner(count: int) -> Figures:
    model, processor = captioner.load_or_build(fresh=False)
    _ready(model)
    yield "caption exact", captioner.exact_share(model, processor, count), count, 0.95


def measure_rewriter(count: int) -> Figures:
    model, tokenizer = rewriter.load_or_build(fresh=False)
    _ready(model)
    each = max(5, round(count * CELL_SHARE))
    shapes = [
        rewriter.Shape(shots, captions, wording, locked=True)
        for shots in SHOTS
        for captions in CAPTIONS
        for wording in WORDINGS
    ]
    for name, seen, bar in (("seen", True, 0.99), ("unseen", False, 0.85)):
        shares = {shape: rewriter.exact_share(model, tokenizer, seen=seen, count=each, shape=shape) for shape in shapes}
        yield f"after-caption exact, {name} phrasings", sum(shares.values()) / len(shapes), each * len(shapes), bar
        for shots in SHOTS:
            part = [share for shape, share in shares.items() if shape.shots == shots]
            yield f"... with {shots} examples, {name}", sum(part) / len(part), each * len(part), None
        for captions in CAPTIONS:
            part = [share for shape, share in shares.items() if shape.count == captions]
            yield f"... with {captions} captions a side, {name}", sum(part) / len(part), each * len(part), None
        for wording in WORDINGS:
            part = [share for shape, share in shares.items() if shape.wording == wording]
            yield f"... in the {wording} wording, {name}", sum(part) / len(part), each * len(part), None


def measure_clip(count: int) -> Figures:
    model, processor = clip.load_or_build(fresh=False)
    _ready(model)
    groups = max(1, count // 100)
    yield "right caption among 100", clip.retrieval_share(model, processor, groups), groups * 100, 0.95


def _weights(folder: Path) -> Path:
    return folder / "model.safetensors"


_DIFFUSION_FOLDERS = tuple(diffusion.FOLDER / name for name in ("unet", "text_encoder", "tokenizer", "scheduler"))

MODELS: dict[str, Model] = {
    "autoencoder": Model(
        "AutoencoderKL",
        (autoencoder.FOLDER,),
        autoencoder.FOLDER / "diffusion_pytorch_model.safetensors",
        measure_autoencoder,
        "dB",
    ),
    "diffusion": Model(
        "UNet2DConditionModel, CLIPTextModel",
        _DIFFUSION_FOLDERS,
        diffusion.FOLDER / "unet/diffusion_pytorch_model.safetensors",
        measure_diffusion,
    ),
    "captioner": Model(
        "BlipForConditionalGeneration", (captioner.FOLDER,), _weights(captioner.FOLDER), measure_captioner
    ),
    "clip": Model("CLIPModel", (clip.FOLDER,), _weights(clip.FOLDER), measure_clip),
    "rewriter": Model("PhiForCausalLM", (rewriter.FOLDER,), _weights(rewriter.FOLDER), measure_rewriter),
}


def rows_of(name: str, count: int) -> list[Row]:
    """All rows of one model; a single one if it is missing."""
    model = MODELS[name]
    if not model.weights.is_file():
        return [Row(name, model.kind, "all")]
    print(f"measuring {name}", file=sys.stderr, flush=True)
    rows = [Row(name, model.kind, *found, unit=model.unit) for found in model.measure(count)]
    return [*rows, Row(name, model.kind, "size of its files", model.megabytes(), unit="MB")]


def table(rows: Iterable[Row]) -> str:
    """The rows as a Markdown table."""
    lines = [("model", "class", "measure", "bar", "figure", "n"), ("---",) * 6, *(row.cells() for row in rows)]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", choices=list(MODELS), help="measure one model")
    parser.add_argument("--count", type=int, default=COUNT, help="scenes a measure")
    parser.add_argument("--json", action="store_true", help="print no table")
    given = parser.parse_args()
    if given.count < 1:
        parser.error("--count must be at least 1")
    rows = [row for name in ([given.only] if given.only else MODELS) for row in rows_of(name, given.count)]
    if not given.json:
        print(table(rows))
    print(json.dumps([asdict(row) for row in rows]))


if __name__ == "__main__":
    main()
