"""How a captioner is run: data of its row in the table of models."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class CaptioningSettings:
    """The defaults are those of pix2pix-zero's captioner, LAVIS' BLIP, which the paper's first step takes over (3.1).

    Attributes:
        beams: of the search.
        shortest, longest: tokens that a caption may have, the start mark and the prefix included.
        prefix: words the caption is made to begin with; they are taken off again.
    """

    beams: int = 3
    shortest: int = 10
    longest: int = 30
    prefix: str = "a picture of"
