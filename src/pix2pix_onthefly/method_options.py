"""Settings of each way of editing: one frozen record a way, whose class says which way it is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from .settings import Options, setting


class MethodOptions(Options):
    """Base of the records that each way of editing has of its own.

    Attributes:
        name: of the method, for `--method`.
        usual: settings of an edit that have another default with this method, by flat name.
        random: whether another seed makes another picture.
    """

    name: ClassVar[str] = ""
    usual: ClassVar[Mapping[str, Any]] = {"steps": 100, "keep": "off"}  # as the paper and its relatives
    random: ClassVar[bool] = False

    @property
    def label(self) -> str:
        """The name under which tables and `--method` know these settings."""
        return self.name

    @property
    def away_from_empty(self) -> float | None:
        """The guidance scale of sampling from the inversion away from the empty text; None where that is not done."""
        return None


@dataclass(frozen=True, kw_only=True)
class AttentionOptions(MethodOptions):
    """The paper's way: generation along the direction, held by cross-attention maps (3.3; pix2pix-zero).

    Raises:
        OptionError: a value is out of its range or of the wrong type.
    """

    name: ClassVar[str] = "attention"
    title: ClassVar[str] = "method attention"

    guidance_scale: float = setting(
        5.0,
        "Classifier-free guidance towards the edit, away from the source caption; 1 uses the edit's prediction alone.",
        minimum=0.0,
        maximum=50.0,
        common=True,
        scaled=True,
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

    def guided_steps(self, steps: int) -> int:
        """How many of the steps are guided, counted from the noisiest."""
        return round(steps * self.guided_share) if self.cross_attention_guidance else 0


@dataclass(frozen=True, kw_only=True)
class FixedDirectionOptions(AttentionOptions):
    """pix2pix-zero's own directions: between many sentences about what changes, instead of the captions.

    Raises:
        OptionError: a value is out of its range or of the wrong type.
    """

    name: ClassVar[str] = "pix2pix-zero-fixed"
    title: ClassVar[str] = "method pix2pix-zero-fixed"

    sentences: str = setting("photographs", "What the sentences are made of.", choices=("photographs", "world"))


@dataclass(frozen=True, kw_only=True)
class DdimOptions(MethodOptions):
    """DDIM inversion, then the after-caption (Song et al. 2021).

    Raises:
        OptionError: a value is out of its range or of the wrong type.
    """

    name: ClassVar[str] = "ddim"
    title: ClassVar[str] = "method ddim"

    guidance_scale: float = setting(
        7.5,
        "Classifier-free guidance towards the after-caption (7.5 in null-text inversion's comparison).",
        minimum=0.0,
        maximum=50.0,
        scaled=True,
    )
    negative: str = setting(
        "empty",
        "What it guides away from: the `empty` text, or the `source` caption (Miyake et al. 2023).",
        choices=("empty", "source"),
    )

    @property
    def away_from_empty(self) -> float | None:
        """Its guidance scale, unless it guides away from the source caption."""
        return self.guidance_scale if self.negative == "empty" else None


@dataclass(frozen=True, kw_only=True)
class SdeditOptions(MethodOptions):
    """Noise on the picture, and from there the after-caption (Meng et al. 2022).

    Raises:
        OptionError: a value is out of its range or of the wrong type.
    """

    name: ClassVar[str] = "sdedit"
    random: ClassVar[bool] = True
    title: ClassVar[str] = "method sdedit"

    strength: float = setting(
        0.5, "Share of the schedule that is run, from the noise it begins with.", minimum=0.01, maximum=1.0
    )
    guidance_scale: float = setting(
        7.5,
        "Classifier-free guidance towards the after-caption (7.5 in InstructPix2Pix' comparison).",
        minimum=0.0,
        maximum=50.0,
        scaled=True,
    )

    @property
    def label(self) -> str:
        """`sdedit-0.5`."""
        return f"{self.name}-{self.strength:g}"


@dataclass(frozen=True, kw_only=True)
class ReconstructionOptions(MethodOptions):
    """No edit at all: the picture regenerated from its noise with its own caption."""

    name: ClassVar[str] = "reconstruction"
    title: ClassVar[str] = "method reconstruction"


@dataclass(frozen=True, kw_only=True)
class FlowOptions(MethodOptions):
    """FlowEdit's step on any backbone's predictions, routed by the kind of edit (Kulikov et al. 2024).

    Raises:
        OptionError: a value is out of its range or of the wrong type.
    """

    name: ClassVar[str] = "flow"
    random: ClassVar[bool] = True
    title: ClassVar[str] = "method flow"
    usual: ClassVar[Mapping[str, Any]] = {"steps": 20, "keep": "hard"}

    guidance_scale: float = setting(
        5.0,
        "Classifier-free guidance towards the after-caption.",
        minimum=0.0,
        maximum=50.0,
        common=True,
        scaled=True,
    )
    start: float | None = setting(
        None,
        "Share of the schedule that is run, from the noise it begins with; if not given, by the kind of edit.",
        minimum=0.01,
        maximum=1.0,
        common=True,
    )
    refine: float | None = setting(
        None,
        "Share of the schedule that the changed region is drawn again with, for sharper edges; 0 turns it off; if not "
        "given, by the kind of edit.",
        minimum=0.0,
        maximum=0.9,
    )
    draws: int = setting(1, "Draws of noise that are averaged at every step.", minimum=1, maximum=16)
    average: str = setting(
        "predictions",
        "What is averaged where there are several captions: `predictions` (SplitFlow) or their `embeddings` (paper).",
        choices=("predictions", "embeddings"),
    )
    route: str = setting(
        "auto",
        "`auto` empties the region of what is to be removed and changes all else by flow; `flow` or `remove` is taken "
        "for every edit.",
        choices=("auto", "flow", "remove"),
    )


@dataclass(frozen=True, kw_only=True)
class ChordOptions(MethodOptions):
    """ChordEdit: one stride along the mean of two differences (2026), made for models of one step.

    Raises:
        OptionError: a value is out of its range or of the wrong type.
    """

    name: ClassVar[str] = "chord"
    title: ClassVar[str] = "method chord"
    random: ClassVar[bool] = True
    usual: ClassVar[Mapping[str, Any]] = {"steps": 20, "keep": "hard"}

    noise: float = setting(
        0.9, "Share of the schedule whose noise the predictions are made at.", minimum=0.05, maximum=1.0
    )
    width: float = setting(
        0.15,
        "How much lower the noise of the second difference is, as a share of the schedule.",
        minimum=0.0,
        maximum=0.9,
    )
    last: float = setting(
        0.3,
        "Share of the schedule at which the edit is predicted once more, for its details; 0 leaves it out.",
        minimum=0.0,
        maximum=0.9,
    )
    guidance_scale: float = setting(
        1.0,
        "Classifier-free guidance towards the after-caption; 1, as for distilled models, saves its predictions.",
        minimum=0.0,
        maximum=50.0,
    )


@dataclass(frozen=True, kw_only=True)
class EditFriendlyOptions(MethodOptions):
    """Edit-friendly DDPM inversion, then the after-caption (Huberman-Spiegelglas et al. 2024).

    Raises:
        OptionError: a value is out of its range or of the wrong type.
    """

    name: ClassVar[str] = "edit-friendly"
    random: ClassVar[bool] = True
    title: ClassVar[str] = "method edit-friendly"

    skip: float = setting(
        0.36, "Share of the steps, from the noisiest on, that are left out (36 of 100).", minimum=0.0, maximum=0.99
    )
    guidance_scale: float = setting(
        15.0,
        "Classifier-free guidance towards the after-caption (15 in its authors' code).",
        minimum=0.0,
        maximum=50.0,
        scaled=True,
    )


@dataclass(frozen=True, kw_only=True)
class PromptToPromptOptions(MethodOptions):
    """Sampling beside the picture with its attention maps (Hertz et al. 2022; with null-text inversion Mokady et al.
    2023).

    Raises:
        OptionError: a value is out of its range or of the wrong type.
    """

    name: ClassVar[str] = "prompt-to-prompt"
    title: ClassVar[str] = "method prompt-to-prompt"
    usual: ClassVar[Mapping[str, Any]] = {"steps": 50, "keep": "off"}

    guidance_scale: float = setting(
        7.5,
        "Classifier-free guidance towards the after-caption (7.5 in its authors' code).",
        minimum=0.0,
        maximum=50.0,
        scaled=True,
    )
    cross_replace_share: float = setting(
        0.8,
        "Share of the steps, from the noisiest on, in which cross-attention maps are the picture's.",
        minimum=0.0,
        maximum=1.0,
    )
    self_replace_share: float = setting(
        0.4,
        "Share of the steps, from the noisiest on, in which self-attention maps are the picture's.",
        minimum=0.0,
        maximum=1.0,
    )
    swapped_words: str = setting(
        "replace",
        "A word in place of another takes that one's maps (`replace`) or goes by its own (`refine`).",
        choices=("replace", "refine"),
    )
    reweight: float = setting(1.0, "Factor on the maps of words that are new.", minimum=-10.0, maximum=10.0)
    blend: bool = setting(True, "Leave what the changed words don't look at as it is in the picture.")
    blend_threshold: float = setting(
        0.3,
        "Share of the most that the changed words look at a place, above which another one may change.",
        minimum=0.0,
        maximum=1.0,
    )

    @property
    def away_from_empty(self) -> float:
        """Its guidance scale."""
        return self.guidance_scale


@dataclass(frozen=True)
class FlowDefaults:
    """What `flow` takes for a kind of edit where nothing else was asked for.

    Attributes:
        start, refine: shares of the schedule, as of `FlowOptions`.
        route: `flow` or `remove`.
        everywhere: whether the whole picture is meant to change, so that no region is looked for.
    """

    start: float
    refine: float
    route: str = "flow"
    everywhere: bool = False


FLOW_BY_KIND: Mapping[str, FlowDefaults] = {
    # Little noise keeps an object's place and outline; a new object needs more, to be drawn where nothing is.
    "replace": FlowDefaults(start=0.55, refine=0.2),
    "recolour": FlowDefaults(start=0.55, refine=0.0),
    "background": FlowDefaults(start=0.55, refine=0.2),
    "add": FlowDefaults(start=0.65, refine=0.0),
    "remove": FlowDefaults(start=0.4, refine=0.0, route="remove"),
    "style": FlowDefaults(start=0.65, refine=0.0, everywhere=True),
    "other": FlowDefaults(start=0.65, refine=0.2),
}
"""By kind of edit (`EditCaptions.kind`); `other` is for all that are not named, several kinds in one among them."""

METHOD_RECORDS: tuple[type[MethodOptions], ...] = (
    FlowOptions,
    ChordOptions,
    AttentionOptions,
    DdimOptions,
    SdeditOptions,
    EditFriendlyOptions,
    PromptToPromptOptions,
    FixedDirectionOptions,
)
"""The records of all ways that this package brings, so that a setting of another one can be told from a slip."""
