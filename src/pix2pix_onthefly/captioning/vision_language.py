"""Any image-text-to-text model of transformers as a captioner: Florence-2, SmolVLM2, Qwen3-VL and their like.

How such a model is asked is data of its row: by a task token, by a question in its chat template, or by the beginning
of a caption.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from PIL import Image
from torch import Tensor

from ..errors import OptionError
from ..records import Progress, no_progress
from .settings import CANNOT_BE_TOLD, INSTRUCTION, VISION_LANGUAGE, CaptioningSettings
from .tidying import caption_of


class VisionLanguageCaptioner:
    """A `captioner.Captioner`.

    Args:
        model: of the class that `AutoModelForImageTextToText` picks.
        processor: its processor.
        settings: how it is run.
    """

    def __init__(self, model: Any, processor: Any, settings: CaptioningSettings | None = None) -> None:
        self.model, self.processor, self.settings = model.eval(), processor, settings or VISION_LANGUAGE

    def to(self, device: torch.device) -> None:
        """Moves the model."""
        self.model.to(device)

    @torch.no_grad()
    def describe(self, image: Image.Image, progress: Progress = no_progress, instruction: str | None = None) -> str:
        """The caption of an RGB picture: one line, lower case, no full stop, in the length that text encoders read.

        Args:
            image: RGB.
            progress: told of the beginning and the end.
            instruction: what is to be changed; the caption mentions what that is about.

        Raises:
            OptionError: an instruction, for a model that can't be asked in words.
        """
        progress("caption", 0, 1)
        inputs = self._inputs(image, instruction)
        made = self.model.generate(
            **inputs,
            max_new_tokens=self.settings.longest,
            min_new_tokens=self.settings.shortest or None,
            num_beams=self.settings.beams,
            do_sample=False,
            # What a model's own settings say about sampling would only draw warnings here.
            temperature=None,
            top_k=None,
            top_p=None,
        )
        begun = 0 if self._is_encoder_decoder else inputs["input_ids"].shape[1]
        text = self._tokenizer.decode(made[0, begun:], skip_special_tokens=True)
        progress("caption", 1, 1)
        return caption_of(text)

    @torch.no_grad()
    def likelihoods(self, image: Image.Image, texts: Sequence[str]) -> list[float]:
        """The mean log-likelihood per token of each text as a caption of an RGB picture."""
        inputs = self._inputs(image, None)
        return [self._likelihood(inputs, text) for text in texts]

    def _likelihood(self, inputs: dict[str, Any], text: str) -> float:
        """Of one text, by teacher forcing; special tokens are not counted."""
        own = self._is_encoder_decoder
        ids = self._tokenizer(text, return_tensors="pt", add_special_tokens=own)["input_ids"].to(self.model.device)
        if own:
            logits = self.model(**inputs, labels=ids).logits[0]
        else:
            begun = inputs["input_ids"].shape[1]
            logits = self.model(**_continued(inputs, ids)).logits[0, begun - 1 : -1]
        found = logits.float().log_softmax(-1).gather(-1, ids[0, :, None])[:, 0]
        special = torch.tensor(self._tokenizer.all_special_ids, device=ids.device)
        return float(found[~torch.isin(ids[0], special)].mean())

    def _inputs(self, image: Image.Image, instruction: str | None) -> dict[str, Any]:
        """What the model is given for a picture, on its device and in its precision."""
        if instruction is not None and not self.chats:
            raise OptionError(CANNOT_BE_TOLD)
        if self.chats:
            made = self._asked(image, self._question(instruction))
        else:
            text = self.settings.task or self.settings.prefix
            made = self.processor(images=image, text=text, return_tensors="pt")
        device, dtype = self.model.device, self.model.dtype
        return {name: one.to(device, dtype if one.is_floating_point() else None) for name, one in made.items()}

    def _asked(self, image: Image.Image, question: str) -> Any:
        """The inputs of a conversation of one question about the picture."""
        content = [{"type": "image", "image": image}, {"type": "text", "text": question}]
        silent = {"enable_thinking": False} if "enable_thinking" in str(self.processor.chat_template) else {}
        return self.processor.apply_chat_template(
            [{"role": "user", "content": content}],
            add_generation_prompt=True,
            tokenize=True,
            return_dict=True,
            return_tensors="pt",
            **silent,
        )

    def _question(self, instruction: str | None) -> str:
        if instruction is None:
            return self.settings.question
        return self.settings.question_with_instruction.replace(INSTRUCTION, " ".join(instruction.split()))

    @property
    def chats(self) -> bool:
        """Whether it can be asked in words."""
        return not self.settings.task and getattr(self.processor, "chat_template", None) is not None

    @property
    def _tokenizer(self) -> Any:
        return self.processor.tokenizer

    @property
    def _is_encoder_decoder(self) -> bool:
        return bool(getattr(self.model.config, "is_encoder_decoder", False))


def _continued(inputs: dict[str, Any], ids: Tensor) -> dict[str, Any]:
    """The inputs with more text behind them: all that has one number a token grows with it.

    Args:
        inputs: `input_ids` [1, length], mask and kinds of token of the same shape, and what there is of the picture.
        ids: of the text, [1, more].
    """
    shape = inputs["input_ids"].shape
    behind = {"input_ids": ids, "attention_mask": torch.ones_like(ids)}
    return {
        name: torch.cat([one, behind.get(name, torch.zeros_like(ids)).to(one.dtype)], 1) if one.shape == shape else one
        for name, one in inputs.items()
    }
