"""Image to caption (paper 3.1)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from PIL import Image
from transformers import BlipForConditionalGeneration

from ..errors import OptionError
from ..records import Progress, no_progress
from .settings import CANNOT_BE_TOLD, CaptioningSettings


class BlipCaptioner:
    """A `captioner.Captioner`: BLIP writes the caption of a picture.

    Args:
        model: a BLIP captioning model.
        processor: its processor.
        settings: how it is run.
    """

    def __init__(
        self, model: BlipForConditionalGeneration, processor: Any, settings: CaptioningSettings | None = None
    ) -> None:
        self.model, self.processor, self.settings = model.eval(), processor, settings or CaptioningSettings()

    def to(self, device: torch.device) -> None:
        """Moves the model."""
        self.model.to(device)  # pyright: ignore[reportArgumentType]

    @torch.no_grad()
    def likelihoods(self, image: Image.Image, texts: Sequence[str]) -> list[float]:
        """For each text the mean log-likelihood a token of its being the caption of an RGB picture."""
        pixels = self.processor(images=image, return_tensors="pt").pixel_values.to(self.model.device, self.model.dtype)
        prefix = f"{self.settings.prefix} " if self.settings.prefix else ""
        tokens = self.processor.tokenizer([prefix + text for text in texts], padding=True, return_tensors="pt")
        ids, counted = tokens.input_ids.to(self.model.device), tokens.attention_mask.to(self.model.device)
        settings: Any = self.model.config.text_config
        ids[:, 0] = settings.bos_token_id  # which generation begins with, in place of BERT's
        logits = self.model(
            pixel_values=pixels.expand(len(texts), -1, -1, -1), input_ids=ids, attention_mask=counted
        ).logits
        found = logits[:, :-1].float().log_softmax(-1).gather(-1, ids[:, 1:, None])[..., 0]
        weights = counted[:, 1:].to(found)
        return ((found * weights).sum(1) / weights.sum(1)).tolist()

    @torch.no_grad()
    def describe(self, image: Image.Image, progress: Progress = no_progress, instruction: str | None = None) -> str:
        """The caption of an RGB picture: one line, lower case, no full stop.

        Raises:
            OptionError: an instruction: BLIP goes on with captions and answers nothing.
        """
        if instruction is not None:
            raise OptionError(CANNOT_BE_TOLD)
        progress("caption", 0, 1)
        prefix = self.settings.prefix
        words = {"text": prefix} if prefix else {}
        inputs = self.processor(images=image, return_tensors="pt", **words).to(self.model.device)
        inputs["pixel_values"] = inputs["pixel_values"].to(self.model.dtype)
        inputs.pop("token_type_ids", None)
        lengths: dict[str, Any] = {"min_length": self.settings.shortest, "max_length": self.settings.longest}
        tokens = self.model.generate(**inputs, num_beams=self.settings.beams, **lengths)
        caption = " ".join(self.processor.decode(tokens[0], skip_special_tokens=True).lower().split())
        progress("caption", 1, 1)
        return caption.removeprefix(prefix.lower()).strip().removesuffix(".").rstrip()
