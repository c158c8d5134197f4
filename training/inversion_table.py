"""Measures how well each inversion regenerates pictures: the table of docs/inversion.md.

python -m training.inversion_table                              # 50 pictures of the world
python -m training.inversion_table --photographs FOLDER         # and photographs, for the warning's threshold
python -m training.inversion_table --count 2 --steps 10         # a minute's try-out
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from itertools import groupby
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from pix2pix_onthefly import EditOptions, Editor
from pix2pix_onthefly.backbones.backbone import Backbone
from pix2pix_onthefly.inversions.ddim import DdimInversion
from pix2pix_onthefly.methods.reference import reconstruct
from pix2pix_onthefly.pictures import fitting, opening
from pix2pix_onthefly.world.renderer import render

from .scenes import held_out_scenes

BATCH = 10
VARIANTS: dict[str, dict[str, object]] = {
    "aligned": {"inversion": "aligned", "regularisation_rounds": 0},
    "aligned, regularised": {"inversion": "aligned", "regularisation_rounds": 5},
    "reference, unregularised": {"inversion": "reference", "regularisation_rounds": 0},
    "reference, as published": {"inversion": "reference", "regularisation_rounds": 5},
}


@torch.no_grad()
def regenerate(backbone: Backbone, latents: Tensor, captions: list[str], options: EditOptions) -> Tensor:
    """Latents [rows, channels, h, w] after inversion and sampling back, each under its own caption."""
    return reconstruct(backbone, DdimInversion().invert(backbone, latents, captions, options))


def measure(editor: Editor, pictures: list[Image.Image], options: EditOptions) -> list[tuple[float, float]]:
    """For pictures of one size, PSNR in dB of the regenerated picture, and of the autoencoder alone."""
    captions = [editor.describe(picture, options=options) for picture in pictures]
    found: list[tuple[float, float]] = []
    with editor.models.using("diffusion") as backbone:
        latents = backbone.encode(torch.cat([fitting.to_tensor(picture) for picture in pictures]))
        regenerated = regenerate(backbone, latents, captions, options)
        both = [
            (backbone.decode(one), backbone.decode(two))
            for one, two in zip(regenerated.split(1), latents.split(1), strict=True)
        ]
    for picture, pair in zip(pictures, both, strict=True):
        decoded = [fitting.to_image(pixels) for pixels in pair]
        found.append((fitting.psnr(picture, decoded[0]), fitting.psnr(picture, decoded[1])))
    return found


def batches(editor: Editor, pictures: list[Image.Image], options: EditOptions) -> list[list[Image.Image]]:
    """The fitted pictures in groups of one size, at most `BATCH` in each."""
    fitted = sorted((editor.fit(picture, options) for picture in pictures), key=lambda picture: picture.size)
    groups = [list(group) for _, group in groupby(fitted, key=lambda picture: picture.size)]
    return [group[start : start + BATCH] for group in groups for start in range(0, len(group), BATCH)]


def table(editor: Editor, pictures: list[Image.Image], steps: int, label: str) -> dict[str, dict[str, float]]:
    """Prints one row a variant: mean, standard deviation, least and most."""
    found: dict[str, dict[str, float]] = {}
    print(f"\n| {label} (n = {len(pictures)}) | mean dB | sd | least | most | autoencoder alone | s a picture |")
    print("|---|---|---|---|---|---|---|")
    for name, changes in VARIANTS.items():
        options, started = editor.options(method="attention", steps=steps, **changes), time.perf_counter()
        groups = batches(editor, pictures, options)
        values = np.array([pair for group in groups for pair in measure(editor, group, options)])
        psnr, alone = values[:, 0], float(values[:, 1].mean())
        seconds = (time.perf_counter() - started) / len(pictures)
        found[name] = {"mean": round(float(psnr.mean()), 2), "least": round(float(psnr.min()), 2)}
        figures = (psnr.mean(), psnr.std(), psnr.min(), psnr.max(), alone, seconds)
        print(f"| {name} | " + " | ".join(f"{figure:.1f}" for figure in figures) + " |", flush=True)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=50)
    parser.add_argument("--steps", type=int, default=100)
    parser.add_argument("--photographs", type=Path)
    given = parser.parse_args()
    editor = Editor.load("mini")
    side = editor.models.sizes[0]
    world = [render(scene, side) for scene in held_out_scenes(given.count, offset=900_000)]
    found = {"world": table(editor, world, given.steps, "pictures of the world")}
    if given.photographs:
        files = sorted(path for path in given.photographs.iterdir() if path.suffix in (".png", ".jpg", ".jpeg"))
        photographs = [opening.open_picture(path) for path in files]
        print(f"photographs: {', '.join(path.name for path in files)}", file=sys.stderr)
        found["photographs"] = table(editor, photographs, given.steps, "photographs")
    print(json.dumps({"steps": given.steps, **found}))


if __name__ == "__main__":
    main()
