"""The one table of model families and their weights, and how they are loaded."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, field
from importlib.resources import files
from typing import TYPE_CHECKING, Any

import torch

from .errors import InputError, ModelUnavailableError

if TYPE_CHECKING:
    from .captioner import Captioner
    from .diffusion import LatentDiffusion
    from .rewriter import Rewriter


@dataclass(frozen=True)
class ModelRow:
    """One set of weights.

    Attributes:
        source: hub id, or `package:<folder>` for weights inside this package.
        licence: of the weights.
        megabytes: what is downloaded or shipped.
        revision: hub revision; None takes the hub's current one.
        safetensors: False where the hub holds only a pickle, which torch's weights-only reader loads.
        variant: file variant on the hub, such as `fp16`.
    """

    source: str
    licence: str
    megabytes: int
    revision: str | None = None
    safetensors: bool = True
    variant: str | None = None

    @property
    def location(self) -> str:
        """Hub id, or the folder inside the installed package."""
        if self.source.startswith("package:"):
            return str(files(__name__.rpartition(".")[0]).joinpath(*self.source.removeprefix("package:").split("/")))
        return self.source

    def __str__(self) -> str:
        return self.source if self.revision is None else f"{self.source}@{self.revision}"


@dataclass(frozen=True)
class Family:
    """Models that work together, and what differs between families as data.

    Attributes:
        diffusion, captioner, rewriter: the rows.
        pool: name of the few-shot pool (`data/<pool>.json`).
        about: one sentence for listings.
        reconstruction_floor: PSNR in dB under which a reconstruction tells that the picture is foreign to the models;
            None where none has been measured.
        option_defaults: options whose default differs for this family.
    """

    diffusion: ModelRow
    captioner: ModelRow
    rewriter: ModelRow
    clip: ModelRow
    pool: str
    about: str
    reconstruction_floor: float | None = None
    option_defaults: dict[str, Any] = field(default_factory=dict[str, Any])


_BLIP = ModelRow(
    "Salesforce/blip-image-captioning-base",
    "BSD-3-Clause",
    990,
    revision="82a37760796d32b1411fe092ab5d4e227313294b",
    safetensors=False,
)
_PHI = ModelRow("microsoft/phi-2", "MIT", 5560)
_CLIP = ModelRow(
    "openai/clip-vit-base-patch32",
    "MIT",
    605,
    revision="3d74acf9a28c67741b2f4f2ea7635f0aaf6f0268",
    safetensors=False,
)

FAMILIES: dict[str, Family] = {
    "mini": Family(
        diffusion=ModelRow("package:mini/stable-diffusion", "MIT", 42),
        captioner=ModelRow("package:mini/captioner", "MIT", 5),
        rewriter=ModelRow("package:mini/rewriter", "MIT", 4),
        clip=ModelRow("package:mini/clip", "MIT", 5),
        pool="world",
        about="the bundled small models: they know rendered objects on plain backgrounds, not photographs",
        reconstruction_floor=25.5,  # docs/inversion.md: world pictures lie above, photographs below
        option_defaults={"guidance_scale": 1.5},  # a small model overshoots at Stable Diffusion's 5
    ),
    "sd14": Family(
        diffusion=ModelRow("CompVis/stable-diffusion-v1-4", "CreativeML OpenRAIL-M", 2740, variant="fp16"),
        captioner=_BLIP,
        rewriter=_PHI,
        clip=_CLIP,
        pool="photographs",
        about="Stable Diffusion 1.4, BLIP and Phi-2, the models of the paper: for photographs",
    ),
    "sd15": Family(
        diffusion=ModelRow(
            "stable-diffusion-v1-5/stable-diffusion-v1-5", "CreativeML OpenRAIL-M", 2740, variant="fp16"
        ),
        captioner=_BLIP,
        rewriter=_PHI,
        clip=_CLIP,
        pool="photographs",
        about="Stable Diffusion 1.5, BLIP and Phi-2: for photographs",
    ),
}
DEFAULT_FAMILY = "mini"
PHOTOGRAPH_FAMILY = "sd14"
FAMILY_VARIABLE = "ONTHEFLY_FAMILY"


def pick_family(name: str | None = None) -> str:
    """The family asked for, or that of the environment variable `ONTHEFLY_FAMILY`, or the default.

    Raises:
        InputError: no such family.
    """
    chosen = name or os.environ.get(FAMILY_VARIABLE) or DEFAULT_FAMILY
    if chosen not in FAMILIES:
        raise InputError(f"there is no model family {chosen!r}; choose one of {', '.join(FAMILIES)}")
    return chosen


def pick_device(name: str | None = None) -> torch.device:
    """The device asked for, or the fastest one here.

    Raises:
        InputError: the device is not usable on this machine.
    """
    if name is None:
        usable = ("cuda", torch.cuda.is_available()), ("mps", torch.backends.mps.is_available())
        return torch.device(next((kind for kind, is_there in usable if is_there), "cpu"))
    try:
        device = torch.device(name)
        torch.zeros(1, device=device)
    except (RuntimeError, AssertionError) as error:
        raise InputError(f"the device {name!r} cannot be used on this machine; leave it out to choose one") from error
    return device


def pick_dtype(device: torch.device) -> torch.dtype:
    """Half precision on a GPU, full precision on a CPU."""
    return torch.float16 if device.type == "cuda" else torch.float32


def _load(row: ModelRow, loader: Callable[..., Any], **arguments: Any) -> Any:
    """Calls a library's `from_pretrained`; what it raises for missing weights becomes one sentence."""
    try:
        return loader(row.location, revision=row.revision, **arguments)
    except (OSError, ValueError) as error:
        raise _unavailable(row) from error


