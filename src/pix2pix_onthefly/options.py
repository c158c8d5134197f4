"""Every setting with its default, its range and where it comes from: one frozen record a stage.

An edit's settings are an `EditOptions`, which holds one record for each stage. People and recipes know them by flat
names (`steps`, `captions`, `guidance_scale`): `EditOptions.of` and `with_changes` sort flat names into the records,
`flat` lays them out again. The command line is built from the fields. A way of editing that comes from outside this
package brings a record of its own, a subclass of `MethodOptions`.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Self

from .errors import OptionError
from .method_options import FLOW_BY_KIND as FLOW_BY_KIND
from .method_options import METHOD_RECORDS as METHOD_RECORDS
from .method_options import AttentionOptions as AttentionOptions
from .method_options import ChordOptions as ChordOptions
from .method_options import DdimOptions as DdimOptions
from .method_options import EditFriendlyOptions as EditFriendlyOptions
from .method_options import FixedDirectionOptions as FixedDirectionOptions
from .method_options import FlowDefaults as FlowDefaults
from .method_options import FlowOptions as FlowOptions
from .method_options import MethodOptions as MethodOptions
from .method_options import PromptToPromptOptions as PromptToPromptOptions
from .method_options import ReconstructionOptions as ReconstructionOptions
from .method_options import SdeditOptions as SdeditOptions
from .settings import Options as Options
from .settings import flag_of as flag_of
from .settings import kind_of as kind_of
from .settings import setting as setting
from .settings import settings_in as settings_in
from .settings import unknown_option as unknown_option
from .stage_options import SEES_PICTURE as SEES_PICTURE
from .stage_options import InversionOptions as InversionOptions
from .stage_options import RewritingOptions as RewritingOptions

MOST_SEED = 2**63 - 1


@dataclass(frozen=True, kw_only=True)
class EditOptions(Options):
    """How an edit is made.

    Attributes:
        inversion, rewriting: settings of these stages.
        method: settings of the way of editing, whose class says which way that is.

    Raises:
        OptionError: a value is out of its range or of the wrong type.
    """

    title: ClassVar[str] = "edit"

    steps: int = setting(
        20,
        "Denoising steps, and as many for an inversion; methods other than flow take 100 (paper 3.1 and 3.3).",
        minimum=2,
        maximum=999,
        common=True,
    )
    size: int | None = setting(
        None,
        "Long side in pixels at which the picture is edited; the family's own if not given.",
        minimum=64,
        maximum=2048,
        common=True,
    )
    seed: int = setting(0, "Seed of everything random.", minimum=0, maximum=MOST_SEED, common=True)
    keep: str = setting(
        "hard",
        "How what should not change is kept: `hard` leaves every pixel outside the region of the edit as it was, "
        "`soft` takes it through the autoencoder, `off` keeps nothing; methods other than flow take off.",
        choices=("off", "soft", "hard"),
        common=True,
    )
    candidates: int = setting(
        1,
        "How many pictures are made, each from a seed of its own: the seed and those that follow it.",
        minimum=1,
        maximum=16,
        common=True,
        letter="n",
    )
    best: bool = setting(
        False,
        "Rank the candidates by how well the captioner finds the edit in them; the first is the best.",
        common=True,
    )
    caption_for_instruction: bool = setting(
        False,
        "Tell the captioner the instruction, so that the caption mentions what is to change; needs a captioner with a "
        "chat template.",
    )
    inversion: InversionOptions = dataclasses.field(default_factory=InversionOptions)
    rewriting: RewritingOptions = dataclasses.field(default_factory=RewritingOptions)
    method: MethodOptions = dataclasses.field(default_factory=FlowOptions)

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.inversion.kind == "reference" and self.steps < 3:
            raise OptionError("steps must be at least 3 with inversion reference, which drops the first and the last")
        if self.inversion.kind == "null-text" and self.method.away_from_empty is None:
            raise OptionError(
                "inversion null-text is for methods that guide away from the empty text (prompt-to-prompt, and ddim "
                f"with negative empty), which the method {self.method.name} does not as it is set; choose one of them, "
                "or another inversion"
            )
        if self.caption_for_instruction and self.rewriting.sees_picture:
            raise OptionError(
                "with rewriter sees-picture the captioner knows the instruction; leave caption_for_instruction out"
            )
        if self.best and self.candidates == 1:
            raise OptionError("best ranks several candidates; ask for some, such as --candidates 4, or leave it out")
        if self.candidates > 1 and not self.method.random:
            raise OptionError(
                f"the method {self.method.name} draws nothing by chance, so that all candidates would be the same "
                "picture; leave candidates out"
            )

    @classmethod
    def of(cls, method: MethodOptions | None = None, **changes: Any) -> EditOptions:
        """The default options with some changes, by flat names.

        Raises:
            OptionError: an unknown name or a bad value.
        """
        record = method or FlowOptions()
        return cls(method=record, **record.usual).with_changes(**changes)

    def with_changes(self, **changes: Any) -> Self:
        """A copy with some values changed, by flat names: those of an edit, of its stages, and of its method.

        Raises:
            OptionError: an unknown name, one of another method, or a bad value.
        """
        stages = {"inversion": self.inversion, "rewriting": self.rewriting, "method": self.method}
        changed: dict[str, Any] = {}
        known: set[str] = set()
        for name, record in stages.items():
            own = {flag_of(field) for field in settings_in(record)}
            known |= own
            changed[name] = record.with_changes(**{flag: changes[flag] for flag in own & changes.keys()})
        own = {field.name for field in settings_in(self)}
        for name in changes.keys() - known - own:
            raise _of_another_method(name, self.method) or unknown_option(
                name, known | own, f"with the method {self.method.name} "
            )
        changed |= {name: changes[name] for name in own & changes.keys()}
        return dataclasses.replace(self, **changed)

    def flat(self) -> dict[str, Any]:
        """All settings by flat names, and the name of the method."""
        parts = (self.inversion.flat(), self.rewriting.flat(), self.method.flat())
        joined = {**super().flat(), "method": self.method.name}
        for part in parts:
            joined |= part
        return joined


def _of_another_method(name: str, method: MethodOptions) -> OptionError | None:
    """The error for a setting that a method lacks and another way of editing has; None where none has it."""
    others = [record.name for record in METHOD_RECORDS if name in {flag_of(item) for item in settings_in(record)}]
    if not others:
        return None
    fitting = " or ".join(others)
    return OptionError(f"the method {method.name} has no option {name!r}; choose the method {fitting} for it")


@dataclass(frozen=True, kw_only=True)
class DrawOptions(Options):
    """How a picture is drawn from a caption alone.

    Raises:
        OptionError: a value is out of its range or of the wrong type.
    """

    title: ClassVar[str] = "drawing"

    steps: int = setting(50, "Denoising steps.", minimum=2, maximum=999, common=True)
    guidance_scale: float = setting(
        3.0, "Classifier-free guidance towards the caption; 1 turns it off.", minimum=0.0, maximum=50.0, common=True
    )
    negative: str = setting("", "What the picture should not show.", common=True)
    size: int | None = setting(
        None,
        "Side of the square picture in pixels; the model's own if not given.",
        minimum=64,
        maximum=2048,
        common=True,
    )
    seed: int = setting(0, "Seed of the noise the picture starts from.", minimum=0, maximum=MOST_SEED, common=True)


@dataclass(frozen=True, kw_only=True)
class LoadOptions(Options):
    """Which models are used, and how they are held in memory.

    Raises:
        OptionError: a value is out of its range or of the wrong type.
    """

    title: ClassVar[str] = "models"

    family: str | None = setting(
        None,
        "Model family; see 'onthefly families'. Without it ONTHEFLY_FAMILY counts, then `mini`.",
        common=True,
    )
    diffusion: str | None = setting(None, "Hub id or folder of a diffusion model in place of the family's.")
    captioner: str | None = setting(
        None, "Hub id or folder of a captioner in place of the family's: BLIP, or any image-text-to-text model."
    )
    language_model: str | None = setting(
        None,
        "Hub id or folder of a causal language model in place of the family's (paper: Phi-2), or the address of an "
        "OpenAI-compatible endpoint such as http://127.0.0.1:8080/v1, whose key ONTHEFLY_LANGUAGE_MODEL_KEY holds.",
    )
    language_model_name: str | None = setting(None, "Name of the model to use behind an endpoint.")
    language_model_timeout: float = setting(
        120.0, "Seconds that an endpoint's answer may take.", minimum=0.1, maximum=3600.0
    )
    device: str | None = setting(None, "cpu, cuda or mps; the best one if not given.", common=True)
    precision: str = setting(
        "auto",
        "Precision the networks compute in; `auto` is bfloat16 on a GPU that has it, float16 on an older one and "
        "float32 on a CPU.",
        choices=("auto", "float32", "bfloat16", "float16"),
    )
    low_vram: bool = setting(
        False, "Release each model after its step, so that only one is in memory at a time.", common=True
    )
    batch: int = setting(4, "How many edits run side by side where several are asked for.", minimum=1, maximum=64)
    map_memory: float = setting(
        4.0,
        "GiB of host memory for the cross-attention maps of a picture that is edited more than once (100 steps of "
        "Stable Diffusion 1.x in half precision take 3.1); maps that need more are computed anew for every edit.",
        minimum=0.0,
        maximum=1024.0,
    )


def scaled_down(record: MethodOptions, factor: float, given: Mapping[str, Any]) -> MethodOptions:
    """A method's record with the guidance scales that were not given lowered by a family's factor."""
    scales = [field for field in settings_in(record) if field.metadata["scaled"]]
    changes = {flag_of(field): getattr(record, field.name) * factor for field in scales if flag_of(field) not in given}
    return record.with_changes(**changes)
