"""The one table of model families, and picking from it. It imports nothing slow; `loading.py` loads what it names."""

from __future__ import annotations

import os
from dataclasses import dataclass, field, replace
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import InputError, OptionError
from . import rows
from .endpoints import endpoint_row, is_endpoint
from .rows import BLIP_LARGE, DINO, INSTRUCT_PIX2PIX, INSTRUCT_PIX2PIX_MAGICBRUSH, ModelRow
from .rows import FOLDER_MARK as FOLDER_MARK

if TYPE_CHECKING:
    from ..options import LoadOptions

ROLES = ("diffusion", "captioner", "rewriter", "clip")
EDIT_ROLES = ROLES[:3]
"""What an edit needs; CLIP, and DINO of `MORE_ROWS`, only measure edits."""
CUSTOM_ROLES = {"diffusion": "diffusion", "captioner": "captioner", "rewriter": "language_model"}
"""Role to the name of the option that replaces the family's model."""


@dataclass(frozen=True)
class Family:
    """Models that work together, and what differs between families as data.

    Attributes:
        diffusion, captioner, rewriter, clip: the rows.
        pool: name of the few-shot pool (`rewriting/pools/<pool>.json`).
        about: one sentence for listings.
        lexicon: name of the closed vocabulary of the diffusion model; None where it knows any word.
        reconstruction_floor: PSNR in dB under which a reconstruction tells that the picture is foreign to the models;
            None where none has been measured.
        option_defaults: settings whose default differs for this family; those count that a method has.
        guidance_factor: on the guidance scales of all methods, which are meant for Stable Diffusion.
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
    guidance_factor: float = 1.0


def _photographs(diffusion: ModelRow, about: str, **defaults: float) -> Family:
    """A family for photographs, with the paper's captioner and language model."""
    return Family(diffusion, rows.BLIP, rows.PHI, rows.CLIP, "photographs", about, option_defaults=dict(defaults))


# At the guidance of Stable Diffusion 1 version 2 yields noise: diffusers' pipeline documents 0.01 as the most it bears.
_GUIDANCE_OF_2 = 0.01
# What was distilled to few steps holds its guidance already.
_FEW_STEPS = {"steps": 4, "guidance_scale": 1.0}
FAMILIES: dict[str, Family] = {
    "mini": Family(
        rows.MINI_DIFFUSION,
        rows.MINI_CAPTIONER,
        rows.MINI_REWRITER,
        rows.MINI_CLIP,
        pool="world",
        lexicon="world",
        about="the bundled small models: they know rendered objects on plain backgrounds, not photographs",
        reconstruction_floor=25.5,  # docs/inversion.md: its world lies above, inverted or just encoded; others below
        option_defaults={"sentences": "world"},
        guidance_factor=0.3,  # a small model overshoots at Stable Diffusion's scales: 1.5 here is what 5 is there
    ),
    "sd14": _photographs(
        rows.STABLE_DIFFUSION_14,
        "Stable Diffusion 1.4, BLIP and Phi-2, the models of the paper: for photographs",
    ),
    "sd15": _photographs(rows.STABLE_DIFFUSION_15, "Stable Diffusion 1.5, BLIP and Phi-2: for photographs"),
    "sd21-base": _photographs(
        rows.STABLE_DIFFUSION_21_BASE,
        "Stable Diffusion 2.1 at 512 pixels, BLIP and Phi-2: for photographs",
        cross_attention_guidance=_GUIDANCE_OF_2,
    ),
    "sd21": _photographs(
        rows.STABLE_DIFFUSION_21,
        "Stable Diffusion 2.1 at 768 pixels, which predicts velocities, BLIP and Phi-2: for photographs",
        cross_attention_guidance=_GUIDANCE_OF_2,
    ),
    "bk-sdm-small": _photographs(rows.BK_SDM_SMALL, "Stable Diffusion 1.4 with a UNet of about half its size"),
    "bk-sdm-base": _photographs(rows.BK_SDM_BASE, "Stable Diffusion 1.4 with a UNet of two thirds of its size"),
    "lcm": _photographs(
        rows.LCM_DREAMSHAPER,
        "Stable Diffusion 1.5 distilled to few steps (latent consistency)",
        **_FEW_STEPS,
    ),
    "sd-turbo": _photographs(rows.SD_TURBO, "Stable Diffusion 2.1 distilled to one to four steps", **_FEW_STEPS),
    "sdxl": _photographs(rows.SDXL, "Stable Diffusion XL at 1024 pixels"),
    "ssd-1b": _photographs(rows.SSD_1B, "Stable Diffusion XL with a UNet of half its size"),
    "sdxl-turbo": _photographs(rows.SDXL_TURBO, "Stable Diffusion XL distilled to one to four steps", **_FEW_STEPS),
    "sd3-medium": _photographs(rows.SD3_MEDIUM, "Stable Diffusion 3 of two billion weights, with T5"),
    "sd35-medium": _photographs(rows.SD35_MEDIUM, "Stable Diffusion 3.5 of two and a half billion weights, with T5"),
    "sd35-large": _photographs(rows.SD35_LARGE, "Stable Diffusion 3.5 of eight billion weights, with T5"),
    "flux-dev": _photographs(
        rows.FLUX_DEV, "FLUX.1 of twelve billion weights, which is told its guidance", guidance_scale=1.0
    ),
    "flux-schnell": _photographs(rows.FLUX_SCHNELL, "FLUX.1 distilled to one to four steps", **_FEW_STEPS),
    "flux2-klein": _photographs(
        rows.FLUX2_KLEIN, "FLUX.2 [klein] of four billion weights, distilled to four steps", **_FEW_STEPS
    ),
    "flux2-klein-base": _photographs(rows.FLUX2_KLEIN_BASE, "FLUX.2 [klein] of four billion weights, not distilled"),
}
MORE_ROWS: tuple[tuple[str, ModelRow], ...] = (
    ("captioner", BLIP_LARGE),
    ("captioner", rows.FLORENCE_2),
    ("captioner", rows.SMOLVLM_2),
    ("captioner", rows.QWEN_3_VL),
    ("dino", DINO),
    ("diffusion", INSTRUCT_PIX2PIX),
    ("diffusion", INSTRUCT_PIX2PIX_MAGICBRUSH),
)
"""Roles and rows that belong to no family: for use in place of a family's, and for evaluation."""
DEFAULT_FAMILY = "mini"
PHOTOGRAPH_FAMILY = "sd14"
FAMILY_VARIABLE = "ONTHEFLY_FAMILY"
CLOSE = 0.7
"""Share of letters that two names have in common, so that one is taken for a slip of the other."""


