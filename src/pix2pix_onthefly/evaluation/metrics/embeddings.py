"""Pictures and texts as vectors: CLIP and DINO, fed as MagicBrush's official script feeds them."""

from __future__ import annotations

import html
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from ...errors import InputError, ModelUnavailableError

if TYPE_CHECKING:
    from transformers import CLIPModel, CLIPProcessor, ViTModel

_TYPOGRAPHIC = str.maketrans({"‘": "'", "’": "'", "“": '"', "”": '"'})  # OpenAI's tokenizer reads all quotes as these


def cosine(one: Tensor, other: Tensor) -> float:
    """Cosine of two vectors."""
    return float(torch.nn.functional.cosine_similarity(one.double(), other.double(), dim=0))


@dataclass(frozen=True)
class Preprocessing:
    """Shorter side to `side`, centre cropped to a square of `crop`, values in 0..1 normalised; bicubic.

    Rounds as torchvision does, which the official script uses. The processors of transformers do the same but where
    an odd number of pixels is to be cropped: there they cut one pixel further up or left.
    """

    side: int
    crop: int
    mean: tuple[float, ...]
    deviation: tuple[float, ...]

    def __call__(self, picture: Image.Image) -> Tensor:
        """The picture as [1, 3, crop, crop], float32."""
        width, height = picture.size
        shorter = min(width, height)
        scaled = picture.convert("RGB").resize(
            (int(self.side * width / shorter), int(self.side * height / shorter)), Image.Resampling.BICUBIC
        )
        left, top = (round((length - self.crop) / 2) for length in scaled.size)
        square = scaled.crop((left, top, left + self.crop, top + self.crop))
        values = torch.from_numpy(np.array(square, dtype=np.float32) / 255).permute(2, 0, 1)
        mean, deviation = (torch.tensor(numbers).view(3, 1, 1) for numbers in (self.mean, self.deviation))
        return ((values - mean) / deviation).unsqueeze(0)


class ClipScorer:
    """Embeds pictures and texts by CLIP.

    Args:
        model: in the published figures that of `openai/clip-vit-base-patch32`.
        processor: its sizes and its normalisation are used, and its tokenizer.
        truncate: cut texts that are too long, as the official script does not.
    """

    def __init__(self, model: CLIPModel, processor: CLIPProcessor, *, truncate: bool = False) -> None:
        self.model: Any = model.eval()
        parts: Any = processor
        self.tokenizer: Any = parts.tokenizer
        pictures: Any = parts.image_processor
        self.preprocess = Preprocessing(
            pictures.size["shortest_edge"],
            pictures.crop_size["height"],
            tuple(pictures.image_mean),
            tuple(pictures.image_std),
        )
        self.truncate = truncate
        self.limit: int = self.model.config.text_config.max_position_embeddings

    @torch.inference_mode()
    def image_embedding(self, picture: Image.Image) -> Tensor:
        """The picture in the space it shares with texts, [width], float32 on the CPU; not normalised."""
        pixels = self.preprocess(picture).to(self.model.device, self.model.dtype)
        return self.model.get_image_features(pixel_values=pixels).pooler_output[0].float().cpu()

    @torch.inference_mode()
    def text_embedding(self, text: str) -> Tensor:
        """The text in the space it shares with pictures, [width], float32 on the CPU; not normalised.

        Raises:
            InputError: longer than the model reads, and `truncate` is off.
        """
        tokens = self._tokens(text)
        if len(tokens) > self.limit:
            if not self.truncate:
                raise InputError(
                    f"the description {text!r} has {len(tokens)} tokens, of which CLIP reads {self.limit}; "
                    "shorten it or allow truncation"
                )
            tokens = [*tokens[: self.limit - 1], tokens[-1]]  # the last one ends the text
        ids = torch.tensor([tokens], device=self.model.device)
        return self.model.get_text_features(input_ids=ids).pooler_output[0].float().cpu()

    def is_too_long(self, text: str) -> bool:
        """Whether `text_embedding` refuses the text."""
        return not self.truncate and len(self._tokens(text)) > self.limit

    def _tokens(self, text: str) -> list[int]:
        return self.tokenizer(html.unescape(html.unescape(text)).translate(_TYPOGRAPHIC), verbose=False).input_ids


class DinoScorer:
    """Embeds pictures by DINO, in the published figures that of `facebook/dino-vits16`."""

    preprocess = Preprocessing(256, 224, (0.485, 0.456, 0.406), (0.229, 0.224, 0.225))

    def __init__(self, model: ViTModel) -> None:
        self.model: Any = model.eval()

    @torch.inference_mode()
    def image_embedding(self, picture: Image.Image) -> Tensor:
        """The class token of the last layer, [width], float32 on the CPU; not normalised."""
        pixels = self.preprocess(picture).to(self.model.device, self.model.dtype)
        return self.model(pixel_values=pixels).last_hidden_state[0, 0].float().cpu()


def dino_or_note(load: Callable[[], ViTModel]) -> tuple[DinoScorer | None, str]:
    """DINO as `load` gives it; where its weights cannot be had, None and a note that says so."""
    try:
        return DinoScorer(load()), ""
    except ModelUnavailableError as error:
        return None, f"DINO is left out: {error}"
