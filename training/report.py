"""Measures the six bundled models on held-out scenes.

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

from pix2pix_onthefly.backbones.backbone import Backbone
from pix2pix_onthefly.models.loading import load_backbone
from pix2pix_onthefly.models.rows import MINI_DIFFUSION, MINI_FLOW
from pix2pix_onthefly.rewriting.formats import WORDINGS

from . import autoencoder, captioner, clip, diffusion, flow, rewriter
from .common import PACKAGED, pick_device
from .drawing import (
    GUIDANCE_SCALE,
    Crispness,
    Drawn,
    draw_held_out,
    read_decoded_pictures,
    read_true_pictures,
)

COUNT = 200
LOWER_GUIDANCE = 2.0
"""Crispness is measured at it too: how much guidance draws best changes as the model learns."""
SHOTS = (0, 1, 3)
CAPTIONS = (1, 2, 4)
CELL_SHARE = 0.2
"""Edits for each of the eighteen settings of the rewriter, relative to `--count`. Settings share their edits."""


@dataclass(frozen=True)
class Figure:
    """Something measured.

    Attributes:
        measure: what was measured.
        value: the result; None if the model is missing.
        n: how many pictures or edits it was measured on.
        bar: what the value should reach, or stay below where `most` is set.
        unit: `%` (value and bar are shares of one), `dB` or `MB`.
        detail: whether it stands in the second table.
    """

    measure: str
    value: float | None = None
    n: int | None = None
    bar: float | None = None
    unit: str = "%"
    most: bool = False
    detail: bool = False

    def cells(self) -> tuple[str, ...]:
        bar = "" if self.bar is None else f"{'<' if self.most else '≥'} {self._with_unit(self.bar, 0)}"
        value = "missing" if self.value is None else self._with_unit(self.value, 1)
        return self.measure, bar, value, "" if self.n is None else str(self.n)

    def _with_unit(self, value: float, digits: int) -> str:
        return f"{value * 100 if self.unit == '%' else value:.{digits}f} {self.unit}"


@dataclass(frozen=True)
class Row:
    """One line of a table: a model's name, its class, and the figure."""

    model: str
    kind: str
    figure: Figure

    def cells(self) -> tuple[str, ...]:
        return self.model, self.kind, *self.figure.cells()

    def as_json(self) -> dict[str, object]:
        """Flat, as the line of JSON has it."""
        return {"model": self.model, "kind": self.kind, **asdict(self.figure)}


@dataclass(frozen=True)
class Model:
    """A bundled model: its class, its folders, the file that shows it is there, and what measures it."""

    kind: str
    folders: tuple[Path, ...]
    weights: Path
    measure: Callable[[int], Iterable[Figure]]

    def megabytes(self) -> float:
        files = [file for folder in self.folders for file in folder.rglob("*") if file.is_file()]
        return sum(file.stat().st_size for file in files) / 1e6


def _ready(model: nn.Module) -> None:
    model.to(pick_device()).eval()


def measure_autoencoder(count: int) -> Iterable[Figure]:
    model = AutoencoderKL.from_pretrained(autoencoder.FOLDER, torch_dtype=torch.float32)
    _ready(model)
    yield Figure("PSNR of encode, then decode", autoencoder.reconstruction_psnr(model, count), count, 28.0, "dB")


def measure_diffusion(count: int) -> Iterable[Figure]:
    yield from _measure_drawing(load_backbone(MINI_DIFFUSION, pick_device(), torch.float32), count)


def measure_flow(count: int) -> Iterable[Figure]:
    yield from _measure_drawing(load_backbone(MINI_FLOW, pick_device(), torch.float32), count)


def _measure_drawing(model: Backbone, count: int) -> Iterable[Figure]:
    drawn = {scale: draw_held_out(model, count, guidance_scale=scale) for scale in (GUIDANCE_SCALE, LOWER_GUIDANCE)}
    yield from _recognised(drawn[GUIDANCE_SCALE])
    yield from _crisp(f"guidance {GUIDANCE_SCALE:g}", Crispness.of(drawn[GUIDANCE_SCALE]), 27.0, 24.0)
    yield from _crisp(f"guidance {LOWER_GUIDANCE:g}", Crispness.of(drawn[LOWER_GUIDANCE]))
    yield from _crisp("encoded and decoded", Crispness.of(read_decoded_pictures(model, count)))
    yield from _crisp("true pictures", Crispness.of(read_true_pictures(count)))
    for kind, (value, pictures) in Crispness.of(drawn[GUIDANCE_SCALE]).kinds.items():
        yield Figure(f"crispness of a {kind}", value, pictures, unit="dB", detail=True)


