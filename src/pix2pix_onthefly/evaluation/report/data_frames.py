"""Results as a data frame: a row for every edit that counts, and a name for every configuration."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from ...running.cache import digest
from ..data.turns import SINGLE
from ..optional_libraries import import_extra
from ..runs.configurations import GOLD, GRID_OPTIONS
from ..runs.result_files import Result
from .base_names import base_names

Frame = Any
"""A DataFrame of pandas, whose type hints leave open what most of its methods return."""
SCORES = ("clip_t_local", "clip_t_global", "clip_i", "l1", "l2", "dino")
JUDGED = ("background_psnr", "background_ssim")
ALL_WRITTEN = "all captions written"
"""By the language model, the first one included."""
_ID_DIGITS = 8


def frame_of(results: Sequence[Result]) -> Frame:
    """One row for every edit that its setting's table counts: of chains only the last."""
    pandas = import_extra("pandas")
    labels = labels_of(results)
    counted = [result for result in results if result.setting == SINGLE or result.final]
    return pandas.DataFrame([_row(result, labels[result.configuration]) for result in counted])


def _row(result: Result, label: str) -> dict[str, Any]:
    scores, verdict, captions = result.scores or {}, result.verdict or {}, result.captions or {}
    failed = result.error is not None
    success = float(bool(verdict.get("success"))) if result.rendered else None
    worded = scores.get("clip_t_local") if not result.blank else None
    return {
        **{
            name: getattr(result, name)
            for name in ("dataset", "fingerprint", "rendered", "setting", "configuration", "method")
        },
        "label": label,
        **{name: getattr(result, name) for name in ("session", "turn", "place", "edit_type", "blank", "clip")},
        "base": base_of(result),
        **{name: result.options.get(name) for name in GRID_OPTIONS},
        "gold": result.caption_source == GOLD,
        "code": f"{result.versions.get('pix2pix-onthefly')} {result.revision}",
        "failed": failed,
        "error": base_names(result.error or ""),
        "success": success,
        **{name: _number(verdict.get(name)) for name in JUDGED},
        **{name: _number(scores.get(name)) for name in SCORES},
        "clip_t_worded": _number(worded),
        "reconstruction_psnr": _number(result.reconstruction_psnr),
        "complied": float(captions["outcome"] == "complied") if captions else float("nan"),
    }


def _number(value: float | None) -> float:
    return float("nan") if value is None else float(value)


def base_of(result: Result) -> str:
    """Hash of all that the paper's grid leaves as it is: rows of one Table 1 have it in common."""
    facts = _facts(result)
    return digest({name: value for name, value in facts.items() if name not in (*GRID_OPTIONS, "caption_source")})


def _facts(result: Result) -> dict[str, Any]:
    """All that a configuration may differ in."""
    return {
        **result.options,
        "method": result.method,  # the title in the place of the name
        **{f"own {name}": value for name, value in result.settings.items() if value != result.options.get(name)},
        "caption_source": result.caption_source,
        "family": result.family,
        "precision": result.precision,
        **result.models,
    }


def labels_of(results: Iterable[Result]) -> dict[str, str]:
    """Configuration to a name that says in what it differs from others of the same method."""
    first: dict[str, Result] = {}
    for result in results:
        first.setdefault(result.configuration, result)
    facts = {name: _facts(result) for name, result in first.items()}
    made: dict[str, str] = {}
    for name, own in facts.items():
        peers = [other for other in facts.values() if other["method"] == own["method"]]
        differing = [key for key in own if any(other.get(key) != own[key] for other in peers)]
        made[name] = ", ".join([str(own["method"]), *(phrase(key, own[key]) for key in differing)])
    return {
        name: label if _is_alone(label, made) else f"{label} ({name[-_ID_DIGITS:]})" for name, label in made.items()
    }


def _is_alone(label: str, labels: Mapping[str, str]) -> bool:
    return sum(other == label for other in labels.values()) == 1


def phrase(name: str, value: object) -> str:
    """An option in words: `1 shot`, `4 captions`."""
    if name in ("shots", "captions"):
        return f"{value} {name.removesuffix('s')}{'' if value == 1 else 's'}"
    if name == "lock_first_caption":
        return "captioner's caption first" if value else ALL_WRITTEN
    if name == "caption_source":
        return f"{value} caption"
    return str(value) if name == "wording" else f"{name.replace('_', ' ')} {base_names(str(value))}"
