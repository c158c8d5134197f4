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
from pathlib import Path

import numpy as np
from PIL import Image

from pix2pix_onthefly import EditOptions, Editor, guidance, images
from pix2pix_onthefly.inversion import invert
from pix2pix_onthefly.world.renderer import render

from .scenes import held_out_scenes

VARIANTS: dict[str, dict[str, object]] = {
    "aligned": {"inversion": "aligned", "regularisation_rounds": 0},
    "aligned, regularised": {"inversion": "aligned", "regularisation_rounds": 5},
    "reference, unregularised": {"inversion": "reference", "regularisation_rounds": 0},
    "reference, as published": {"inversion": "reference", "regularisation_rounds": 5},
}


def measure(editor: Editor, picture: Image.Image, options: EditOptions) -> tuple[float, float]:
    """PSNR in dB of the regenerated picture, and of the autoencoder alone, against the picture."""
    source = editor.fit(picture, options)
    caption = editor.captioner.describe(source)
    latents = editor.diffusion.encode(images.to_tensor(source))
    inversion = invert(editor.diffusion, latents, caption, options)
    regenerated = guidance.reconstruct(editor.diffusion, inversion, options).latents
    decoded = [images.to_image(editor.diffusion.decode(z)) for z in (regenerated, latents)]
    return images.psnr(source, decoded[0]), images.psnr(source, decoded[1])


def table(editor: Editor, pictures: list[Image.Image], steps: int, label: str) -> dict[str, dict[str, float]]:
    """Prints one row a variant: mean, standard deviation, least and most."""
    found: dict[str, dict[str, float]] = {}
    print(f"\n| {label} (n = {len(pictures)}) | mean dB | sd | least | most | autoencoder alone | s a picture |")
    print("|---|---|---|---|---|---|---|")
    for name, changes in VARIANTS.items():
        options, started = editor.options(steps=steps, **changes), time.perf_counter()
        values = np.array([measure(editor, picture, options) for picture in pictures])
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
    side = editor.diffusion.native_size
    world = [render(scene, side) for scene in held_out_scenes(given.count, offset=900_000)]
    found = {"world": table(editor, world, given.steps, "pictures of the world")}
    if given.photographs:
        files = sorted(path for path in given.photographs.iterdir() if path.suffix in (".png", ".jpg", ".jpeg"))
        photographs = [images.open_picture(path) for path in files]
        print(f"photographs: {', '.join(path.name for path in files)}", file=sys.stderr)
        found["photographs"] = table(editor, photographs, given.steps, "photographs")
    print(json.dumps({"steps": given.steps, **found}))


if __name__ == "__main__":
    main()
