"""A vision-language model of transformers as a language model that sees a picture while it answers."""

from __future__ import annotations

from typing import Any

from PIL import Image
from torch import Tensor

from .prompts import Prompt
from .transformers_model import TransformersModel


class SeeingModel(TransformersModel):
    """A `LanguageModel` on this machine that has a picture before its eyes: it stands in the last task.

    Args:
        model: an image-text-to-text model of transformers.
        processor: its processor, with a chat template.
        picture: RGB.
    """

    def __init__(self, model: Any, processor: Any, picture: Image.Image) -> None:
        super().__init__(model, processor.tokenizer)
        self.processor, self.picture = processor, picture

    @property
    def has_chat_template(self) -> bool:
        """It can be asked in a conversation alone."""
        return True

    @property
    def longest(self) -> int | None:
        """How many positions its language model has; None where it knows none."""
        return getattr(self.model.config.get_text_config(), "max_position_embeddings", None)

    def _inputs(self, prompt: Prompt) -> dict[str, Tensor]:
        """Tokens and the picture. The chat template has written the special tokens itself."""
        made = self.processor(
            images=[self.picture], text=[self.layout(prompt)], add_special_tokens=False, return_tensors="pt"
        )
        return {name: one.to(self.model.dtype) if one.is_floating_point() else one for name, one in made.items()}

    def _apply_template(self, turns: list[dict[str, str]], **arguments: bool) -> str:
        if "enable_thinking" in str(self.processor.chat_template):
            arguments["enable_thinking"] = False
        asked = max(place for place, turn in enumerate(turns) if turn["role"] == "user")
        seen = [
            {
                "role": turn["role"],
                "content": [
                    *([{"type": "image"}] if place == asked else []),
                    {"type": "text", "text": turn["content"]},
                ],
            }
            for place, turn in enumerate(turns)
        ]
        return self.processor.apply_chat_template(seen, tokenize=False, **arguments)