def _crisp(
    name: str, crispness: Crispness, median_bar: float | None = None, tenth_bar: float | None = None
) -> Iterable[Figure]:
    yield Figure(f"crispness, median, {name}", crispness.median, crispness.count, median_bar, "dB")
    yield Figure(f"crispness, 10th percentile, {name}", crispness.tenth, crispness.count, tenth_bar, "dB")


def _recognised(drawn: list[Drawn]) -> Iterable[Figure]:
    single = [item for item in drawn if len(item.scene.objects) == 1]
    pair = [item for item in drawn if len(item.scene.objects) == 2]
    for suffix, group in (("", drawn), (", one object", single), (", two objects", pair)):
        if group:
            n = len(group)
            yield Figure(
                f"drawn as captioned{suffix}", sum(item.all for item in group) / n, n, None if suffix else 0.99
            )
            yield Figure(f"drawn background right{suffix}", sum(item.background for item in group) / n, n)
            yield Figure(f"drawn objects and colours right{suffix}", sum(item.objects for item in group) / n, n)


def measure_captioner(count: int) -> Iterable[Figure]:
    model, processor = captioner.load_or_build(fresh=False)
    _ready(model)
    yield Figure("caption exact", captioner.exact_share(model, processor, count), count, 0.95)


def measure_rewriter(count: int) -> Iterable[Figure]:
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
        mean = sum(shares.values()) / len(shapes)
        yield Figure(f"after-caption exact, {name} phrasings", mean, each * len(shapes), bar)
        for shots in SHOTS:
            part = [share for shape, share in shares.items() if shape.shots == shots]
            yield Figure(f"... with {shots} examples, {name}", sum(part) / len(part), each * len(part))
        for captions in CAPTIONS:
            part = [share for shape, share in shares.items() if shape.count == captions]
            yield Figure(f"... with {captions} captions a side, {name}", sum(part) / len(part), each * len(part))
        for wording in WORDINGS:
            part = [share for shape, share in shares.items() if shape.wording == wording]
            yield Figure(f"... in the {wording} wording, {name}", sum(part) / len(part), each * len(part))


def measure_clip(count: int) -> Iterable[Figure]:
    model, processor = clip.load_or_build(fresh=False)
    _ready(model)
    groups = max(1, count // 100)
    yield Figure("right caption among 100", clip.retrieval_share(model, processor, groups), groups * 100, 0.95)


def _weights(folder: Path) -> Path:
    return folder / "model.safetensors"


_DIFFUSION_FOLDERS = tuple(diffusion.FOLDER / name for name in ("unet", "text_encoder", "tokenizer", "scheduler"))

MODELS: dict[str, Model] = {
    "autoencoder": Model(
        "AutoencoderKL",
        (autoencoder.FOLDER,),
        autoencoder.FOLDER / "diffusion_pytorch_model.safetensors",
        measure_autoencoder,
    ),
    "diffusion": Model(
        "UNet2DConditionModel, CLIPTextModel",
        _DIFFUSION_FOLDERS,
        diffusion.FOLDER / "unet/diffusion_pytorch_model.safetensors",
        measure_diffusion,
    ),
    "flow": Model(
        "FluxTransformer2DModel, CLIPTextModel, T5EncoderModel",
        (flow.FOLDER,),
        flow.FOLDER / "transformer/diffusion_pytorch_model.safetensors",
        measure_flow,
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
        return [Row(name, model.kind, Figure("all"))]
    print(f"measuring {name}", file=sys.stderr, flush=True)
    found = [*model.measure(count), Figure("size of its files", model.megabytes(), unit="MB")]
    return [Row(name, model.kind, figure) for figure in found]


def size_of_package() -> Row:
    """All files of the bundled family."""
    files = [path for path in PACKAGED.rglob("*") if path.is_file()]
    size = sum(path.stat().st_size for path in files) / 1e6
    return Row("all six", "", Figure("size of all files", size, bar=90.0, unit="MB", most=True))


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
    if given.only is None:
        rows.append(size_of_package())
    if not given.json:
        print(table(row for row in rows if not row.figure.detail))
        details = [row for row in rows if row.figure.detail]
        if details:
            print(f"\nCrispness by kind of object, guidance {GUIDANCE_SCALE:g}, worst first:\n\n{table(details)}\n")
    print(json.dumps([row.as_json() for row in rows]))


if __name__ == "__main__":
    main()
