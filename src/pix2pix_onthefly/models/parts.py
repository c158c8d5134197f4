"""Which files the models of each role are made of, and whether a folder holds them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from .rows import ModelRow


@dataclass(frozen=True)
class Part:
    """One thing that is loaded: a network, a tokenizer, a processor or a scheduler.

    Attributes:
        folder: inside the model's folder; empty for that folder itself.
        needed: groups of files; one group must be there in full.
        optional: files that are taken along where they exist.
        weights, pickle: stems of the names of weight files, as safetensors and as a pickle; empty without weights.
        kind: `library:class` that loads it, for parts of diffusion models.
        may_lack: a model is complete without it.
        wide: float16 is too narrow for it.
    """

    folder: str
    needed: tuple[tuple[str, ...], ...] = (("config.json",),)
    optional: tuple[str, ...] = ()
    weights: str = ""
    pickle: str = ""
    kind: str = ""
    may_lack: bool = False
    wide: bool = False

    def path(self, name: str) -> str:
        """A file of this part, as the hub names it."""
        return f"{self.folder}/{name}" if self.folder else name

    @property
    def settings(self) -> list[str]:
        """All files but the weights."""
        return [self.path(name) for group in (*self.needed, self.optional) for name in group]


def diffusers_part(folder: str, kind: str, *, wide: bool = False) -> Part:
    """A network of diffusers."""
    return Part(folder, weights="diffusion_pytorch_model", pickle="diffusion_pytorch_model", kind=kind, wide=wide)


def transformers_part(folder: str = "", kind: str = "", *, may_lack: bool = False) -> Part:
    """A network of transformers."""
    optional = ("generation_config.json",)
    return Part(folder, optional=optional, weights="model", pickle="pytorch_model", kind=kind, may_lack=may_lack)


def tokenizer_part(folder: str = "", kind: str = "", *, may_lack: bool = False) -> Part:
    """A tokenizer."""
    single = ("tokenizer.json",), ("vocab.txt",), ("tokenizer.model",), ("spiece.model",)
    vocabularies = (single[0], ("vocab.json", "merges.txt"), *single[1:])
    templates = "chat_template.jinja", "chat_template.json"
    optional = "tokenizer_config.json", "special_tokens_map.json", "added_tokens.json", *templates
    return Part(folder, vocabularies, optional, kind=kind, may_lack=may_lack)


def scheduler_part(kind: str) -> Part:
    """The settings of a diffusion model's noise levels."""
    return Part("scheduler", (("scheduler_config.json",),), kind=kind)


_SEEING = {
    "model": transformers_part(),
    "processor": Part("", (("preprocessor_config.json",), ("processor_config.json",))),
    "tokenizer": tokenizer_part(),
}
PARTS: dict[str, dict[str, Part]] = {
    "diffusion": {
        "vae": diffusers_part("vae", "diffusers:AutoencoderKL"),
        "unet": diffusers_part("unet", "diffusers:UNet2DConditionModel"),
        "text_encoder": transformers_part("text_encoder", "transformers:CLIPTextModel"),
        "tokenizer": tokenizer_part("tokenizer", "transformers:CLIPTokenizer"),
        "scheduler": scheduler_part("diffusers:DDIMScheduler"),
    },
    "captioner": _SEEING,
    "rewriter": {"model": transformers_part(), "tokenizer": tokenizer_part()},
    "clip": _SEEING,
    "dino": {"model": transformers_part()},
}
"""What each role is loaded from, by name; diffusion models of another layout than Stable Diffusion's have other parts
(`layouts.py`)."""


def missing(folder: Path, row: ModelRow, role: str, parts: Mapping[str, Part] | None = None) -> list[str]:
    """What a folder lacks to be a model of this role, in any variant.

    Args:
        parts: of the model, where they are not those of the role.
    """
    return [name for part in (parts or PARTS[role]).values() for name in lacking_of(part, folder, row)]


def is_there(part: Part, folder: Path) -> bool:
    """Whether a folder has anything of a part."""
    return (folder / part.folder).is_dir()


def variant_in(folder: Path, part: Part, row: ModelRow, *, half: bool) -> str | None:
    """The variant of a part's weights to load: the one for this precision where it is complete, else the other."""
    for variant in variants(row, half=half):
        if weights_of(folder, part, row, variant):
            return variant
    return None


def weights_of(folder: Path, part: Part, row: ModelRow, variant: str | None) -> list[Path]:
    """The files of a part's weights in a variant: one, or all that an index names; none if any of them is lacking."""
    whole = folder / part.path(_whole(part, row, variant))
    if whole.is_file():
        return [whole]
    index = folder / part.path(f"{part.weights}.safetensors.index.json")
    if variant or not row.safetensors or not index.is_file():
        return []
    try:
        shards: Iterable[str] = json.loads(index.read_text(encoding="utf-8"))["weight_map"].values()
        found = [index.parent / shard for shard in sorted(set(shards))]
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return []
    return found if all(file.is_file() for file in found) else []


def variants(row: ModelRow, *, half: bool) -> list[str | None]:
    """A row's variants of weights, the one that suits the precision first."""
    wanted = [row.variant, None] if half else [None, row.variant]
    return list(dict.fromkeys(wanted))


def lacking_of(part: Part, folder: Path, row: ModelRow) -> list[str]:
    """What a folder lacks to hold a part, in any variant; of a part that may lack only what has been begun."""
    if part.may_lack and not is_there(part, folder):
        return []
    lacking: list[str] = []
    if not any(all((folder / part.path(name)).is_file() for name in group) for group in part.needed):
        lacking.append(part.path(part.needed[0][0]))
    if part.weights and not any(weights_of(folder, part, row, variant) for variant in variants(row, half=False)):
        lacking.append(part.path(_whole(part, row, None)))
    return lacking


def _whole(part: Part, row: ModelRow, variant: str | None) -> str:
    middle = f".{variant}" if variant else ""
    return f"{part.weights}{middle}.safetensors" if row.safetensors else f"{part.pickle}.bin"


def files_of(part: Part, row: ModelRow, variant: str | None) -> list[str]:
    """Which files of the hub are downloaded for a part."""
    if not part.weights:
        return part.settings
    weights = [_whole(part, row, variant)]
    if row.safetensors and not variant:
        weights += [f"{part.weights}.safetensors.index.json", f"{part.weights}-*-of-*.safetensors"]
    return part.settings + [part.path(name) for name in weights]
