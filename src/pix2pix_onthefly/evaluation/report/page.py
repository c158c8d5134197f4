"""One page to look at: every edit with its pictures, texts and verdict, the worst first.

Edits of the same turn by several configurations stand below one another. The page holds everything itself, every
picture once, as WebP in base64, and asks for nothing from anywhere.
"""

from __future__ import annotations

import html
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from pathlib import Path
from string import Template
from typing import Any

from ..data.turns import MULTI, SETTINGS
from ..runs.result_files import Result, Stored
from .data_frames import labels_of
from .tables import ABSENT, HEADS, Table, as_html, number
from .thumbnails import Album

MOST_BYTES = 28_000_000
"""About how large the page may get."""
DIFFER = "configurations differ"
FAILED, WRONG, RIGHT, NOT_JUDGED = "failed", "wrong", "right", "not judged"
_OUTCOMES = (FAILED, WRONG, RIGHT, NOT_JUDGED)
_FIGURES = ("clip_i", "clip_t_local", "clip_t_global", "l1", "dino", "background_psnr", "background_ssim")
_UNITS = {"background_psnr": " dB", "reconstruction_psnr": " dB"}
_UNSCALED = 128
"""A picture whose longer side divides this is shown without smoothing."""


@dataclass(frozen=True)
class _Edit:
    """What one configuration made of a turn.

    Attributes:
        rank: its place among all edits, the worst first.
        label: name of the configuration.
        pictures: titles and where the pictures should be; None where there cannot be one.
    """

    rank: int
    label: str
    result: Result
    pictures: Mapping[str, Path | None]


_Turn = Sequence[_Edit]
"""The edits of one turn, by label."""


def build_page(stored: Sequence[Stored], tables: Sequence[Table]) -> str:
    """The page; where it would grow beyond `MOST_BYTES`, the best edits are left out and it says so."""
    labels = labels_of([item.result for item in stored])
    edits = [_edit(rank, item, labels) for rank, item in enumerate(sorted(stored, key=_goodness))]
    album = Album([path for edit in edits for path in edit.pictures.values() if path is not None], MOST_BYTES)
    cards, shown = _cards(_turns(edits), album)
    names = ", ".join(sorted({edit.result.dataset for edit in edits}))
    return _template().substitute(
        title=html.escape(f"Edits of {names}"),
        tables="".join(as_html(table) for table in tables),
        filters=_filters(shown),
        shown=html.escape(_introduction(len(shown), len(edits), any(edit.result.verdict for edit in edits))),
        cards="".join(cards),
        pictures=album.as_json(),
    )


@cache
def _template() -> Template:
    return Template(files("pix2pix_onthefly").joinpath("evaluation", "report", "page.html").read_text(encoding="utf-8"))


def _goodness(item: Stored) -> tuple[bool, bool, bool, bool, float, str, str]:
    """Failed edits, then wrong ones, then the least like the true result."""
    result, verdict, scores = item.result, item.result.verdict or {}, item.result.scores or {}
    partly = bool(verdict.get("region_ok")), bool(verdict.get("outside_ok"))
    likeness = float(scores.get("clip_i") or 0)
    return result.error is None, bool(verdict.get("success")), *partly, likeness, result.configuration, result.key


def _edit(rank: int, item: Stored, labels: Mapping[str, str]) -> _Edit:
    result = item.result
    chained = result.setting == MULTI and result.turn > 1
    places = {
        "before this turn" if chained else "original": result.source,
        "reconstruction": result.reconstruction,
        "edit": result.picture,
        "true result": result.target,
    }
    pictures = {title: None if place is None else item.folder / place for title, place in places.items()}
    return _Edit(rank, labels[result.configuration], result, pictures)


def _turns(edits: Iterable[_Edit]) -> list[_Turn]:
    """Edits by turn, in the order of each turn's first edit."""
    found: dict[tuple[str, ...], list[_Edit]] = {}
    for edit in edits:
        result = edit.result
        found.setdefault((result.dataset, result.fingerprint, result.key, result.instruction), []).append(edit)
    return [sorted(turn, key=lambda edit: (edit.label, edit.rank)) for turn in found.values()]


def _cards(turns: Sequence[_Turn], album: Album) -> tuple[list[str], list[_Edit]]:
    """Cards until the page is full, and the edits on them."""
    in_order = sorted(range(len(turns)), key=lambda index: _place(turns[index]))
    places = {index: place for place, index in enumerate(in_order)}
    cards: list[str] = []
    shown: list[_Edit] = []
    size = 0
    for index, turn in enumerate(turns):
        cards.append(_card(turn, places[index], album))
        shown.extend(turn)
        size += len(cards[-1].encode())
        if size + album.size > MOST_BYTES:
            break
    return cards, shown


def _place(turn: _Turn) -> tuple[str, str, int, int]:
    """Where a turn stands in the sets."""
    result = turn[0].result
    return result.dataset, result.fingerprint, SETTINGS.index(result.setting), result.place


def _introduction(shown: int, of: int, judged: bool) -> str:
    which = (
        f"All {of} edits" if shown == of else f"The worst {shown} of {of} edits (more would make the page too large)"
    )
    order = "failed, then wrong (the edited part before the rest), then right; " if judged else "failed, then "
    within = "among equals, those" if judged else "those"
    return f"{which}. From the worst to the best: {order}{within} least like the true result by CLIP-I."


