"""One page to look at: every edit with its pictures, texts and verdict, the worst first.

The page holds everything itself, pictures as WebP in base64, and asks for nothing from anywhere.
"""

from __future__ import annotations

import base64
import html
from collections.abc import Iterable, Sequence
from functools import cache
from importlib.resources import files
from pathlib import Path
from string import Template

from ..errors import InputError
from ..images import open_picture
from .frames import labels_of
from .store import Result, Stored
from .tables import ABSENT, Table, as_html, number
from .thumbnails import small_webp

SIDE = 144
"""Longer side of the page's pictures in pixels."""
QUALITY = 72
MOST_BYTES = 28_000_000
_PICTURES = {"source": "original", "reconstruction": "reconstruction", "picture": "edit", "target": "true result"}


def build_page(stored: Sequence[Stored], tables: Sequence[Table]) -> str:
    """The page; where it would grow beyond `MOST_BYTES`, the best edits are left out and it says so."""
    labels = labels_of([item.result for item in stored])
    cards: list[str] = []
    size = 0
    for item in sorted(stored, key=_goodness):
        card = _card(item, labels)
        if size + len(card.encode()) > MOST_BYTES:
            break
        size += len(card.encode())
        cards.append(card)
    shown = (
        f"All {len(stored)} edits" if len(cards) == len(stored) else f"The worst {len(cards)} of {len(stored)} edits"
    )
    results = [item.result for item in stored]
    names = ", ".join(sorted({result.dataset for result in results}))
    return _template().substitute(
        title=html.escape(f"Edits of {names}"),
        tables="".join(as_html(table) for table in tables),
        types=_choices({result.edit_type or "" for result in results}),
        configurations=_choices(labels.values()),
        settings=_choices({result.setting for result in results}),
        shown=html.escape(f"{shown}, the worst first."),
        cards="".join(cards),
    )


@cache
def _template() -> Template:
    return Template(files("pix2pix_onthefly").joinpath("evaluation", "page.html").read_text(encoding="utf-8"))


def _choices(names: Iterable[str]) -> str:
    return "".join(
        f'<option value="{_quoted(name)}">{html.escape(name)}</option>' for name in sorted(set(names)) if name
    )


def _quoted(text: str) -> str:
    return html.escape(text, quote=True)


def _goodness(item: Stored) -> tuple[bool, bool, bool, bool, float, str, str]:
    """Failed edits, then wrong ones, then the least like the true result."""
    result, verdict, scores = item.result, item.result.verdict or {}, item.result.scores or {}
    partly = bool(verdict.get("region_ok")), bool(verdict.get("outside_ok"))
    likeness = float(scores.get("clip_i", 0))
    return result.error is None, bool(verdict.get("success")), *partly, likeness, result.configuration, result.key


def _card(item: Stored, labels: dict[str, str]) -> str:
    result = item.result
    label = labels[result.configuration]
    data = f'data-type="{_quoted(result.edit_type or "")}" data-configuration="{_quoted(label)}"'
    pictures = "".join(_figure(item.folder, getattr(result, name), title) for name, title in _PICTURES.items())
    rows = "".join(f"<dt>{html.escape(name)}</dt><dd>{_lines(texts)}</dd>" for name, texts in _texts(result).items())
    return (
        f'<article {data} data-setting="{_quoted(result.setting)}" class="{_kind(result)}">'
        f"<h3>{html.escape(result.instruction)}</h3>"
        f'<div class="pictures">{pictures}</div><dl>{rows}</dl>'
        f"<footer>{html.escape(f'{label} · {result.key}')}</footer></article>\n"
    )


def _kind(result: Result) -> str:
    if result.error is not None:
        return "failed"
    return "" if result.verdict is None else "right" if result.verdict.get("success") else "wrong"


def _figure(folder: Path, place: str | None, title: str) -> str:
    if place is None:
        return ""
    try:
        content = base64.b64encode(small_webp(open_picture(folder / place), SIDE, QUALITY)).decode()
    except InputError:  # results may be merged without their pictures
        return f"<figure><div class='absent'></div><figcaption>{title} (not here)</figcaption></figure>"
    return (
        f'<figure><img alt="{title}" src="data:image/webp;base64,{content}"><figcaption>{title}</figcaption></figure>'
    )


def _lines(texts: Sequence[str]) -> str:
    return "<br>".join(html.escape(text) for text in texts)


def _texts(result: Result) -> dict[str, Sequence[str]]:
    """What a card says, by heading."""
    captions, verdict, scores = result.captions or {}, result.verdict or {}, result.scores or {}
    made: dict[str, Sequence[str]] = {
        "failed": [result.error or ""],
        "caption": [result.caption or ""],
        "before": captions.get("before") or [],
        "after": captions.get("after") or [],
        "captions": [] if captions.get("outcome", "complied") == "complied" else [str(captions["outcome"])],
        "verdict": [_verdict(verdict)] if verdict else [],
        "figures": [_figures(result, scores)] if scores else [],
        "warnings": result.warnings,
    }
    return {name: texts for name, texts in made.items() if any(texts)}


def _verdict(verdict: dict[str, object]) -> str:
    region = f"region {'right' if verdict.get('region_ok') else 'wrong'}: {verdict.get('region_reading')}"
    return f"{region}; rest {'kept' if verdict.get('outside_ok') else 'changed'}"


def _figures(result: Result, scores: dict[str, float | None]) -> str:
    named = {
        "CLIP-I": number(scores.get("clip_i")),
        "CLIP-T local": number(scores.get("clip_t_local")),
        "CLIP-T global": number(scores.get("clip_t_global")),
        "reconstruction dB": number(result.reconstruction_psnr, "reconstruction_psnr"),
        "background dB": number((result.verdict or {}).get("background_psnr"), "background_psnr"),
    }
    return ", ".join(f"{name} {value}" for name, value in named.items() if value != ABSENT)
