"""A user's mask: white where a picture may change, black where it stays as it is."""

from __future__ import annotations

from PIL import Image

from ..errors import InputError
from .opening import opened_of

BLACK_BELOW = 8
"""Levels that count as black, for JPEG keeps no black."""


def mask_of(value: object) -> Image.Image:
    """A mask, L, from anything that `opening.opened_of` takes.

    Raises:
        InputError: as of `opened_of`; or it is see-through, which other programs use for either side.
    """
    opened = opened_of(value)
    if opened.alpha is not None and opened.alpha.getextrema() != (255, 255):
        raise InputError(
            "the mask is transparent in places, which does not say what may change; save it in black and white"
        )
    return opened.image.convert("L").point([0] * BLACK_BELOW + list(range(BLACK_BELOW, 256)))


def check_mask(mask: Image.Image | None, picture: Image.Image) -> None:
    """Makes sure that a mask belongs to a picture.

    Raises:
        InputError: it is of another size, or black all over.
    """
    if mask is None:
        return
    if mask.size != picture.size:
        sizes = ["x".join(map(str, image.size)) for image in (mask, picture)]
        raise InputError(f"the mask is {sizes[0]} and the picture {sizes[1]}; give a mask of the picture's size")
    if mask.convert("L").getbbox() is None:
        raise InputError("the mask is black all over, so that nothing may change; paint white what may")
