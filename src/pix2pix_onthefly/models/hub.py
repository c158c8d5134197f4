"""Where a model's files are: in a folder, in the hub's cache, or still on the hub; and which of them are needed."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from ..errors import ModelUnavailableError
from .families import EDIT_ROLES, ModelRow, custom_row, known_rows


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
    optional = "tokenizer_config.json", "special_tokens_map.json", "added_tokens.json", "chat_template.jinja"
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


@dataclass(frozen=True)
class Presence:
    """Whether a row's files are on this machine.

    Attributes:
        state: `bundled`, `yes`, `partly` or `no`.
        size: of the files that are here, in bytes.
    """

    state: str
    size: int = 0


def folder_of(row: ModelRow, role: str, *, half: bool) -> Path:
    """The folder that a row is loaded from. What is not on this machine is downloaded first.

    Raises:
        ModelUnavailableError: the files are not here and cannot be had.
    """
    folder = row.folder or _cached_folder(row, role)
    if folder is not None:
        lacking = missing(folder, row, role)
        if not lacking:
            return folder
        if row.folder is not None:
            raise unavailable(row, f"the folder has no {lacking[0]}")
    return fetch(row, role, half=half)


def fetch(row: ModelRow, role: str, *, half: bool) -> Path:
    """Downloads what loading a row of the hub needs, and nothing else, into the hub's cache, and returns the folder.

    Raises:
        ModelUnavailableError: that is not possible.
    """
    lacking = PARTS[role]
    folder = Path()
    for variant in _variants(row, half=half):
        patterns = [pattern for part in lacking.values() for pattern in _patterns(part, row, variant)]
        folder = _download(row, patterns)
        lacking = {name: part for name, part in PARTS[role].items() if _missing(folder, row, part)}
        if not lacking:
            return folder
    first = missing(folder, row, role)[0]
    raise unavailable(row, f"the hub holds no {first} for it, or could not be reached")


def presence(row: ModelRow, role: str) -> Presence:
    """Whether a row could be loaded without a download."""
    folder = row.folder or _cached_folder(row, role)
    if folder is None or not folder.is_dir():
        return Presence("no")
    size = sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())
    if row.bundled:
        return Presence("bundled", size)
    return Presence("partly" if missing(folder, row, role) else "yes", size)


def missing(folder: Path, row: ModelRow, role: str) -> list[str]:
    """What a folder lacks to be a model of this role, in any variant."""
    return [name for part in PARTS[role].values() for name in _missing(folder, row, part)]


def variant_in(folder: Path, part: Part, row: ModelRow, *, half: bool) -> str | None:
    """The variant of a part's weights to load: the one for this precision where it is complete, else the other."""
    for variant in _variants(row, half=half):
        if _has_weights(folder, row, part, variant):
            return variant
    return None


