"""Loading the models that the table of families names.

Everything is loaded from a folder on this machine, into which `hub.py` has brought exactly the files that are needed.
No code that comes with weights is ever run: safetensors hold numbers only, pickles go through torch's weights-only
reader, and classes are always the libraries' own.
"""

from __future__ import annotations

import pickle
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from ..errors import InputError, ModelUnavailableError
from . import hub

if TYPE_CHECKING:
    from transformers import CLIPModel, ViTModel

    from ..backbones.stable_diffusion import LatentDiffusion
    from ..captioning.blip import Captioner
    from ..rewriting.rewriter import Rewriter
    from .families import ModelRow

MOST_UNKNOWN = 0.1
"""Share of a network's tensors that may be missing from a file; more, and the file is another network's."""
_OWN_CLASSES = {"trust_remote_code": False}
"""For the `Auto` classes, which would otherwise ask on the terminal whether to run code from the model's folder."""


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


def pick_dtype(precision: str, device: torch.device) -> torch.dtype:
    """The dtype of a precision's name; `auto` is half precision where it is known to work well, on CUDA."""
    if precision == "auto":
        return torch.float16 if device.type == "cuda" else torch.float32
    return {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}[precision]


def is_half(dtype: torch.dtype) -> bool:
    """Whether a number takes two bytes, so that a half-precision variant of the files is enough."""
    return dtype.itemsize == 2


def load_diffusion(row: ModelRow, device: torch.device, dtype: torch.dtype) -> LatentDiffusion:
    """The row's autoencoder, UNet, text encoder, tokenizer and scheduler as a `LatentDiffusion`.

    Raises:
        ModelUnavailableError: the weights are not here and cannot be had, or are no such model.
    """
    from diffusers import AutoencoderKL, DDIMScheduler, UNet2DConditionModel
    from transformers import CLIPTextModel, CLIPTokenizer

    from ..backbones.stable_diffusion import LatentDiffusion

    folder = hub.folder_of(row, "diffusion", half=is_half(dtype))
    parts = hub.PARTS["diffusion"]

    def network(name: str, loader: Callable[..., Any], **arguments: Any) -> Any:
        return _load_network(row, parts[name], folder, loader, device, dtype, **arguments)

    vae = network("vae", AutoencoderKL.from_pretrained, torch_dtype=dtype)
    unet = network("unet", UNet2DConditionModel.from_pretrained, torch_dtype=dtype)
    text_encoder = network("text_encoder", CLIPTextModel.from_pretrained, dtype=dtype)
    tokenizer = _load_with_words(row, CLIPTokenizer.from_pretrained, folder / parts["tokenizer"].folder)
    scheduler = _load(row, DDIMScheduler.from_pretrained, folder / parts["scheduler"].folder)
    return LatentDiffusion(vae, unet, text_encoder, tokenizer, scheduler)


def read_sizes(row: ModelRow, dtype: torch.dtype) -> tuple[int, int]:
    """A diffusion row's native side in pixels and the pixels along a side of its latent cells, from its settings alone.

    Raises:
        ModelUnavailableError: the files are not here and cannot be had, or are no such model.
    """
    from diffusers import AutoencoderKL, UNet2DConditionModel

    from ..backbones.stable_diffusion import native_size, pixels_per_latent

    folder, parts = hub.folder_of(row, "diffusion", half=is_half(dtype)), hub.PARTS["diffusion"]
    unet, vae = (
        _load(row, kind.load_config, folder / parts[name].folder)
        for name, kind in (("unet", UNet2DConditionModel), ("vae", AutoencoderKL))
    )
    return native_size(unet, vae), pixels_per_latent(vae)


def load_captioner(row: ModelRow, device: torch.device, dtype: torch.dtype) -> Captioner:
    """The row's BLIP model as a `Captioner`.

    Raises:
        ModelUnavailableError: the weights are not here and cannot be had, or are no such model.
    """
    from transformers import BlipForConditionalGeneration, BlipProcessor

    from ..captioning.blip import Captioner

    loaders = BlipForConditionalGeneration.from_pretrained, BlipProcessor.from_pretrained
    return Captioner(*_load_pair(row, "captioner", loaders, device, dtype, backend="pil"), row.captioning)


def load_rewriter(
    row: ModelRow, pool: str, device: torch.device, dtype: torch.dtype, lexicon: str | None = None
) -> Rewriter:
    """The row's causal language model with a few-shot pool, and a closed vocabulary if there is one, as a `Rewriter`.

    Raises:
        ModelUnavailableError: the weights are not here and cannot be had, or are no such model.
    """
    from transformers import AutoModelForCausalLM, AutoTokenizer

    from ..language.transformers_model import TransformersModel
    from ..rewriting.lexicon import load_lexicon
    from ..rewriting.pool import load_pool
    from ..rewriting.rewriter import Rewriter

    loaders = AutoModelForCausalLM.from_pretrained, AutoTokenizer.from_pretrained
    known = None if lexicon is None else load_lexicon(lexicon)
    return Rewriter(TransformersModel(*_load_pair(row, "rewriter", loaders, device, dtype)), load_pool(pool), known)


