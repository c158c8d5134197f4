"""Settings of the rivals: a record each, with what was published as defaults."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from ...options import MethodOptions, setting


@dataclass(frozen=True, kw_only=True)
class DiffusersZeroOptions(MethodOptions):
    """diffusers' pix2pix-zero pipeline; its defaults.

    Raises:
        OptionError: a value is out of its range or of the wrong type.
    """

    name: ClassVar[str] = "pix2pix-zero-diffusers"
    title: ClassVar[str] = "rival pix2pix-zero-diffusers"

    guidance_scale: float = setting(
        5.0, "Guidance towards the edit, away from the source caption.", minimum=0.0, maximum=50.0, scaled=True
    )
    cross_attention_guidance: float = setting(
        0.15, "Step size of the gradient that keeps the cross-attention maps.", minimum=0.0, maximum=10.0
    )
    rounds: int = setting(5, "Rounds of noise regularisation at each inversion step.", minimum=0, maximum=50)
    rolls: int = setting(5, "Auto-correlation gradient steps in each of its rounds.", minimum=0, maximum=50)


@dataclass(frozen=True, kw_only=True)
class LeditsOptions(MethodOptions):
    """LEDITS++ (Brack et al. 2024); its pipeline's defaults.

    Raises:
        OptionError: a value is out of its range or of the wrong type.
    """

    name: ClassVar[str] = "ledits++"
    title: ClassVar[str] = "rival ledits++"

    skip: float = setting(0.15, "Share of the noisiest steps that is left out.", minimum=0.0, maximum=0.99)
    edit_guidance_scale: float = setting(
        5.0,
        "Guidance towards the after-caption and away from the before-caption.",
        minimum=0.0,
        maximum=50.0,
        scaled=True,
    )
    edit_threshold: float = setting(0.9, "Quantile that a place must reach to be edited.", minimum=0.0, maximum=1.0)
    use_intersect_mask: bool = setting(
        True, "A place must reach it in the attention and in the noise, not in the attention alone."
    )
    prompts: str = setting(
        "captions",
        "What is put in and taken away: whole `captions`, or the `phrases` that change between them.",
        choices=("captions", "phrases"),
    )


@dataclass(frozen=True, kw_only=True)
class InstructOptions(MethodOptions):
    """InstructPix2Pix (Brooks et al. 2023); the settings of the authors' `edit_cli.py`.

    Raises:
        OptionError: a value is out of its range or of the wrong type.
    """

    name: ClassVar[str] = "instruct-pix2pix"
    title: ClassVar[str] = "rivals of InstructPix2Pix' layout"

    weights: str = setting("", "A folder or a hub id of such weights in place of the method's own.")
    guidance_scale: float = setting(7.5, "Guidance towards the instruction.", minimum=0.0, maximum=50.0)
    image_guidance_scale: float = setting(1.5, "Guidance towards the picture.", minimum=0.0, maximum=50.0)
    suffix: str = setting("", "What follows the instruction.")


@dataclass(frozen=True, kw_only=True)
class InstructMagicBrushOptions(InstructOptions):
    """InstructPix2Pix trained further on MagicBrush."""

    name: ClassVar[str] = "instruct-pix2pix-magicbrush"


@dataclass(frozen=True, kw_only=True)
class HiveOptions(InstructOptions):
    """InstructPix2Pix trained with a reward of human feedback."""

    name: ClassVar[str] = "hive"

    suffix: str = setting(", image quality is five out of five", "What follows the instruction.")


@dataclass(frozen=True, kw_only=True)
class HiveMagicBrushOptions(HiveOptions):
    """HIVE trained further on MagicBrush."""

    name: ClassVar[str] = "hive-magicbrush"
