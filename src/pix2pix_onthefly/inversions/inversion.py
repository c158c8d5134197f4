"""What an inversion is: from a picture's latents to the noise from which a backbone regenerates it (paper 3.1)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from jaxtyping import Float
from torch import Tensor

from ..backbones.backbone import Backbone
from ..options import EditOptions
from ..records import Inverted, Progress, no_progress


class Inversion(Protocol):
    """A way of finding the noise; see `ddim.DdimInversion` and `null_text.NullTextInversion`."""

    def invert(
        self,
        backbone: Backbone,
        latents: Float[Tensor, "rows channels h w"],
        captions: Sequence[str],
        options: EditOptions,
        progress: Progress = no_progress,
    ) -> list[Inverted]:
        """The noise of pictures of one size, one for each row."""
        ...
