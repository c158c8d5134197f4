"""Every setting of an edit, with its default, its range and where it comes from. No default lives anywhere else."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any, Self, cast

from .errors import OptionError

PREPARATION_OPTIONS = (
    "steps",
    "inversion",
    "regularisation_rounds",
    "auto_correlation_rolls",
    "auto_correlation_weight",
    "kl_weight",
    "size",
    "seed",
)
"""The fields of `EditOptions` that inversion and unedited regeneration depend on."""
REWRITER_OPTIONS = (
    "captions",
    "shots",
    "wording",
    "lock_first_caption",
    "attempts",
    "temperature",
    "constrain",
    "seed",
)
"""The settings that the language model's captions depend on."""


def setting(
    default: Any,
    help: str,
    *,
    minimum: float | None = None,
    maximum: float | None = None,
    choices: tuple[str, ...] = (),
) -> Any:
    """A dataclass field that documents and limits itself; the command line is built from it."""
    metadata = {"help": help, "minimum": minimum, "maximum": maximum, "choices": choices}
    return dataclasses.field(default=default, metadata=metadata)


class _Options:
    """What all records of settings share: they check themselves when they are made."""

    def __post_init__(self) -> None:
        for field in dataclasses.fields(cast("Any", self)):
            _check(field, getattr(self, field.name))

    def with_changes(self, **changes: Any) -> Self:
        """A copy with some values changed.

        Raises:
            OptionError: an unknown name or a bad value.
        """
        known = {field.name for field in dataclasses.fields(cast("Any", self))}
        for name in changes:
            if name not in known:
                raise OptionError(f"there is no option {name!r}; the options are {', '.join(sorted(known))}")
        return dataclasses.replace(cast("Any", self), **changes)


@dataclass(frozen=True, kw_only=True)
class EditOptions(_Options):
    """How an edit is made. Immutable; `dataclasses.replace` or `with_changes` make variants.

    Raises:
        OptionError: a value is out of its range or of the wrong type.
    """

    steps: int = setting(100, "Denoising steps, and as many for the inversion (paper 4).", minimum=2, maximum=999)
    inversion: str = setting(
        "aligned",
        "DDIM inversion: `aligned` visits every sampling step, `reference` is pix2pix-zero's own, which drops the "
        "first and the last.",
        choices=("aligned", "reference"),
    )
    regularisation_rounds: int = setting(
        0,
        "Rounds of noise regularisation at each inversion step; pix2pix-zero uses 5, 0 turns it off.",
        minimum=0,
        maximum=50,
    )
    auto_correlation_rolls: int = setting(
        5, "Auto-correlation gradient steps in each round of regularisation.", minimum=0, maximum=50
    )
    auto_correlation_weight: float = setting(
        20.0, "Weight of the auto-correlation term of the regularisation.", minimum=0.0, maximum=1000.0
    )
    kl_weight: float = setting(
        20.0, "Weight of the Kullback-Leibler term of the regularisation.", minimum=0.0, maximum=1000.0
    )
    guidance_scale: float = setting(
        5.0,
        "Classifier-free guidance towards the edit, away from the source caption; 1 uses the edit's prediction alone.",
        minimum=0.0,
        maximum=50.0,
    )
    cross_attention_guidance: float = setting(
        0.15,
        "Step size of the gradient that keeps the cross-attention maps; 0 turns it off (pix2pix-zero uses 0.1).",
        minimum=0.0,
        maximum=10.0,
    )
    guided_share: float = setting(
        1.0,
        "Share of the steps, from the noisiest on, in which cross-attention guidance acts; less is faster, but not "
        "the paper's method (docs/performance.md).",
        minimum=0.0,
        maximum=1.0,
    )
    carried_row: str = setting(
        "source",
        "Whose guided latents go on to the next step: `source` (pix2pix-zero's code) or `edit`.",
        choices=("source", "edit"),
    )
    direction_scale: float = setting(1.0, "Factor on the edit direction.", minimum=-10.0, maximum=10.0)
    captions: int = setting(
        1, "How many captions the language model writes for each side (paper: 1, 2, 4).", minimum=1, maximum=16
    )
    shots: int = setting(1, "How many examples the prompt holds (paper: 0, 1, 3).", minimum=0, maximum=32)
    wording: str = setting("terse", "Which wording of the prompt is used (paper 5.1).", choices=("terse", "detailed"))
    lock_first_caption: bool = setting(True, "Give the image's caption as the first before-caption (paper 5.4).")
    attempts: int = setting(
        10, "How often the language model is asked until its reply can be read.", minimum=1, maximum=100
    )
    temperature: float = setting(
        0.0,
        "Sampling temperature of the first reply, 0 for greedy; later attempts sample at 1 or above.",
        minimum=0.0,
        maximum=5.0,
    )
    constrain: bool | None = setting(
        None,
        "Hold the language model's reply to its form, token by token; if not given, where llguidance is installed.",
    )
    size: int | None = setting(
        None,
        "Long side in pixels at which the picture is edited; the family's own if not given.",
        minimum=64,
        maximum=2048,
    )
    seed: int = setting(0, "Seed of everything random.", minimum=0, maximum=2**63 - 1)

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.inversion == "reference" and self.steps < 3:
            raise OptionError("steps must be at least 3 with inversion reference, which drops the first and the last")

    @property
    def guided_steps(self) -> int:
        """How many of the steps are guided, counted from the noisiest."""
        return round(self.steps * self.guided_share) if self.cross_attention_guidance else 0


