"""Measures what limits how crisp drawings are: guidance, steps, or the autoencoder.

python -m training.crispness                                   # the packaged weights
python -m training.crispness --weights FOLDER --count 48 --guidance 1 1.5 2 3 --steps 30 50
python -m training.crispness --pipeline src/pix2pix_onthefly/mini/flux      # the flow model, or any other pipeline
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

import torch

from pix2pix_onthefly.backbones.backbone import Backbone
from pix2pix_onthefly.errors import OnTheFlyError
from pix2pix_onthefly.models.families import custom_row
from pix2pix_onthefly.models.loading import load_backbone

from . import diffusion
from .common import pick_device
from .drawing import GUIDANCE_SCALE, STEPS, Crispness, Drawn, draw_held_out, read_decoded_pictures, read_true_pictures
from .weights import load_weights, weights_folder


def row(name: str, drawn: list[Drawn]) -> dict[str, object]:
    """Median, 10th percentile and recognition of some pictures."""
    crispness = Crispness.of(drawn)
    right = sum(item.all for item in drawn) / len(drawn)
    median, tenth = round(crispness.median, 2), round(crispness.tenth, 2)
    print(f"| {name} | {median:.1f} | {tenth:.1f} | {right:.1%} | {crispness.count} |", flush=True)
    return {"name": name, "median": median, "tenth": tenth, "right": right, "n": crispness.count}


def read_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    weights = parser.add_mutually_exclusive_group()
    weights.add_argument("--weights", type=weights_folder, default=Path(diffusion.FOLDER), metavar="FOLDER")
    weights.add_argument("--pipeline", metavar="FOLDER", help="with all parts of a model that draws; or a hub id")
    parser.add_argument("--count", type=int, default=48, help="captions")
    parser.add_argument("--guidance", type=float, nargs="+", default=[GUIDANCE_SCALE])
    parser.add_argument("--steps", type=int, nargs="+", default=[STEPS])
    given = parser.parse_args()
    if min(given.count, *given.steps) < 1:
        parser.error("--count and --steps must be at least 1")
    return given


def _model_of(given: argparse.Namespace) -> Backbone:
    """What is to draw, in float32."""
    if given.pipeline is None:
        return load_weights(given.weights, pick_device())
    try:
        return load_backbone(custom_row("diffusion", given.pipeline), pick_device(), torch.float32)
    except OnTheFlyError as error:
        sys.exit(f"--pipeline: {error}")


def main() -> None:
    given = read_arguments()
    model = _model_of(given)
    print("| pictures | crispness, median dB | 10th percentile | as captioned | n |\n|---|---|---|---|---|")
    found = [
        row("true pictures", read_true_pictures(given.count)),
        row("encoded and decoded", read_decoded_pictures(model, given.count)),
    ]
    for steps in given.steps:
        for scale in given.guidance:
            drawn = draw_held_out(model, given.count, guidance_scale=scale, steps=steps)
            found.append(row(f"drawn, guidance {scale:g}, {steps} steps", drawn))
    print(json.dumps(found))


if __name__ == "__main__":
    main()
