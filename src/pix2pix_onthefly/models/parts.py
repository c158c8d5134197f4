"""Which files the models of each role are made of, and whether a folder holds them."""

from __future__ import annotations

import json
from collections.abc import Iterable
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
    """

    folder: str
    needed: tuple[tuple[str, ...], ...] = (("config.json",),)
    optional: tuple[str, ...] = ()
    weights: str = ""
    pickle: str = ""

    def path(self, name: str) -> str:
        """A file of this part, as the hub names it."""
        return f"{self.folder}/{name}" if self.folder else name

    @property
    def settings(self) -> list[str]:
        """All files but the weights."""
        return [self.path(name) for group in (*self.needed, self.optional) for name in group]


def _diffusers(folder: str) -> Part:
    return Part(folder, weights="diffusion_pytorch_model", pickle="diffusion_pytorch_model")


def _transformers(folder: str = "") -> Part:
    return Part(folder, optional=("generation_config.json",), weights="model", pickle="pytorch_model")


def _tokenizer(folder: str = "") -> Part:
    vocabularies = ("tokenizer.json",), ("vocab.json", "merges.txt"), ("vocab.txt",), ("tokenizer.model",)
    optional = (
        "tokenizer_config.json",
        "special_tokens_map.json",
        "added_tokens.json",
        "chat_template.jinja",
        "chat_template.json",
    )
    return Part(folder, vocabularies, optional)


_SEEING = {
    "model": _transformers(),
    "processor": Part("", (("preprocessor_config.json",), ("processor_config.json",))),
    "tokenizer": _tokenizer(),
}
PARTS: dict[str, dict[str, Part]] = {
    "diffusion": {
        "vae": _diffusers("vae"),
        "unet": _diffusers("unet"),
        "text_encoder": _transformers("text_encoder"),
        "tokenizer": _tokenizer("tokenizer"),
        "scheduler": Part("scheduler", (("scheduler_config.json",),)),
    },
    "captioner": _SEEING,
    "rewriter": {"model": _transformers(), "tokenizer": _tokenizer()},
    "clip": _SEEING,
    "dino": {"model": _transformers()},
}
"""What each role is loaded from, by name."""


def missing(folder: Path, row: ModelRow, role: str) -> list[str]:
    """What a folder lacks to be a model of this role, in any variant."""
    return [name for part in PARTS[role].values() for name in lacking_of(part, folder, row)]


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
    """What a folder lacks to hold a part, in any variant."""
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