def role_of(name: str) -> str:
    """The role that a model of the hub can play, by its settings.

    Raises:
        InputError: no hub id.
        ModelUnavailableError: the hub cannot be reached or has no such model.
    """
    row = custom_row("", name)
    folder = _download(row, ["model_index.json", "config.json"])
    if (folder / "model_index.json").is_file():
        return "diffusion"
    try:
        kind = json.loads((folder / "config.json").read_text(encoding="utf-8"))["model_type"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise unavailable(row, "the hub holds no settings of a model for it, or could not be reached") from error
    return {"blip": "captioner", "clip": "clip"}.get(kind, "rewriter")


def unavailable(row: ModelRow, reason: str, cure: str = "") -> ModelUnavailableError:
    """The error of a row that cannot be loaded: one sentence with a way out."""
    if row.folder is not None:
        cure = cure or "give another folder or a hub id"
    table = ((role, names) for (role, known), names in known_rows().items() if known.source == row.source)
    role, families = next(table, ("", []))
    measures = bool(role) and role not in EDIT_ROLES  # neither fetched with a family nor replaced by another one
    first, *others = [row.source] if measures else families or [str(row)]
    also = f" (or {', '.join(others)})" if others else ""
    cure = cure or f"run 'onthefly models fetch {first}'{also} once while online"
    more = "" if measures else ", or use --family mini"
    return ModelUnavailableError(f"the weights of {row.source} cannot be loaded: {reason}; {cure}{more}")


def _variants(row: ModelRow, *, half: bool) -> list[str | None]:
    wanted = [row.variant, None] if half else [None, row.variant]
    return list(dict.fromkeys(wanted))


def _missing(folder: Path, row: ModelRow, part: Part) -> list[str]:
    lacking: list[str] = []
    if not any(all((folder / part.path(name)).is_file() for name in group) for group in part.needed):
        lacking.append(part.path(part.needed[0][0]))
    variants = _variants(row, half=False)
    if part.weights and not any(_has_weights(folder, row, part, variant) for variant in variants):
        lacking.append(part.path(_whole(part, row, None)))
    return lacking


def _whole(part: Part, row: ModelRow, variant: str | None) -> str:
    middle = f".{variant}" if variant else ""
    return f"{part.weights}{middle}.safetensors" if row.safetensors else f"{part.pickle}.bin"


def _has_weights(folder: Path, row: ModelRow, part: Part, variant: str | None) -> bool:
    """Whether the weights are there: in one file, or in all the files that an index names."""
    if (folder / part.path(_whole(part, row, variant))).is_file():
        return True
    index = folder / part.path(f"{part.weights}.safetensors.index.json")
    if variant or not row.safetensors or not index.is_file():
        return False
    try:
        shards: Iterable[str] = json.loads(index.read_text(encoding="utf-8"))["weight_map"].values()
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return False
    return all((index.parent / shard).is_file() for shard in set(shards))


def _patterns(part: Part, row: ModelRow, variant: str | None) -> list[str]:
    """Which files of the hub are downloaded for a part."""
    if not part.weights:
        return part.settings
    weights = [_whole(part, row, variant)]
    if row.safetensors and not variant:
        weights += [f"{part.weights}.safetensors.index.json", f"{part.weights}-*-of-*.safetensors"]
    return part.settings + [part.path(name) for name in weights]


def _cached_folder(row: ModelRow, role: str) -> Path | None:
    """The row's snapshot in the hub's cache, complete or not."""
    from huggingface_hub import try_to_load_from_cache

    for part in PARTS[role].values():
        for name in part.settings:
            found = try_to_load_from_cache(row.source, name, revision=row.revision)
            if isinstance(found, str):
                return Path(found).parents[name.count("/")]
    return None


def _download(row: ModelRow, patterns: list[str]) -> Path:
    """Downloads files by `snapshot_download`, which goes on where it was cut off."""
    from huggingface_hub import errors, is_offline_mode, snapshot_download

    if is_offline_mode():
        raise unavailable(row, "they are not on this machine, and HF_HUB_OFFLINE is set")
    try:
        return Path(snapshot_download(row.source, revision=row.revision, allow_patterns=patterns))
    except errors.GatedRepoError as error:
        reason = "their licence has not been accepted"
        raise unavailable(row, reason, "accept it on the model's page of the hub and set HF_TOKEN") from error
    except (errors.RepositoryNotFoundError, errors.RevisionNotFoundError) as error:
        reason = f"the hub has no {row}, or does not show it to you"
        raise unavailable(row, reason, "check the name, set HF_TOKEN if it is private") from error
    except errors.LocalEntryNotFoundError as error:
        raise unavailable(row, "they are not on this machine, and the hub cannot be reached") from error
    except Exception as error:  # the transports below the hub's client raise classes of their own
        raise unavailable(row, f"the download failed ({brief(error)})") from error


def brief(error: BaseException) -> str:
    """The first line of what a library says, without its full stop."""
    lines = str(error).strip().splitlines() or [type(error).__name__]
    return lines[0].strip()[:200].rstrip(".: ")
