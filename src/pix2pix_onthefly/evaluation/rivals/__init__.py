"""The methods that ours is compared with: the registry. See docs/comparisons.md for each one's settings and sources."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from ...editor import Editor
from ...errors import OptionError
from ...options import EditOptions
from ..runs.configurations import OURS
from ..runs.method import Method
from . import weights
from .ddim import Ddim, DdimSettings
from .diffusers_zero import DiffusersZero, DiffusersZeroSettings
from .fixed_direction import FixedDirection
from .instruct import InstructPix2Pix, InstructSettings
from .ledits import Ledits, LeditsSettings
from .sdedit import Sdedit, SdeditSettings
from .settings import Settings, parsed, with_changes

__all__ = ["METHODS", "MethodRow", "make_method", "read_settings"]

_FAMILY = "those of the editor's family"
_HIVE_SUFFIX = ", image quality is five out of five"


@dataclass(frozen=True)
class MethodRow:
    """One method.

    Attributes:
        about: what it does, in one sentence.
        weights: which it needs.
        factory: makes it: called with its name, the editor, the options and its settings.
        settings: its own ones, as published.
    """

    about: str
    weights: str
    factory: Callable[..., Method] = field(repr=False)
    settings: Settings = field(default_factory=Settings)


def _sdedit(strength: float) -> MethodRow:
    about = f"adds noise up to {strength:.0%} of the schedule and draws the after-caption from there"
    return MethodRow(about, _FAMILY, Sdedit, SdeditSettings(strength=strength))


def _instruct(about: str, trained: weights.Trained, suffix: str = "") -> MethodRow:
    return MethodRow(about, trained.where, InstructPix2Pix, InstructSettings(trained=trained, suffix=suffix))


METHODS: dict[str, MethodRow] = {
    "ddim": MethodRow(
        "inverts the picture by DDIM and draws the after-caption from its noise, without guidance by maps",
        _FAMILY,
        Ddim,
        DdimSettings(),
    ),
    "sdedit-0.3": _sdedit(0.3),
    "sdedit-0.5": _sdedit(0.5),
    "sdedit-0.7": _sdedit(0.7),
    "pix2pix-zero-diffusers": MethodRow(
        "is pix2pix-zero as diffusers ships it, with the edit direction between our captions",
        _FAMILY,
        DiffusersZero,
        DiffusersZeroSettings(),
    ),
    "pix2pix-zero-fixed": MethodRow(
        "is our guided edit along a fixed direction between what changes, from a few hundred sentences about either",
        _FAMILY,
        FixedDirection,
    ),
    "ledits++": MethodRow(
        "replays the picture's own noise and guides towards the after-caption and away from the before-caption where "
        "attention and noise say that they matter",
        _FAMILY,
        Ledits,
        LeditsSettings(),
    ),
    "instruct-pix2pix": _instruct(
        "is a UNet trained on generated pairs of pictures to follow instructions", weights.INSTRUCT_PIX2PIX
    ),
    "instruct-pix2pix-magicbrush": _instruct(
        "is InstructPix2Pix trained further on MagicBrush", weights.INSTRUCT_PIX2PIX_MAGICBRUSH
    ),
    "hive": _instruct("is InstructPix2Pix trained with a reward of human feedback", weights.HIVE, _HIVE_SUFFIX),
    "hive-magicbrush": _instruct("is HIVE trained further on MagicBrush", weights.HIVE_MAGICBRUSH, _HIVE_SUFFIX),
}
"""Name to method."""


def make_method(name: str, editor: Editor, options: EditOptions, **changes: Any) -> Method:
    """A method with its weights loaded.

    Args:
        name: a key of `METHODS`.
        editor: whose diffusion model, device and precision are used.
        options: steps, size and seed, and all else that a method shares with ours.
        changes: settings of the method's own in place of the published ones.

    Raises:
        OptionError: no such method or setting, or a bad value.
        ModelUnavailableError: its weights are not on this machine and cannot be had.
    """
    row = _row_of(name)
    return row.factory(name, editor, options, with_changes(name, row.settings, changes))


def read_settings(name: str, texts: Sequence[str]) -> tuple[tuple[str, Any], ...]:
    """Settings of a method's own, given as `NAME=VALUE`, as `grid.Configuration` takes them.

    Raises:
        OptionError: no such method or setting, or a bad value.
    """
    if name == OURS:
        raise OptionError(f"the method {OURS} has no settings of its own; change its options")
    row = _row_of(name)
    changes = parsed(name, row.settings, texts)
    with_changes(name, row.settings, changes)
    return tuple(sorted(changes.items()))


def _row_of(name: str) -> MethodRow:
    if name not in METHODS:
        raise OptionError(f"there is no method {name!r}; choose one of {', '.join(METHODS)}")
    return METHODS[name]