def _filters(edits: Sequence[_Edit]) -> str:
    """A labelled choice for all in which edits differ."""
    outcomes = {_outcome(edit.result) for edit in edits}
    configurations = {edit.label for edit in edits}
    choices = {
        ("set", "set"): sorted({edit.result.dataset for edit in edits}),
        ("type", "edit type"): sorted({edit.result.edit_type for edit in edits if edit.result.edit_type}),
        ("configuration", "configuration"): sorted(configurations),
        ("setting", "setting"): [name for name in SETTINGS if any(edit.result.setting == name for edit in edits)],
        ("outcome", "outcome"): [
            *(name for name in _OUTCOMES if name in outcomes),
            *([DIFFER] if len(configurations) > 1 < len(outcomes) else []),
        ],
    }
    counts = Counter(fact for edit in edits for fact in _facts(edit).items())
    return "".join(_select(*heads, names, counts) for heads, names in choices.items() if len(names) > 1)


def _select(name: str, head: str, choices: Sequence[str], counts: Mapping[tuple[str, str], int]) -> str:
    texts = {choice: f"{choice} ({counts[name, choice]})" if (name, choice) in counts else choice for choice in choices}
    options = "".join(
        f'<option value="{_quoted(choice)}">{html.escape(text)}</option>' for choice, text in texts.items()
    )
    return f'<label>{head} <select name="{name}"><option value="">all</option>{options}</select></label>\n'


def _facts(edit: _Edit) -> dict[str, str]:
    """What an edit can be chosen by."""
    result = edit.result
    return {
        "set": result.dataset,
        "type": result.edit_type or "",
        "configuration": edit.label,
        "setting": result.setting,
        "outcome": _outcome(result),
    }


def _outcome(result: Result) -> str:
    if result.error is not None:
        return FAILED
    return NOT_JUDGED if result.verdict is None else RIGHT if result.verdict.get("success") else WRONG


def _quoted(text: str) -> str:
    return html.escape(text, quote=True)


def _card(turn: _Turn, place: int, album: Album) -> str:
    result = turn[0].result
    name = _quoted(f"{result.fingerprint[:6]}/{result.key}")
    kind = f"<b>{html.escape(result.edit_type)}</b> " if result.edit_type else ""
    about = html.escape(f"session {result.session}, turn {result.turn}, {result.setting}")
    return (
        f'<article id="{name}" data-place="{place}">\n<header><h3>{html.escape(result.instruction)}</h3>\n'
        f'<p>{kind}<a href="#{name}">{about}</a></p></header>\n'
        f"{''.join(_section(edit, album) for edit in turn)}</article>\n"
    )


def _section(edit: _Edit, album: Album) -> str:
    facts = " ".join(f'data-{name}="{_quoted(value)}"' for name, value in _facts(edit).items())
    outcome = _outcome(edit.result)
    badge = "" if outcome == NOT_JUDGED else f'<b class="badge">{outcome}</b> '
    pictures = "".join(_figure(title, path, album) for title, path in edit.pictures.items())
    rows = "".join(f"<div><dt>{head}</dt><dd>{text}</dd></div>" for head, text in _texts(edit.result).items())
    return (
        f'<section class="{outcome.replace(" ", "-")}" data-rank="{edit.rank}" {facts}>\n'
        f"<h4>{badge}{html.escape(edit.label)}</h4>\n"
        f'<div class="pictures">{pictures}</div>\n<dl>{rows}</dl></section>\n'
    )


def _figure(title: str, path: Path | None, album: Album) -> str:
    small = None if path is None else album.add(path)
    if small is None:
        why = "none was made" if path is None else "not here"
        return f'<figure><div class="absent"></div><figcaption>{title} ({why})</figcaption></figure>'
    unscaled = ' class="unscaled"' if _UNSCALED % max(small.width, small.height) == 0 else ""
    return (
        f'<figure><img{unscaled} data-picture="{small.place}" width="{small.width}" height="{small.height}" '
        f'alt="{title}"><figcaption>{title}</figcaption></figure>'
    )


def _texts(result: Result) -> dict[str, str]:
    """What is said of an edit, as HTML, by heading."""
    captions, verdict = result.captions or {}, result.verdict or {}
    before = captions.get("before") or []
    complied = captions.get("outcome", "complied") == "complied"
    made = {
        "why": _lines([result.error or ""]),
        "caption": _lines([] if result.caption in before else [result.caption or ""]),
        "before": _lines(before),
        "after": _lines(captions.get("after") or []),
        "captions": "" if complied else _lines([f"{captions['outcome']}. {captions.get('note') or ''}".rstrip()]),
        "verdict": _lines([_verdict(verdict)] if verdict else []),
        "figures": _figures(result),
        "warnings": _lines(result.warnings),
    }
    return {head: text for head, text in made.items() if text}


def _lines(texts: Sequence[str]) -> str:
    return "<br>".join(html.escape(text) for text in texts)


def _verdict(verdict: Mapping[str, Any]) -> str:
    right = "right" if verdict.get("region_ok") else "wrong"
    rest = "kept" if verdict.get("outside_ok") else "changed"
    return f"edited part {right}, it reads as {verdict.get('region_reading')}; the rest is {rest}"


def _figures(result: Result) -> str:
    found: dict[str, Any] = {**(result.scores or {}), **(result.verdict or {})}
    values = {name: found.get(name) for name in _FIGURES}
    values["reconstruction_psnr"] = result.reconstruction_psnr
    texts = {name: number(value, name) for name, value in values.items()}
    blank = {"clip_t_local": " (description blank)"} if result.blank else {}
    return ", ".join(
        f"<span>{html.escape(HEADS[name])} {text}{_UNITS.get(name, '')}</span>{blank.get(name, '')}"
        for name, text in texts.items()
        if text != ABSENT
    )
