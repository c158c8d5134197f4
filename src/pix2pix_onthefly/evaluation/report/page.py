"""One page to look at: every edit with its pictures, texts and verdict, the worst first.

Edits of the same turn by several configurations stand below one another, each with the four pictures of the paper's
Fig. 7 and, where something held the edit, its mask. The page holds everything itself, every picture once, as WebP in
base64, and asks for nothing from anywhere. `page.html` and `edit_card.html` are its templates: all texts reach them as
they are and are escaped there.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from ..data.turns import MULTI, SETTINGS
from ..optional_libraries import import_extra
from ..runs.result_files import Result, Stored
from .data_frames import labels_of
from .edit_texts import figures_in, texts_of
from .tables import BOLD, Table
from .thumbnails import Album

MOST_BYTES = 28_000_000
"""About how large the page may get."""
DIFFER = "configurations differ"
FAILED, WRONG, RIGHT, NOT_JUDGED = "failed", "wrong", "right", "not judged"
_OUTCOMES = (FAILED, WRONG, RIGHT, NOT_JUDGED)
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
    """The page; where it would grow beyond `MOST_BYTES`, the best edits are left out and it says so.

    Raises:
        OnTheFlyError: Jinja2 is not installed.
    """
    labels = labels_of([item.result for item in stored])
    edits = [_edit(rank, item, labels) for rank, item in enumerate(sorted(stored, key=_goodness))]
    album = Album([path for edit in edits for path in edit.pictures.values() if path is not None], MOST_BYTES)
    cards, shown = _cards(_turns(edits), album)
    names = ", ".join(sorted({edit.result.dataset for edit in edits}))
    return template("page.html").render(
        title=f"Edits of {names}",
        tables=tables,
        bold=BOLD,
        filters=_filters(shown),
        introduction=_introduction(len(shown), edits),
        cards=cards,
        pictures=import_extra("markupsafe").Markup(album.as_json()),  # base64 has no letter that HTML knows
    )


@cache
def template(name: str) -> Any:
    """One of the templates beside this file, which escapes what it is given."""
    jinja = import_extra("jinja2")
    loader = jinja.FileSystemLoader(Path(__file__).parent)
    return jinja.Environment(
        loader=loader, autoescape=True, undefined=jinja.StrictUndefined, trim_blocks=True, lstrip_blocks=True
    ).get_template(name)


def _goodness(item: Stored) -> tuple[bool, bool, bool, bool, float, str, str]:
    """Failed edits, then wrong ones, then the least like the gold picture."""
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
        "gold": result.target,
        **({} if result.mask is None else {"mask": result.mask}),
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


def _introduction(shown: int, edits: Sequence[_Edit]) -> list[str]:
    """Which edits are shown, in which order, and how many of them failed."""
    of = len(edits)
    failed = sum(edit.result.error is not None for edit in edits)
    which = (
        f"All {of} edits" if shown == of else f"The worst {shown} of {of} edits (more would make the page too large)"
    )
    judged = any(edit.result.verdict for edit in edits)
    order = "failed, then wrong (the edited part before the rest), then right; " if judged else "failed, then "
    within = "among equals, those" if judged else "those"
    return [
        f"{which}. From the worst to the best: {order}{within} least like the gold picture by CLIP-I.",
        *([f"{failed} of them failed: each says why, and stands first."] if failed else []),
    ]


def _filters(edits: Sequence[_Edit]) -> list[dict[str, Any]]:
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
    return [
        {"name": name, "head": head, "choices": [(choice, counts[name, choice]) for choice in found]}
        for (name, head), found in choices.items()
        if len(found) > 1
    ]


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


def _card(turn: _Turn, place: int, album: Album) -> str:
    """A turn's card, as HTML that is safe to insert."""
    result = turn[0].result
    text = template("edit_card.html").render(
        name=f"{result.fingerprint[:6]}/{result.key}",
        place=place,
        result=result,
        edits=[_section(edit, album) for edit in turn],
    )
    return import_extra("markupsafe").Markup(text)


def _section(edit: _Edit, album: Album) -> dict[str, Any]:
    outcome = _outcome(edit.result)
    return {
        "rank": edit.rank,
        "label": edit.label,
        "facts": _facts(edit),
        "look": outcome.replace(" ", "-"),
        "badge": "" if outcome == NOT_JUDGED else outcome,
        "pictures": [_picture(title, path, album) for title, path in edit.pictures.items()],
        "texts": texts_of(edit.result),
        "figures": figures_in(edit.result),
    }


def _picture(title: str, path: Path | None, album: Album) -> dict[str, Any]:
    """Its copy in the album, or why there is none."""
    small = None if path is None else album.add(path)
    why = "none was made" if path is None else "not here"
    unscaled = small is not None and _UNSCALED % max(small.width, small.height) == 0
    return {"title": title, "small": small, "why": why, "unscaled": unscaled}
