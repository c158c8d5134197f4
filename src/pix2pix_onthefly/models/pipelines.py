"""A loaded pipeline of diffusers as a diffusion model: a row whose loader gives the backbone of its networks."""

from __future__ import annotations

import copy
import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import torch

from ..errors import InputError, OptionError
from ..options import LoadOptions
from .families import FAMILIES, FAMILY_VARIABLE, FOLDER_MARK, PHOTOGRAPH_FAMILY, Family, family_of
from .layouts import LAYOUTS, Layout, UnknownLayout, layout_name, spacing_for
from .rows import ModelRow
from .sizes import sizes_in

if TYPE_CHECKING:
    from diffusers import DiffusionPipeline

UNNAMED = "pipeline"
"""Source of networks that came from nowhere."""
_KNOWN = "Stable Diffusion, SDXL, Stable Diffusion 3, FLUX.1 or FLUX.2 [klein]"
_SAMPLES = 16
"""Numbers of each tensor of weights that its name depends on."""
_DECIDED = ("diffusion", "device", "precision")
"""Settings of loading that the pipeline has decided."""


@dataclass(frozen=True)
class LoadedPipeline:
    """A pipeline's networks, ready to edit with.

    Attributes:
        row: of its weights; the loader gives the ready backbone.
        device, dtype: where its networks are, and the precision of what predicts.
    """

    row: ModelRow
    device: torch.device
    dtype: torch.dtype

    @classmethod
    def of(cls, pipeline: DiffusionPipeline) -> Self:
        """The networks of a pipeline, which no other code may be moving about.

        Raises:
            InputError: there is no backbone for it, or its networks are not all in one place.
            OptionError: its scheduler or its inputs are not those of a model that draws from a text.
        """
        name, layout = _layout_of(pipeline)
        parts = _parts_of(pipeline, layout)
        networks = {name: parts[name] for name, part in layout.parts.items() if part.weights and name in parts}
        _check_place(networks)
        denoiser, vae = networks[layout.denoiser], networks["vae"]
        _check_channels(layout, denoiser, vae)
        side, cell = _sizes(layout, denoiser, vae)
        source, revision = _name_of(pipeline), _digest({**networks, "scheduler": parts["scheduler"]})
        ready = layout.joined({**parts, "vae": _wide_enough(vae, layout)}, dict(pipeline.config))
        row = ModelRow(
            source,
            "as loaded",
            0,
            revision=f"{UNNAMED}-{revision}",
            side=side,
            cell=cell,
            layout=name,
            loader=lambda *_: ready,
        )
        return cls(row, denoiser.device, denoiser.dtype)

    def family_of(self, settings: LoadOptions) -> tuple[str, Family]:
        """Name and rows of the family whose captioner and language model go with it.

        Raises:
            InputError, OptionError: no such family, or a setting that the pipeline has decided.
        """
        usual = LoadOptions()
        decided = [name for name in _DECIDED if getattr(settings, name) != getattr(usual, name)]
        if decided:
            raise OptionError(f"the pipeline decides on {decided[0]}; leave it out, or change the pipeline")
        homes = (name for name, family in FAMILIES.items() if family.diffusion.source == self.row.source)
        chosen = settings.family or os.environ.get(FAMILY_VARIABLE) or next(homes, PHOTOGRAPH_FAMILY)
        return family_of(settings.with_changes(family=chosen), self.row)


def _layout_of(pipeline: DiffusionPipeline) -> tuple[str, Layout]:
    """Name and layout of a pipeline, from the classes of its parts.

    Raises:
        InputError: there is none.
    """
    transformer = getattr(pipeline, "transformer", None)
    if transformer is None and getattr(pipeline, "unet", None) is None:
        raise InputError(
            f"{type(pipeline).__name__} has neither unet nor transformer; give a loaded pipeline of {_KNOWN}"
        )
    kind = "" if transformer is None else type(_own(transformer)).__name__
    try:
        name = layout_name(kind, two_encoders=getattr(pipeline, "text_encoder_2", None) is not None)
    except UnknownLayout as error:
        raise InputError(f"there is no backbone for {error}; give a pipeline of {_KNOWN}") from error
    return name, LAYOUTS[name]


