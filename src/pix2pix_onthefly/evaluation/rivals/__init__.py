"""What ours is compared with and is not ours: pipelines of diffusers and trained models. See docs/comparisons.md.

They are methods like any other, which this room adds to the table of methods; the command line offers them to
`evaluate`.
"""

from __future__ import annotations

from ...methods.table import METHODS, MethodRow, register_method
from .options import (
    DiffusersZeroOptions,
    HiveMagicBrushOptions,
    HiveOptions,
    InstructMagicBrushOptions,
    InstructOptions,
    LeditsOptions,
)

__all__ = ["RIVALS", "register_rivals"]

_INSTRUCT = f"{__name__}.instruct:InstructPix2Pix"

RIVALS: tuple[MethodRow, ...] = (
    MethodRow(
        DiffusersZeroOptions(),
        "is pix2pix-zero as diffusers ships it, with the edit direction between our captions",
        f"{__name__}.diffusers_zero:DiffusersZero",
        listed=False,
    ),
    MethodRow(
        LeditsOptions(),
        "replays the picture's own noise and guides towards the after-caption and away from the before-caption where "
        "attention and noise say that they matter",
        f"{__name__}.ledits:Ledits",
        listed=False,
    ),
    MethodRow(
        InstructOptions(),
        "is a UNet trained on generated pairs of pictures to follow instructions",
        _INSTRUCT,
        listed=False,
    ),
    MethodRow(InstructMagicBrushOptions(), "is InstructPix2Pix trained further on MagicBrush", _INSTRUCT, listed=False),
    MethodRow(HiveOptions(), "is InstructPix2Pix trained with a reward of human feedback", _INSTRUCT, listed=False),
    MethodRow(HiveMagicBrushOptions(), "is HIVE trained further on MagicBrush", _INSTRUCT, listed=False),
)


def register_rivals() -> None:
    """Puts the rivals into the table of methods."""
    for row in RIVALS:
        if row.options.name not in METHODS:
            register_method(row)
