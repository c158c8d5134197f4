"""Pictures on the way, decoded from the latents of an edit that is being made."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from PIL import Image
from torch import Tensor

from ..models.residency import Models
from ..pictures import fitting


class Previews:
    """A progress that hands over so many pictures while an edit is made, evenly spread over its steps.

    Args:
        models: the diffusion model decodes; the thread that edits holds it already.
        wanted: how many pictures.
        size: width and height that they get.
        show: takes each with its number, in the thread that edits.
    """

    def __init__(
        self, models: Models, wanted: int, size: tuple[int, int], show: Callable[[int, Image.Image], None]
    ) -> None:
        self._models, self._wanted, self._size, self._show = models, wanted, size, show
        self._shown, self._due = 0, 0

    def __call__(self, stage: str, done: int, total: int) -> None:
        if stage == "edit" and done < total:  # the last step's picture is the edit itself
            self._due = done * (self._wanted + 1) // total

    def preview(self, latents: Sequence[Tensor]) -> None:
        """Shows the first of the latents, if it is time for one more."""
        if self._shown >= min(self._due, self._wanted):
            return
        with self._models.using("diffusion") as backbone:
            picture = fitting.to_image(backbone.decode(latents[0]))
        self._show(self._shown, fitting.restore(picture, self._size))
        self._shown += 1
