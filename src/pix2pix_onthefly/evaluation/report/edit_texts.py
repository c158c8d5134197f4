"""What the page says of one edit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ..runs.result_files import Result
from .base_names import base_names
from .tables import ABSENT, HEADS, number

_FIGURES = ("clip_i", "clip_t_local", "clip_t_global", "l1", "dino", "background_psnr", "background_ssim")
_UNITS = {"background_psnr": " dB", "reconstruction_psnr": " dB"}


def texts_of(result: Result) -> dict[str, Sequence[str]]:
    """Lines by heading; messages name files without their folders."""
    captions, verdict = result.captions or {}, result.verdict or {}
    before = captions.get("before") or []
    complied = captions.get("outcome", "complied") == "complied"
    made: dict[str, Sequence[str]] = {
        "why": [base_names(result.error or "")],
        "caption": [] if result.caption in before else [result.caption or ""],
        "before": before,
        "after": captions.get("after") or [],
        "captions": [] if complied else [base_names(f"{captions['outcome']}. {captions.get('note') or ''}".rstrip())],
        "verdict": [_verdict(verdict)] if verdict else [],
        "warnings": [base_names(warning) for warning in result.warnings],
    }
    return {head: lines for head, lines in made.items() if any(lines)}


def _verdict(verdict: Mapping[str, Any]) -> str:
    right = "right" if verdict.get("region_ok") else "wrong"
    rest = "kept" if verdict.get("outside_ok") else "changed"
    return f"edited part {right}, it reads as {verdict.get('region_reading')}; the rest is {rest}"


def figures_in(result: Result) -> list[tuple[str, str]]:
    """Each figure with its head and unit, and a remark on it."""
    found: dict[str, Any] = {**(result.scores or {}), **(result.verdict or {})}
    values = {name: found.get(name) for name in _FIGURES}
    values["reconstruction_psnr"] = result.reconstruction_psnr
    texts = {name: number(value, name) for name, value in values.items()}
    blank = {"clip_t_local": " (description blank)"} if result.blank else {}
    return [
        (f"{HEADS[name]} {text}{_UNITS.get(name, '')}", blank.get(name, ""))
        for name, text in texts.items()
        if text != ABSENT
    ]
