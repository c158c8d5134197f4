"""The weights of the trained methods: which they are, where they can be had, and their loading."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace

import torch

from ...backbones.stable_diffusion import LatentDiffusion
from ...errors import InputError, ModelUnavailableError
from ...models import families, loading
from ...models.families import ModelRow, custom_row
from .options import HiveMagicBrushOptions, HiveOptions, InstructMagicBrushOptions, InstructOptions

_DOCUMENT = "docs/comparisons.md"


@dataclass(frozen=True)
class Trained:
    """One set of weights in InstructPix2Pix' layout: a UNet that takes the picture's latents beside the noisy ones.

    Attributes:
        row: where the hub has them in the layout of diffusers; None where no such port is known.
        variable: environment variable that may name a folder in that layout.
        origin: the authors' own checkpoint.
    """

    row: ModelRow | None
    variable: str
    origin: str

    @property
    def where(self) -> str:
        """For listings."""
        return f"{self.row.source} of the hub" if self.row else f"a folder named in {self.variable}"


INSTRUCT_PIX2PIX = Trained(
    families.INSTRUCT_PIX2PIX,
    "ONTHEFLY_INSTRUCT_PIX2PIX",
    "instruct-pix2pix-00-22000.ckpt of timothybrooks/instruct-pix2pix",
)
INSTRUCT_PIX2PIX_MAGICBRUSH = Trained(
    families.INSTRUCT_PIX2PIX_MAGICBRUSH,
    "ONTHEFLY_INSTRUCT_PIX2PIX_MAGICBRUSH",
    "MagicBrush-epoch-000168.ckpt of osunlp/InstructPix2Pix-MagicBrush",
)
HIVE = Trained(None, "ONTHEFLY_HIVE", "hive_v2_rw_condition.ckpt of salesforce/HIVE")
HIVE_MAGICBRUSH = Trained(
    None, "ONTHEFLY_HIVE_MAGICBRUSH", "its checkpoint, which MagicBrush's authors have not published,"
)
TRAINED: dict[str, Trained] = {
    InstructOptions.name: INSTRUCT_PIX2PIX,
    InstructMagicBrushOptions.name: INSTRUCT_PIX2PIX_MAGICBRUSH,
    HiveOptions.name: HIVE,
    HiveMagicBrushOptions.name: HIVE_MAGICBRUSH,
}
"""By the name of the method."""


def row_of(name: str, trained: Trained, given: str) -> ModelRow:
    """The row of a trained method: what is given, what its environment variable names, or the hub's port.

    Args:
        given: a folder or a hub id; empty for none.

    Raises:
        ModelUnavailableError: there is none of the three, or what is given is no folder and no hub id.
    """
    source = given or os.environ.get(trained.variable, "")
    try:
        if source:
            return custom_row("diffusion", source)
    except InputError as error:
        raise ModelUnavailableError(f"{name} cannot run: {error}") from error
    if trained.row is None:
        raise ModelUnavailableError(
            f"{name} cannot run: no port of its weights to the hub is known; convert {trained.origin} as {_DOCUMENT} "
            f"says and name the folder in {trained.variable}"
        )
    return trained.row


def load_trained(
    name: str, trained: Trained, row: ModelRow, device: torch.device, dtype: torch.dtype
) -> LatentDiffusion:
    """The row's networks: from safetensors, or else from pickles, of which only numbers are read.

    Raises:
        ModelUnavailableError: they are not here and cannot be had, or are no such model.
    """
    refusals: list[str] = []
    for form in (row, replace(row, safetensors=False, variant=None)):
        try:
            diffusion = loading.load_diffusion(form, device, dtype)
        except ModelUnavailableError as error:
            refusals.append(str(error).partition("; ")[0])  # what follows is advice about the families of models
            continue
        taken, latents = diffusion.unet.config["in_channels"], diffusion.vae.config["latent_channels"]
        if taken != 2 * latents:
            raise ModelUnavailableError(
                f"{name} cannot run: the UNet of {row} takes {taken} channels, not the {2 * latents} of a noisy and a "
                "given picture; it is another method's"
            )
        return diffusion
    advice = f"name a folder that has them in {trained.variable}; {_DOCUMENT} says where they can be had"
    raise ModelUnavailableError(f"{name} cannot run: {refusals[0]}; {advice}")