def _parts_of(pipeline: DiffusionPipeline, layout: Layout) -> dict[str, Any]:
    """The pipeline's networks, tokenizers and scheduler by the layout's names; the scheduler as the layout's own.

    Raises:
        InputError: one is absent, or of a class that the backbone does not know.
    """
    found: dict[str, Any] = {}
    for name, part in layout.parts.items():
        given = _own(getattr(pipeline, name, None))
        library, _, kind = part.kind.partition(":")
        expected = getattr(import_module(library), kind)
        if given is None:
            if part.may_lack:
                continue
            raise InputError(f"this {type(pipeline).__name__} has no {name}; load it with all its parts")
        if name == "scheduler":
            given = expected.from_config(given.config, **spacing_for(type(given).__name__))
        elif part.weights and not isinstance(given, expected):
            raise InputError(f"the {name} of this pipeline is a {type(given).__name__}; only {kind} works")
        found[name] = given
    return found


def _own(network: Any) -> Any:
    """A network that was not compiled, of one that was: what records attention changes it."""
    return getattr(network, "_orig_mod", network)


def _check_place(networks: Mapping[str, Any]) -> None:
    """Makes sure that all networks lie on one device and stay there.

    Raises:
        InputError: they do not.
    """
    hooked = [name for name, network in networks.items() if hasattr(network, "_hf_hook")]
    if hooked:
        raise InputError(
            f"this pipeline moves its {hooked[0]} from device to device by itself; load it without "
            "enable_model_cpu_offload and device_map, and give low_vram=True where memory is short"
        )
    places = sorted({str(network.device) for network in networks.values()})
    if len(places) > 1:
        raise InputError(f"the networks of this pipeline lie on {' and '.join(places)}; move them with pipeline.to()")


def _check_channels(layout: Layout, denoiser: Any, vae: Any) -> None:
    """Makes sure that what predicts takes a picture's latents and nothing beside them; of flows the backbone does.

    Raises:
        OptionError: it takes more.
    """
    taken, there = int(denoiser.config["in_channels"]), int(vae.config["latent_channels"])
    if layout.predicts_noise and taken != there:
        raise OptionError(
            f"this pipeline's unet takes {taken} channels and not the {there} of a picture alone, as those for "
            "inpainting do; choose one that draws from a text"
        )


def _sizes(layout: Layout, denoiser: Any, vae: Any) -> tuple[int, int]:
    """Side of the pictures it was trained on, and what sides are multiples of.

    Raises:
        InputError: its settings don't say.
    """
    try:
        return sizes_in(layout, denoiser.config, vae.config)
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        raise InputError("the settings of this pipeline do not say for which size of pictures it is") from error


def _wide_enough(vae: Any, layout: Layout) -> Any:
    """The autoencoder; a float32 copy of one that overflows in float16, which the pipeline itself widens as it runs."""
    overflows = layout.parts["vae"].wide and vae.dtype == torch.float16 and vae.config.get("force_upcast", True)
    return copy.deepcopy(vae).float() if overflows else vae


def _name_of(pipeline: DiffusionPipeline) -> str:
    """Where the weights came from: a hub id, or of a folder its name alone, for paths tell about their owner."""
    given = str(pipeline.config.get("_name_or_path") or "")
    if not given:
        return UNNAMED
    there = Path(given).expanduser()
    return f"{FOLDER_MARK}{there.resolve().name}" if there.is_absolute() or there.exists() else given


def _digest(parts: Mapping[str, Any]) -> str:
    """Tells one state of networks from another: by their settings, and by a few numbers of every tensor."""
    found = hashlib.sha256()
    for name, part in sorted(parts.items()):
        settings = part.config.to_dict() if hasattr(part.config, "to_dict") else dict(part.config)
        found.update(json.dumps([name, settings], sort_keys=True, default=str).encode())
        if isinstance(part, torch.nn.Module):
            found.update(_sampled(part))
    return found.hexdigest()[:16]


@torch.no_grad()
def _sampled(network: torch.nn.Module) -> bytes:
    """A few numbers of each tensor of weights, brought over from the device in one piece, and the tensors' names."""
    tensors = sorted(network.named_parameters())
    picked = [tensor.flatten()[:: max(1, tensor.numel() // _SAMPLES)][:_SAMPLES].float() for _, tensor in tensors]
    names = json.dumps([[name, list(tensor.shape)] for name, tensor in tensors]).encode()
    return names + torch.cat(picked).cpu().numpy().tobytes()