def register_family(name: str, family: Family) -> None:
    """Adds a family: from now on `Editor.load(name)` and, where this ran before it, the command line know it."""
    FAMILIES[name] = family


def pick_family(name: str | None = None) -> str:
    """The family asked for, or that of the environment variable `ONTHEFLY_FAMILY`, or the default.

    Raises:
        InputError: no such family.
    """
    chosen = name or os.environ.get(FAMILY_VARIABLE) or DEFAULT_FAMILY
    if chosen not in FAMILIES:
        raise InputError(f"there is no model family {chosen!r}; choose one of {', '.join(FAMILIES)}")
    return chosen


def family_of(options: LoadOptions, diffusion: ModelRow | None = None) -> tuple[str, Family]:
    """Name and rows of the family that `pick_family` picks, with the models that the options put in their place.

    What is known of a family's diffusion model, its own defaults and its reconstruction floor, goes with the model.

    Args:
        diffusion: a diffusion model that is at hand, in place of the family's.

    Raises:
        InputError: no such family, or a model that is neither an existing folder nor a hub id nor an endpoint.
        OptionError, ModelUnavailableError: an endpoint that lacks something.
    """
    name = pick_family(options.family)
    given = {role: getattr(options, option) for role, option in CUSTOM_ROLES.items()}
    endpoint = _endpoint_of(options)
    put: dict[str, Any] = {} if endpoint is None else {"rewriter": endpoint}
    put |= {role: custom_row(role, source) for role, source in given.items() if source is not None and role not in put}
    if diffusion is not None:
        put["diffusion"] = diffusion
    if "diffusion" in put:
        sources = {family.diffusion.source: family for family in FAMILIES.values()}
        home = sources.get(put["diffusion"].source)
        put["option_defaults"] = home.option_defaults if home else {}
        put["guidance_factor"] = home.guidance_factor if home else 1.0
        put["lexicon"] = home.lexicon if home else None
        put["reconstruction_floor"] = home.reconstruction_floor if home else None
    return name, replace(FAMILIES[name], **put)


def _endpoint_of(options: LoadOptions) -> ModelRow | None:
    """The language model behind an endpoint, where one is asked for.

    Raises:
        InputError, OptionError, ModelUnavailableError: as of `endpoints.endpoint_row`.
    """
    source, name = options.language_model, options.language_model_name
    if source is not None and is_endpoint(source):
        return endpoint_row(source, name, options.language_model_timeout)
    if name is not None:
        raise OptionError(
            "language_model_name is the name of a model behind an endpoint; give the endpoint's address as "
            "language_model, such as http://127.0.0.1:8080/v1"
        )
    return None


def known_rows() -> dict[tuple[str, ModelRow], list[str]]:
    """All rows of the table: role and row to the families they belong to, which may be none."""
    found: dict[tuple[str, ModelRow], list[str]] = {}
    for name, family in FAMILIES.items():
        for role in ROLES:
            found.setdefault((role, getattr(family, role)), []).append(name)
    for key in MORE_ROWS:
        found.setdefault(key, [])
    return found


def close_names(name: str) -> list[str]:
    """Families and models of the table whose names are much like this one, the closest first."""
    known = {known.lower(): known for known in [*FAMILIES, *(row.source for _, row in known_rows() if not row.folder)]}
    return [known[match] for match in get_close_matches(name.lower(), known, n=3, cutoff=CLOSE)]


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
            # Another revision may be of another size, and need not be a pickle.
            return row if pinned else replace(row, revision=revision, safetensors=True, side=0, cell=0)
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
