"""How diffusion models are laid out: which parts they have, of which classes, and the backbone that these make.

Which layout a model has is read from its files: from the classes in its `model_index.json`, or of its parts.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import Any

from .parts import PARTS, Part, diffusers_part, scheduler_part, tokenizer_part, transformers_part

INDEX = "model_index.json"
_UNET, _TRANSFORMER = "unet", "transformer"
_BACKBONES = f"{__name__.rpartition('.models.')[0]}.backbones"


@dataclass(frozen=True)
class Layout:
    """One kind of diffusion model.

    Attributes:
        parts: what it is loaded from, by the backbone's names for them.
        backbone: `module:class`, called with all parts that are there.
        denoiser: name of the part that predicts.
        cells: along a side of the pictures it was trained on; 0 where the denoiser's settings say so.
        patch: cells along a side of what the denoiser takes as one: sides of pictures are multiples of so many.
        predicts_noise: whether DDIM's path and inversion suit it, and not a flow's.
        switches: arguments of the backbone that `model_index.json` sets: their names there, and the usual values.
    """

    parts: dict[str, Part]
    backbone: str
    denoiser: str = _UNET
    cells: int = 0
    patch: int = 1
    predicts_noise: bool = True
    switches: dict[str, tuple[str, bool]] = field(default_factory=dict[str, tuple[str, bool]])

    def make(self, parts: Mapping[str, Any], folder: Path) -> Any:
        """The backbone of loaded parts.

        Args:
            folder: they come from.
        """
        return self.joined(parts, _json(folder / INDEX))

    def joined(self, parts: Mapping[str, Any], index: Mapping[str, Any]) -> Any:
        """The backbone of loaded parts.

        Args:
            index: what `model_index.json` holds beside the classes, or a pipeline's settings.
        """
        module, _, name = self.backbone.partition(":")
        switches = {own: bool(index.get(there, usual)) for own, (there, usual) in self.switches.items()}
        return getattr(import_module(module), name)(**parts, **switches)


_CLIP, _POOLED_CLIP = "transformers:CLIPTextModel", "transformers:CLIPTextModelWithProjection"
_T5, _WORDS, _WORDS_OF_T5 = "transformers:T5EncoderModel", "transformers:CLIPTokenizer", "transformers:T5Tokenizer"
_FLOW = "diffusers:FlowMatchEulerDiscreteScheduler"

LAYOUTS: dict[str, Layout] = {
    "stable-diffusion": Layout(PARTS["diffusion"], f"{_BACKBONES}.stable_diffusion:LatentDiffusion"),
    "sdxl": Layout(
        {
            "vae": diffusers_part("vae", "diffusers:AutoencoderKL", wide=True),
            "unet": diffusers_part("unet", "diffusers:UNet2DConditionModel"),
            "text_encoder": transformers_part("text_encoder", _CLIP),
            "text_encoder_2": transformers_part("text_encoder_2", _POOLED_CLIP),
            "tokenizer": tokenizer_part("tokenizer", _WORDS),
            "tokenizer_2": tokenizer_part("tokenizer_2", _WORDS),
            "scheduler": scheduler_part("diffusers:DDIMScheduler"),
        },
        f"{_BACKBONES}.sdxl:StableDiffusionXL",
        switches={"zero_empty": ("force_zeros_for_empty_prompt", True)},
    ),
    "sd3": Layout(
        {
            "vae": diffusers_part("vae", "diffusers:AutoencoderKL"),
            "transformer": diffusers_part("transformer", "diffusers:SD3Transformer2DModel"),
            "text_encoder": transformers_part("text_encoder", _POOLED_CLIP),
            "text_encoder_2": transformers_part("text_encoder_2", _POOLED_CLIP),
            "text_encoder_3": transformers_part("text_encoder_3", _T5, may_lack=True),
            "tokenizer": tokenizer_part("tokenizer", _WORDS),
            "tokenizer_2": tokenizer_part("tokenizer_2", _WORDS),
            "tokenizer_3": tokenizer_part("tokenizer_3", _WORDS_OF_T5, may_lack=True),
            "scheduler": scheduler_part(_FLOW),
        },
        f"{_BACKBONES}.sd3:StableDiffusion3",
        denoiser=_TRANSFORMER,
        patch=2,
        predicts_noise=False,
    ),
    "flux": Layout(
        {
            "vae": diffusers_part("vae", "diffusers:AutoencoderKL"),
            "transformer": diffusers_part("transformer", "diffusers:FluxTransformer2DModel"),
            "text_encoder": transformers_part("text_encoder", _CLIP),
            "text_encoder_2": transformers_part("text_encoder_2", _T5),
            "tokenizer": tokenizer_part("tokenizer", _WORDS),
            "tokenizer_2": tokenizer_part("tokenizer_2", _WORDS_OF_T5),
            "scheduler": scheduler_part(_FLOW),
        },
        f"{_BACKBONES}.flux:Flux",
        denoiser=_TRANSFORMER,
        cells=128,  # its settings don't say
        patch=2,
        predicts_noise=False,
    ),
    "flux2": Layout(
        {
            "vae": diffusers_part("vae", "diffusers:AutoencoderKLFlux2"),
            "transformer": diffusers_part("transformer", "diffusers:Flux2Transformer2DModel"),
            "text_encoder": transformers_part("text_encoder", "transformers:Qwen3ForCausalLM"),
            "tokenizer": tokenizer_part("tokenizer", "transformers:Qwen2Tokenizer"),
            "scheduler": scheduler_part(_FLOW),
        },
        f"{_BACKBONES}.flux2:Flux2",
        denoiser=_TRANSFORMER,
        cells=128,
        patch=2,
        predicts_noise=False,
    ),
}
"""Name to layout; rows of the table name theirs."""
_FIRST_ENCODER, _SECOND_ENCODER = "text_encoder", "text_encoder_2"
_BY_TRANSFORMER = {
    layout.parts[_TRANSFORMER].kind.partition(":")[2]: name
    for name, layout in LAYOUTS.items()
    if layout.denoiser == _TRANSFORMER
}


class UnknownLayout(Exception):
    """A class of networks for which there is no backbone; its text is the name of the class."""


def layout_in(folder: Path) -> Layout:
    """The layout of the files in a folder; Stable Diffusion's where they do not tell.

    Raises:
        UnknownLayout: there is no backbone for its classes.
    """
    index = _json(folder / INDEX)
    if _TRANSFORMER in index or _UNET in index:
        kind, second = _class_in(index.get(_TRANSFORMER)), _class_in(index.get(_SECOND_ENCODER))
        first = _class_in(index.get(_FIRST_ENCODER))
    else:
        kind = str(_json(folder / _TRANSFORMER / "config.json").get("_class_name", ""))
        second = "there" if (folder / _SECOND_ENCODER / "config.json").is_file() else ""
        (first, *_) = _json(folder / _FIRST_ENCODER / "config.json").get("architectures") or [""]
    return LAYOUTS[layout_name(kind, two_encoders=bool(second), encoder=str(first))]


def layout_name(transformer: str, *, two_encoders: bool, encoder: str = "") -> str:
    """The name of the layout of a model's classes.

    Args:
        transformer: the class that predicts; empty for a UNet.
        two_encoders: whether it has a second text encoder.
        encoder: class of the first one, where it is known.

    Raises:
        UnknownLayout: there is no backbone for its classes.
    """
    if not transformer:
        return "sdxl" if two_encoders else "stable-diffusion"
    if transformer not in _BY_TRANSFORMER:
        raise UnknownLayout(transformer)
    name = _BY_TRANSFORMER[transformer]
    if encoder and LAYOUTS[name].parts[_FIRST_ENCODER].kind.partition(":")[2] != encoder:
        raise UnknownLayout(f"{transformer} with a {encoder}")  # FLUX.2 [dev] has klein's transformer, and Mistral
    return name


def spacing_of(scheduler: Path) -> dict[str, str]:
    """What is changed of the settings of a scheduler in a folder; see `spacing_for`."""
    return spacing_for(str(_json(scheduler / "scheduler_config.json").get("_class_name", "")))


def spacing_for(kind: str) -> dict[str, str]:
    """What is changed of a scheduler's settings where DDIM reads them in place of this class.

    Consistency models are distilled at timesteps counted down from the noisiest, which DDIM calls `trailing`.
    """
    return {"timestep_spacing": "trailing"} if kind == "LCMScheduler" else {}


def tells(folder: Path) -> bool:
    """Whether files in a folder say which layout they have."""
    files = INDEX, f"{_UNET}/config.json", f"{_TRANSFORMER}/config.json"
    return any((folder / file).is_file() for file in files)


def _class_in(entry: Any) -> str:
    """The class of a part in `model_index.json`, `[library, class]` there; empty for a part that is absent."""
    return str(entry[1]) if isinstance(entry, list) and len(entry) == 2 and entry[1] else ""


def _json(file: Path) -> dict[str, Any]:
    """What a file of settings holds; nothing where it is absent or damaged, which loading will say."""
    try:
        found = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}
