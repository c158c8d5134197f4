"""What the page shows of an edit: pictures side by side, where the edit acted, notices, how far it is."""

from __future__ import annotations

import html
from collections.abc import Collection, Mapping, Sequence

import numpy as np
from PIL import Image, ImageChops

from ..records import EditResult
from .watching import Seen

Labelled = tuple[Image.Image, str]
_HEAT = np.array([[20, 24, 60], [120, 30, 120], [220, 70, 60], [250, 170, 40], [255, 250, 190]], dtype=np.float32)
"""Colours from nothing to everything, evenly spaced: dark to light, so that they can be told apart without colours."""


def heat_map(result: EditResult, original: Image.Image) -> Image.Image:
    """Where an edit acted, over the original in grey, RGB at its size: what it was held to, and else by how much each
    pixel changed."""
    plain = original.convert("RGB")
    weights = result.mask
    if weights is None:
        weights = ImageChops.difference(plain, result.image.convert("RGB")).convert("L")
    heat = np.asarray(weights.resize(plain.size), dtype=np.float32) / 255.0
    heat = heat / max(float(heat.max()), 1e-6)
    places = heat * (len(_HEAT) - 1)
    low = np.clip(places.astype(int), 0, len(_HEAT) - 2)
    colours = _HEAT[low] + (places - low)[..., None] * (_HEAT[low + 1] - _HEAT[low])
    grey = np.asarray(plain.convert("L"), dtype=np.float32)[..., None]
    return Image.fromarray(np.clip(0.35 * grey + 0.65 * colours, 0, 255).astype(np.uint8))


def side_by_side(result: EditResult, original: Image.Image) -> list[Labelled]:
    """Original, reconstruction where there is one, edit, and where it acted."""
    shown: list[Labelled] = [(original, "original")]
    if result.reconstruction is not None:
        shown.append((result.reconstruction, f"reconstruction ({result.reconstruction_psnr:.1f} dB)"))
    return [*shown, (result.image, "edit"), (heat_map(result, original), "where it acted")]


def candidates_of(result: EditResult) -> list[Labelled]:
    """All candidates, the shown one first; none where there is no other."""
    if not result.others:
        return []
    return [(one.image, _named(one, number)) for number, one in enumerate((result, *result.others), 1)]


def _named(result: EditResult, number: int) -> str:
    agreement = "" if result.agreement is None else f", agreement {result.agreement:+.2f}"
    return f"{number}: seed {result.options.seed}{agreement}"


def notices(sentences: Sequence[str], *, kind: str = "warning") -> str:
    """Sentences as boxes that screen readers read out; empty for none."""
    role = "alert" if kind == "error" else "status"
    return "".join(
        f'<div class="notice {kind}" role="{role}">{html.escape(_as_sentence(text))}</div>' for text in sentences
    )


def _as_sentence(text: str) -> str:
    text = text.strip()
    return text[:1].upper() + text[1:] + ("" if text.endswith((".", "!", "?")) else ".")


def progress_bar(seen: Seen, stages: Mapping[str, str]) -> str:
    """How far an edit is."""
    words = html.escape(stages.get(seen.stage, seen.stage))
    if seen.total <= 1:
        return f'<label class="stage">{words} … <progress></progress></label>'
    count = f"step {seen.done} of {seen.total}"
    return f'<label class="stage">{words}: {count} <progress value="{seen.done}" max="{seen.total}"></progress></label>'


def told(result: EditResult, seconds: float, stages: Collection[str]) -> str:
    """What is said when an edit is done.

    Args:
        seconds: how long it took.
        stages: those that it went through; of others the result tells how long they took for an earlier edit.
    """
    parts = [f"{stage} {spent:.1f} s" for stage, spent in result.seconds.items() if stage in stages and spent >= 0.05]
    return said(f"Done in {seconds:.1f} s" + (f" ({', '.join(parts)})" if parts else ""))


def said(text: str) -> str:
    """A line that screen readers read out."""
    return f'<span class="done" role="status">{html.escape(text)}</span>'
