"""What a captioner is: from a picture to a sentence about it (paper 3.1)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import torch
from PIL import Image

from ..records import Progress, no_progress


class Captioner(Protocol):
    """Writes captions; see `blip.BlipCaptioner`."""

    def describe(self, image: Image.Image, progress: Progress = no_progress) -> str:
        """The caption of an RGB picture: one line, lower case, no full stop. The same picture gives the same text."""
        ...

    def likelihoods(self, image: Image.Image, texts: Sequence[str]) -> list[float]:
        """For each text the mean log-likelihood a token of its being the caption of an RGB picture."""
        ...

    def to(self, device: torch.device) -> None:
        """Moves the weights, where there are any on this machine."""
        ...