def load_clip(row: ModelRow, device: torch.device, dtype: torch.dtype) -> tuple[CLIPModel, Any]:
    """The row's CLIP model and its processor.

    Raises:
        ModelUnavailableError: the weights are not here and cannot be had, or are no such model.
    """
    from transformers import CLIPModel, CLIPProcessor

    loaders = CLIPModel.from_pretrained, CLIPProcessor.from_pretrained
    model, processor = _load_pair(row, "clip", loaders, device, dtype, backend="pil")
    return model.eval(), processor


def load_dino(row: ModelRow, device: torch.device, dtype: torch.dtype) -> ViTModel:
    """The row's vision transformer without a pooler, which the weights lack.

    Raises:
        ModelUnavailableError: the weights are not here and cannot be had, or are no such model.
    """
    from transformers import ViTModel

    folder, part = hub.folder_of(row, "dino", half=is_half(dtype)), hub.PARTS["dino"]["model"]
    arguments = {"dtype": dtype, "add_pooling_layer": False, **_OWN_CLASSES}
    return _load_network(row, part, folder, ViTModel.from_pretrained, device, dtype, **arguments).eval()


def _load_pair(
    row: ModelRow,
    role: str,
    loaders: tuple[Callable[..., Any], Callable[..., Any]],
    device: torch.device,
    dtype: torch.dtype,
    **arguments: Any,
) -> tuple[Any, Any]:
    """A model of transformers and its tokenizer or processor, to which the arguments go."""
    folder = hub.folder_of(row, role, half=is_half(dtype))
    load_model, load_words = loaders
    part = hub.PARTS[role]["model"]
    model = _load_network(row, part, folder, load_model, device, dtype, dtype=dtype, **_OWN_CLASSES)
    return model, _load_with_words(row, load_words, folder, **_OWN_CLASSES, **arguments)


def _load_network(
    row: ModelRow,
    part: hub.Part,
    folder: Path,
    loader: Callable[..., Any],
    device: torch.device,
    precision: torch.dtype,
    **arguments: Any,
) -> Any:
    """One network on the device; refused where the file does not hold its tensors, which the libraries make up."""
    variant = hub.variant_in(folder, part, row, half=is_half(precision))
    arguments |= {"use_safetensors": row.safetensors, "output_loading_info": True}
    model, report = _load(row, loader, folder / part.folder, variant=variant, **arguments)
    if len(report["missing_keys"]) > MOST_UNKNOWN * len(model.state_dict()):
        raise hub.unavailable(row, f"they are not those of a {type(model).__name__}")
    try:
        return model.to(device)
    except RuntimeError as error:  # torch's own error for a lack of memory is one
        reason = f"there is no room for them on {device} ({hub.brief(error)})"
        raise hub.unavailable(row, reason, "close other programs, try --low-vram") from error


def _load(row: ModelRow, loader: Callable[..., Any], folder: Path, **arguments: Any) -> Any:
    """Calls a library's `from_pretrained`; whatever it says against the files becomes one sentence."""
    try:
        return loader(str(folder), local_files_only=True, **arguments)
    except Exception as error:  # files from anywhere fail in any way
        raise _refusal(row, error) from error


def _load_with_words(row: ModelRow, loader: Callable[..., Any], folder: Path, **arguments: Any) -> Any:
    """`_load` for a tokenizer or a processor with one.

    Where the vocabulary cannot be used, transformers raises nothing and makes up a tokenizer of special tokens alone,
    with which every text would mean nothing.
    """
    loaded = _load(row, loader, folder, **arguments)
    tokenizer: Any = getattr(loaded, "tokenizer", loaded)
    if len(tokenizer) <= len(set(tokenizer.all_special_tokens)):
        raise hub.unavailable(row, "their vocabulary is empty")
    return loaded


def _refusal(row: ModelRow, error: BaseException) -> ModelUnavailableError:
    causes = [error]
    while (cause := causes[-1].__cause__ or causes[-1].__context__) is not None:
        causes.append(cause)
    if any(isinstance(cause, pickle.UnpicklingError) for cause in causes):
        return hub.unavailable(row, "the pickle holds more than numbers, which may be harmful", "use safetensors")
    if any("trust_remote_code" in str(cause) for cause in causes):
        return hub.unavailable(row, "they need code of their own, which is never run", "choose another model")
    return hub.unavailable(row, hub.brief(error), "replace the files")
