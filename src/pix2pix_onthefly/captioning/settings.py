"""How a captioner is run: data of its row in the table of models."""

from __future__ import annotations

from dataclasses import dataclass

INSTRUCTION = "[INSTRUCTION]"
QUESTION = "Describe this picture in one short sentence."
QUESTION_WITH_INSTRUCTION = (
    f"Somebody wants to change this picture: '{INSTRUCTION}'. Describe the picture as it is now, before any change, in "
    "one short sentence, and mention what that is about."
)
"""Told of the instruction a captioner leaves out nothing that is to change (missing entities are a weakness)."""

CANNOT_BE_TOLD = (
    "this captioner cannot be told of the instruction; leave caption_for_instruction out, or choose one with a chat "
    "template, such as --captioner Qwen/Qwen3-VL-2B-Instruct"
)
CANNOT_SEE = (
    "rewriter sees-picture needs a captioner with a chat template, such as --captioner Qwen/Qwen3-VL-2B-Instruct; "
    "choose one, or leave rewriter out"
)
NEEDS_A_PICTURE = "rewriter sees-picture writes captions of a picture, and there is none here; leave rewriter out"


@dataclass(frozen=True, kw_only=True)
class CaptioningSettings:
    """The defaults are those of pix2pix-zero's captioner, LAVIS' BLIP, which the paper's first step takes over (3.1).

    Attributes:
        beams: of the search.
        shortest, longest: tokens that a caption may have; BLIP's with the start mark and the prefix.
        prefix: words the caption is made to begin with; they are taken off again.
        task: the task token of models that are asked by one, such as Florence-2; empty for others.
        question: what models with a chat template are asked.
        question_with_instruction: the same for an edit whose instruction they are told.
    """

    beams: int = 3
    shortest: int = 10
    longest: int = 30
    prefix: str = "a picture of"
    task: str = ""
    question: str = QUESTION
    question_with_instruction: str = QUESTION_WITH_INSTRUCTION


VISION_LANGUAGE = CaptioningSettings(beams=1, shortest=0, longest=60, prefix="")
"""For models that write sentences of their own: 60 of their tokens are about what text encoders read."""
FLORENCE = CaptioningSettings(beams=3, shortest=0, longest=60, prefix="", task="<DETAILED_CAPTION>")
BY_KIND = {"blip": CaptioningSettings(), "florence2": FLORENCE}
"""By the model type in the settings of weights that the table does not know; `VISION_LANGUAGE` for all others."""
