"""Image to caption (paper 3.1)."""

from __future__ import annotations

from typing import Any

import torch
from PIL import Image
from transformers import BlipForConditionalGeneration

from ..records import Progress, no_progress


class BlipCaptioner:
    """A `captioner.Captioner`: BLIP writes the caption of a picture, with the beam search of pix2pix-zero's captioner.

    Args:
        model: a BLIP captioning model.
        processor: its processor.
        prefix: words the caption is made to begin with; they are taken off again.
    """

    beams = 3
    longest = 30

    def __init__(self, model: BlipForConditionalGeneration, processor: Any, prefix: str = "") -> None:
        self.model, self.processor, self.prefix = model.eval(), processor, prefix

    def to(self, device: torch.device) -> None:
        """Moves the model."""
        self.model.to(device)  # pyright: ignore[reportArgumentType]

    @torch.no_grad()
    def describe(self, image: Image.Image, progress: Progress = no_progress) -> str:
        """The caption of an RGB picture: one line, lower case, no full stop."""
        progress("caption", 0, 1)
        words = {"text": self.prefix} if self.prefix else {}
        inputs = self.processor(images=image, return_tensors="pt", **words).to(self.model.device)
        inputs["pixel_values"] = inputs["pixel_values"].to(self.model.dtype)
        inputs.pop("token_type_ids", None)
        tokens = self.model.generate(**inputs, num_beams=self.beams, max_new_tokens=self.longest)
        caption = self.processor.decode(tokens[0], skip_special_tokens=True).strip().lower()
        progress("caption", 1, 1)
        return " ".join(caption.removeprefix(self.prefix).split()).removesuffix(".")
