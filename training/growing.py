"""Gives the bundled UNet more layers without forgetting what it knows.

    python -m training.growing --layers 2 2 1      # writes the package's UNet anew; train it on with training.diffusion

A residual block whose last convolution is zero, and a transformer whose output projection is zero, change nothing. So a
level can get such layers anywhere behind its first ones, and the larger network begins where the smaller one stopped
(Chen et al. 2016, "Net2Net", in the residual form of Goyal et al. 2017).
"""

from __future__ import annotations

import argparse
from typing import Any

import torch
from diffusers import UNet2DConditionModel

from .common import save_model
from .diffusion import FOLDER


def grown(unet: UNet2DConditionModel, layers: tuple[int, ...]) -> UNet2DConditionModel:
    """A copy with more layers a level that predicts the same noise, within rounding.

    A level's new layers follow its old ones on the way down. On the way up they stand behind the first one, whose
    input is the level below's, so that each old layer joins what it joined before: new layers hand on what they get.

    Args:
        layers: residual blocks a level, highest resolution first, as `layers_per_block` of diffusers.

    Raises:
        ValueError: a level would get fewer layers than it has, or the number of levels differs.
    """
    before = _layers(unet)
    if len(layers) != len(before) or any(new < old for new, old in zip(layers, before, strict=True)):
        raise ValueError(f"the UNet has {before} layers a level; give as many levels with at least as many layers")
    if layers == before:
        return unet
    config = {name: value for name, value in unet.config.items() if not name.startswith("_")}
    larger: Any = UNet2DConditionModel.from_config({**config, "layers_per_block": layers})
    larger.load_state_dict(_renumbered(unet, layers), strict=False)
    for level, (old, new) in enumerate(zip(before, layers, strict=True)):
        down, up = larger.down_blocks[level], larger.up_blocks[len(layers) - 1 - level]
        for layer in range(new - old):
            _silence(down, old + layer)
            _silence(up, 1 + layer)
            _pass_on(up.resnets[1 + layer])
    return larger


def _layers(unet: Any) -> tuple[int, ...]:
    return tuple(len(block.resnets) for block in unet.down_blocks)


def _renumbered(unet: Any, layers: tuple[int, ...]) -> dict[str, torch.Tensor]:
    """The weights by their names in the larger network: on the way up, all but a level's first layer move on."""
    moved: dict[str, str] = {}
    for index, (block, new) in enumerate(zip(unet.up_blocks, reversed(layers), strict=True)):
        for layer in range(1, len(block.resnets)):
            for kind in ("resnets", "attentions"):
                start = f"up_blocks.{index}.{kind}."
                moved[f"{start}{layer}."] = f"{start}{layer + new + 1 - len(block.resnets)}."
    renamed: dict[str, torch.Tensor] = {}
    for name, weight in unet.state_dict().items():
        start = next((start for start in moved if name.startswith(start)), "")
        renamed[moved.get(start, "") + name.removeprefix(start)] = weight
    return renamed


@torch.no_grad()
def _silence(block: Any, layer: int) -> None:
    """Makes a layer add nothing."""
    for last in (block.resnets[layer].conv2, block.attentions[layer].proj_out):
        last.weight.zero_()
        last.bias.zero_()


@torch.no_grad()
def _pass_on(resnet: Any) -> None:
    """Makes the shortcut of a layer on the way up hand on what came from below, and leave out what comes across."""
    shortcut = resnet.conv_shortcut
    shortcut.weight.zero_()
    shortcut.bias.zero_()
    shortcut.weight[:, : shortcut.out_channels, 0, 0] = torch.eye(shortcut.out_channels)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--layers", type=int, nargs="+", required=True, help="a level, highest resolution first")
    given = parser.parse_args()
    unet = UNet2DConditionModel.from_pretrained(FOLDER / "unet", torch_dtype=torch.float32)
    try:
        larger = grown(unet, tuple(given.layers))
    except ValueError as error:
        parser.error(str(error))
    save_model(larger, FOLDER / "unet")
    print(f"{unet.num_parameters():,} weights before, {larger.num_parameters():,} now")


if __name__ == "__main__":
    main()
