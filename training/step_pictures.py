"""Draws the pictures of docs/how-it-works.md: every step of one edit with the bundled family.

    python -m training.step_pictures                     # writes docs/steps/*.png, prints the texts of the steps

The edit is the one of the README. What is drawn are the program's own records: the latents on the way, decoded.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import torch
from PIL import Image

from pix2pix_onthefly import Editor, EditResult
from pix2pix_onthefly.backbones.backbone import Backbone, path_for
from pix2pix_onthefly.methods.flow_steps import noise_of
from pix2pix_onthefly.options import AttentionOptions
from pix2pix_onthefly.pictures import fitting
from pix2pix_onthefly.pictures.opening import picture_of
from pix2pix_onthefly.pictures.side_by_side import side_by_side

from .common import ROOT

PICTURE, INSTRUCTION = ROOT / "examples" / "car.png", "put the car on the beach"
STEPS = 20
SHARES = (0.3, 0.5, 0.8)
"""How far along the way to noise the picture is shown."""


def decoded(backbone: Backbone, latents: torch.Tensor) -> Image.Image:
    """Latents as the autoencoder shows them."""
    return fitting.to_image(backbone.decode(latents))


@torch.no_grad()
def noisy(backbone: Backbone, latents: torch.Tensor, share: float) -> Image.Image:
    """The picture with as much noise as there is at a share of the way."""
    path = path_for(backbone, latents, STEPS)
    timestep = path.timesteps[round((1 - share) * (len(path.timesteps) - 1))]
    return decoded(backbone, path.noised(latents, noise_of(latents, 0, timestep), timestep))


def noise_row(editor: Editor, source: Image.Image) -> Image.Image:
    """The source and what the diffusion model sees of it on the way."""
    with editor.models.using("diffusion") as backbone:
        latents = backbone.encode(fitting.to_tensor(source))
        shown = [noisy(backbone, latents, share) for share in SHARES]
    return side_by_side([source, *shown], ["the picture", *(f"{share:.0%} of the way" for share in SHARES)])


def inversion_row(editor: Editor) -> Image.Image:
    """What the paper's method works from: the noise that the picture is inverted to, and what regenerates from it."""
    options = editor.options(method=AttentionOptions.name, steps=50)
    prepared = editor.prepare(picture_of(PICTURE), options=options)
    assert prepared.inverted is not None
    assert prepared.reference is not None
    with editor.models.using("diffusion") as backbone:
        noise, again = (decoded(backbone, latents) for latents in (prepared.inverted.noise, prepared.reference.latents))
    return side_by_side([prepared.source, noise, again], ["the picture", "its noise", "regenerated from it"])


def region_row(result: EditResult, loose: EditResult) -> Image.Image:
    """The region that the edit found, and the edit without and within it."""
    assert result.mask is not None
    pictures = [result.source, loose.image, result.mask.convert("RGB"), result.image]
    return side_by_side(pictures, ["the picture", "held to nothing", "the region", "held to the region"])


def written(folder: Path, pictures: Sequence[tuple[str, Image.Image]]) -> None:
    """Saves them by name."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, picture in pictures:
        picture.save(folder / f"{name}.png", optimize=True)


def main() -> None:
    """Makes the edit once with and once without its region, and draws."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--output", type=Path, default=ROOT / "docs" / "steps", help="folder of the pictures")
    arguments = parser.parse_args()
    editor = Editor.load("mini", device="cpu")
    options = editor.options(steps=STEPS)
    result = editor.edit(picture_of(PICTURE), INSTRUCTION, options=options)
    loose = editor.edit(picture_of(PICTURE), INSTRUCTION, options=replace(options, keep="off"))
    rows = ("noise", noise_row(editor, result.source)), ("region", region_row(result, loose))
    written(arguments.output, [*rows, ("inversion", inversion_row(editor))])
    print(f"caption: {result.caption}\nbefore: {result.captions.before}\nafter: {result.captions.after}")
    print(f"kind: {result.captions.kind}\nprompt:\n{result.captions.prompt}\nreply: {result.captions.replies}")


if __name__ == "__main__":
    main()