def _load_with_words(row: ModelRow, loader: Callable[..., Any], **arguments: Any) -> Any:
    """`_load` for a tokenizer or a processor with one.

    Where the vocabulary is missing (a download that was cut off), transformers raises nothing and makes up a tokenizer
    of special tokens alone, with which every text would mean nothing.
    """
    loaded = _load(row, loader, **arguments)
    tokenizer: Any = getattr(loaded, "tokenizer", loaded)
    if len(tokenizer) <= len(set(tokenizer.all_special_tokens)):
        raise _unavailable(row)
    return loaded


def _unavailable(row: ModelRow) -> ModelUnavailableError:
    return ModelUnavailableError(
        f"the weights of {row} cannot be loaded: they are not on this machine and could not be downloaded; "
        "connect to the internet once, or use the bundled family with --family mini"
    )


def load_diffusion(row: ModelRow, device: torch.device, dtype: torch.dtype) -> LatentDiffusion:
    """The row's autoencoder, UNet, text encoder, tokenizer and scheduler as a `LatentDiffusion`.

    Raises:
        ModelUnavailableError: the weights are not here and cannot be had.
    """
    from diffusers import AutoencoderKL, DDIMScheduler, UNet2DConditionModel
    from transformers import CLIPTextModel, CLIPTokenizer

    from .diffusion import LatentDiffusion

    networks: dict[str, Any] = {"use_safetensors": row.safetensors}
    if row.variant is not None and dtype == torch.float16:
        networks["variant"] = row.variant
    vae = _load(row, AutoencoderKL.from_pretrained, subfolder="vae", torch_dtype=dtype, **networks)
    unet = _load(row, UNet2DConditionModel.from_pretrained, subfolder="unet", torch_dtype=dtype, **networks)
    text_encoder = _load(row, CLIPTextModel.from_pretrained, subfolder="text_encoder", dtype=dtype, **networks)
    tokenizer = _load_with_words(row, CLIPTokenizer.from_pretrained, subfolder="tokenizer")
    scheduler = _load(row, DDIMScheduler.from_pretrained, subfolder="scheduler")
    return LatentDiffusion(vae.to(device), unet.to(device), text_encoder.to(device), tokenizer, scheduler)


def load_captioner(row: ModelRow, device: torch.device, dtype: torch.dtype) -> Captioner:
    """The row's BLIP model as a `Captioner`.

    Raises:
        ModelUnavailableError: the weights are not here and cannot be had.
    """
    from transformers import BlipForConditionalGeneration, BlipProcessor

    from .captioner import Captioner

    model = _load(row, BlipForConditionalGeneration.from_pretrained, dtype=dtype, use_safetensors=row.safetensors)
    processor = _load_with_words(row, BlipProcessor.from_pretrained, backend="pil")
    return Captioner(model.to(device), processor)


def load_rewriter(row: ModelRow, pool: str, device: torch.device, dtype: torch.dtype) -> Rewriter:
    """The row's causal language model with a few-shot pool as a `Rewriter`.

    Raises:
        ModelUnavailableError: the weights are not here and cannot be had.
    """
    from transformers import AutoModelForCausalLM, AutoTokenizer

    from .pool import load_pool
    from .rewriter import Rewriter

    model = _load(row, AutoModelForCausalLM.from_pretrained, dtype=dtype, use_safetensors=row.safetensors)
    tokenizer = _load_with_words(row, AutoTokenizer.from_pretrained)
    return Rewriter(model.to(device), tokenizer, load_pool(pool))
