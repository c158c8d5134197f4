"""What a captioner is: from a picture to a sentence about it (paper 3.1)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import torch
from PIL import Image

from ..records import Progress, no_progress


class Captioner(Protocol):
    """Writes captions; see `blip.BlipCaptioner` and `vision_language.VisionLanguageCaptioner`."""

    def describe(self, image: Image.Image, progress: Progress = no_progress, instruction: str | None = None) -> str:
        """The caption of an RGB picture: one line, lower case, no full stop. The same picture gives the same text.

        Args:
            image: RGB.
            progress: told of the beginning and the end.
            instruction: what is to be changed, which the caption should mention; given only where that is asked for.

        Raises:
            OptionError: an instruction, for a captioner that can't be told of it.
        """
        ...

    def likelihoods(self, image: Image.Image, texts: Sequence[str]) -> list[float]:
        """For each text the mean log-likelihood a token of its being the caption of an RGB picture."""
        ...

    def to(self, device: torch.device) -> None:
        """Moves the weights, where there are any on this machine."""
        ...