@dataclass(frozen=True, kw_only=True)
class DrawOptions(_Options):
    """How a picture is drawn from a caption alone.

    Raises:
        OptionError: a value is out of its range or of the wrong type.
    """

    steps: int = setting(50, "Denoising steps.", minimum=2, maximum=999)
    guidance_scale: float = setting(
        3.0, "Classifier-free guidance towards the caption; 1 turns it off.", minimum=0.0, maximum=50.0
    )
    negative: str = setting("", "What the picture should not show.")
    size: int | None = setting(
        None, "Side of the square picture in pixels; the model's own if not given.", minimum=64, maximum=2048
    )
    seed: int = setting(0, "Seed of the noise the picture starts from.", minimum=0, maximum=2**63 - 1)


@dataclass(frozen=True, kw_only=True)
class LoadOptions(_Options):
    """Which models are used, and how they are held in memory.

    Raises:
        OptionError: a value is out of its range or of the wrong type.
    """

    family: str | None = setting(
        None, "Model family; see 'onthefly families'. Without it ONTHEFLY_FAMILY counts, then `mini`."
    )
    diffusion: str | None = setting(None, "Hub id or folder of a diffusion model in place of the family's.")
    captioner: str | None = setting(None, "Hub id or folder of a BLIP captioner in place of the family's.")
    language_model: str | None = setting(
        None, "Hub id or folder of a causal language model in place of the family's (paper: Phi-2)."
    )
    device: str | None = setting(None, "cpu, cuda or mps; the best one if not given.")
    precision: str = setting(
        "auto",
        "Precision the networks compute in; `auto` is float16 on a GPU and float32 on a CPU.",
        choices=("auto", "float32", "bfloat16", "float16"),
    )
    low_vram: bool = setting(False, "Release each model after its step, so that only one is in memory at a time.")
    batch: int = setting(4, "How many edits run side by side where several are asked for.", minimum=1, maximum=64)
    map_memory: float = setting(
        2.0,
        "GiB of host memory for the cross-attention maps of a picture that is edited more than once; maps that need "
        "more are computed anew for every edit.",
        minimum=0.0,
        maximum=1024.0,
    )


def _check(field: dataclasses.Field[Any], value: Any) -> None:
    if value is None and field.default is None:
        return
    name, limits = field.name, field.metadata
    kind = {"bool": bool, "str": str, "float": (int, float)}.get(str(field.type).split(" ")[0], int)
    if not isinstance(value, kind) or (kind is not bool and isinstance(value, bool)):
        raise OptionError(f"{name} must be of type {field.type}, not {type(value).__name__}")
    if limits["choices"] and value not in limits["choices"]:
        raise OptionError(f"{name} must be one of {', '.join(limits['choices'])}, not {value!r}")
    low, high = limits["minimum"], limits["maximum"]
    if low is not None and not low <= value <= high:
        raise OptionError(f"{name} must lie between {low:g} and {high:g}, not {value}")
