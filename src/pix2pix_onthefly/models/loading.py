"""Loading the models that the table of families names.

Everything is loaded from a folder on this machine, into which `hub.py` has brought exactly the files that are needed.
No code that comes with weights is ever run: safetensors hold numbers only, pickles go through torch's weights-only
reader, and classes are always the libraries' own. Before memory is taken `blueprint.py` compares settings and weights.
"""

from __future__ import annotations

import json
import pickle
import threading
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from ..captioning.settings import BY_KIND, VISION_LANGUAGE
from ..errors import ModelUnavailableError
from . import hub
from .blueprint import TooLarge, check_blueprint
from .devices import is_half as is_half
from .devices import pick_device as pick_device
from .devices import pick_dtype as pick_dtype
from .layouts import spacing_of
from .parts import PARTS, Part, is_there, variant_in, weights_of
from .refusals import brief, unavailable
from .sizes import picture_sizes

if TYPE_CHECKING:
    from transformers import CLIPModel, ViTModel

    from ..backbones.backbone import Backbone
    from ..backbones.stable_diffusion import LatentDiffusion
    from ..captioning.captioner import Captioner
    from ..rewriting.rewriter import Rewriter
    from .families import ModelRow

MOST_UNKNOWN = 0.1
"""Share of a network's tensors that may be missing from a file; more, and the file is another network's."""
_ONE_AT_A_TIME = threading.Lock()
"""While a network is built the libraries change what holds for all threads: torch's default precision and its hooks."""
INSTALL_CAPTIONERS = "pip install 'pix2pix-onthefly[captioners]'"
"""What SmolVLM2's processor needs beside transformers: it spells numbers out."""
_OWN_CLASSES = {"trust_remote_code": False}
"""For the `Auto` classes, which would otherwise ask on the terminal whether to run code from the model's folder."""


def load_diffusion(row: ModelRow, device: torch.device, dtype: torch.dtype) -> LatentDiffusion:
    """The row's diffusion model of Stable Diffusion's layout, for those who work on its networks.

    Raises:
        ModelUnavailableError: the weights are not here and cannot be had, or are no such model.
    """
    from ..backbones.stable_diffusion import LatentDiffusion

    found = _load_parts(row, device, dtype)
    if not isinstance(found, LatentDiffusion):
        raise unavailable(row, "they are not of Stable Diffusion 1.x or 2.x", "choose a model that is")
    return found


def load_backbone(row: ModelRow, device: torch.device, dtype: torch.dtype) -> Backbone:
    """The row's diffusion model: the backbone of its layout, or what the row's own loader makes.

    Raises:
        ModelUnavailableError: the weights are not here and cannot be had, or are no such model.
    """
    return _load_parts(row, device, dtype) if row.loader is None else row.load(device, dtype)


def _load_parts(row: ModelRow, device: torch.device, dtype: torch.dtype) -> Any:
    """The backbone of a row's layout, of all parts that its folder has."""
    layout = hub.layout_of(row)
    folder = hub.folder_of(row, "diffusion", half=is_half(dtype))
    picture_sizes(row)  # refuses absurd ones, which are no concern of the weights
    there = {name: part for name, part in layout.parts.items() if is_there(part, folder)}
    return layout.make({name: _load_part(row, part, folder, device, dtype) for name, part in there.items()}, folder)


def _load_part(row: ModelRow, part: Part, folder: Path, device: torch.device, dtype: torch.dtype) -> Any:
    """One part of a diffusion model: a network, a tokenizer or a scheduler."""
    from transformers import PreTrainedTokenizerBase

    library, _, name = part.kind.partition(":")
    kind = getattr(import_module(library), name)
    if part.weights:
        precision = torch.float32 if part.wide and dtype == torch.float16 else dtype
        named = "torch_dtype" if library == "diffusers" else "dtype"
        return _load_network(row, part, folder, kind, device, precision, **{named: precision})
    if issubclass(kind, PreTrainedTokenizerBase):
        return _load_with_words(row, kind.from_pretrained, folder / part.folder)
    return _load(row, kind.from_pretrained, folder / part.folder, **spacing_of(folder / part.folder))


def load_captioner(row: ModelRow, device: torch.device, dtype: torch.dtype) -> Captioner:
    """The row's BLIP or any other image-text-to-text model, or what the row's own loader makes.

    Raises:
        ModelUnavailableError: the weights are not here and cannot be had, or are no such model.
    """
    if row.loader is not None:
        return row.load(device, dtype)
    from transformers import AutoModelForImageTextToText, BlipForConditionalGeneration, BlipProcessor

    from ..captioning.blip import BlipCaptioner
    from ..captioning.vision_language import VisionLanguageCaptioner
    from .processors import PictureProcessor

    kind = _kind_of(row, hub.folder_of(row, "captioner", half=is_half(dtype)))
    settings = row.captioning or BY_KIND.get(kind, VISION_LANGUAGE)
    if kind == "blip":
        kinds = BlipForConditionalGeneration, BlipProcessor
        return BlipCaptioner(*_load_pair(row, "captioner", kinds, device, dtype, backend="pil"), settings)
    pair = _load_pair(row, "captioner", (AutoModelForImageTextToText, PictureProcessor), device, dtype)
    return VisionLanguageCaptioner(*pair, settings)


def _kind_of(row: ModelRow, folder: Path) -> str:
    """The model type that a folder's settings name.

    Raises:
        ModelUnavailableError: they name none.
    """
    try:
        return str(json.loads((folder / "config.json").read_text(encoding="utf-8"))["model_type"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise unavailable(row, "its config.json names no model type", "replace the files") from error


def load_rewriter(
    row: ModelRow, pool: str, device: torch.device, dtype: torch.dtype, lexicon: str | None = None
) -> Rewriter:
    """The row's causal language model, or what the row's own loader makes, with a few-shot pool, and a closed
    vocabulary if there is one, as a `Rewriter`.

    Raises:
        ModelUnavailableError: the weights are not here and cannot be had, or are no such model.
    """
    from ..rewriting.lexicon import load_lexicon
    from ..rewriting.pool import load_pool
    from ..rewriting.rewriter import Rewriter

    known = None if lexicon is None else load_lexicon(lexicon)
    if row.loader is not None:
        return Rewriter(row.load(device, dtype), load_pool(pool), known)
    from transformers import AutoModelForCausalLM, AutoTokenizer

    from ..language.transformers_model import TransformersModel

    kinds = AutoModelForCausalLM, AutoTokenizer
    return Rewriter(TransformersModel(*_load_pair(row, "rewriter", kinds, device, dtype)), load_pool(pool), known)


def load_clip(row: ModelRow, device: torch.device, dtype: torch.dtype) -> tuple[CLIPModel, Any]:
    """The row's CLIP model and its processor.

    Raises:
        ModelUnavailableError: the weights are not here and cannot be had, or are no such model.
    """
    from transformers import CLIPModel, CLIPProcessor

    model, processor = _load_pair(row, "clip", (CLIPModel, CLIPProcessor), device, dtype, backend="pil")
    return model.eval(), processor


def load_dino(row: ModelRow, device: torch.device, dtype: torch.dtype) -> ViTModel:
    """The row's vision transformer without a pooler, which the weights lack.

    Raises:
        ModelUnavailableError: the weights are not here and cannot be had, or are no such model.
    """
    from transformers import ViTModel

    folder, part = hub.folder_of(row, "dino", half=is_half(dtype)), PARTS["dino"]["model"]
    arguments = {"dtype": dtype, "add_pooling_layer": False, **_OWN_CLASSES}
    return _load_network(row, part, folder, ViTModel, device, dtype, **arguments).eval()


def _load_pair(
    row: ModelRow,
    role: str,
    kinds: tuple[Any, Any],
    device: torch.device,
    dtype: torch.dtype,
    **arguments: Any,
) -> tuple[Any, Any]:
    """A model of transformers and its tokenizer or processor, to which the arguments go."""
    folder = hub.folder_of(row, role, half=is_half(dtype))
    network, words = kinds
    part = PARTS[role]["model"]
    model = _load_network(row, part, folder, network, device, dtype, dtype=dtype, **_OWN_CLASSES)
    return model, _load_with_words(row, words.from_pretrained, folder, **_OWN_CLASSES, **arguments)


def _load_network(
    row: ModelRow,
    part: Part,
    folder: Path,
    kind: Any,
    device: torch.device,
    precision: torch.dtype,
    **arguments: Any,
) -> Any:
    """One network on the device; refused where the file does not hold its tensors, which the libraries make up."""
    variant = variant_in(folder, part, row, half=is_half(precision))
    arguments |= {"use_safetensors": row.safetensors, "output_loading_info": True}
    with _ONE_AT_A_TIME:
        try:
            check_blueprint(kind, folder / part.folder, weights_of(folder, part, row, variant))
        except Exception as error:  # settings from anywhere fail in any way
            raise _refusal(row, error) from error
        model, report = _load(row, kind.from_pretrained, folder / part.folder, variant=variant, **arguments)
    if len(report["missing_keys"]) > MOST_UNKNOWN * len(model.state_dict()):
        raise unavailable(row, f"they are not those of a {type(model).__name__}")
    try:
        return model.to(device)
    except RuntimeError as error:  # torch's own error for a lack of memory is one
        reason = f"there is no room for them on {device} ({brief(error)})"
        raise unavailable(row, reason, "close other programs, try --low-vram") from error


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
        raise unavailable(row, "their vocabulary is empty")
    return loaded


def _refusal(row: ModelRow, error: BaseException) -> ModelUnavailableError:
    causes = [error]
    while (cause := causes[-1].__cause__ or causes[-1].__context__) is not None:
        causes.append(cause)
    if any(isinstance(cause, pickle.UnpicklingError) for cause in causes):
        return unavailable(row, "the pickle holds more than numbers, which may be harmful", "use safetensors")
    if isinstance(error, TooLarge):
        return unavailable(row, f"settings and weights do not belong together: {brief(error)}", "replace the files")
    if isinstance(error, ImportError) and "num2words" in str(error):
        return unavailable(row, brief(error), INSTALL_CAPTIONERS)
    if any("trust_remote_code" in str(cause) for cause in causes):
        return unavailable(row, "they need code of their own, which is never run", "choose another model")
    return unavailable(row, brief(error), "replace the files")
