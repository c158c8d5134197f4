"""One page of photographs edited on somebody's machine, which holds everything itself and can be sent back."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import median
from typing import Any

from ...models.doctor import examine
from ...pictures.opening import open_picture
from ..data.photographs import Photograph
from ..runs.photograph_edits import AGREES, WAYS, PhotographEdit, agreement
from ..runs.result_files import Result
from .page import template
from .tables import BOLD
from .thumbnails import small_webp
from .writing import tables_of

_SIDE = 320


def photographs_page(
    folder: Path,
    files: Mapping[Photograph, Path],
    edits: Sequence[PhotographEdit],
    precisions: Sequence[Sequence[PhotographEdit]],
    scored: Sequence[Result] = (),
) -> str:
    """The page as HTML.

    Args:
        folder: what the edits' pictures are named from.
        precisions: for each family one edit in each precision, float32 first.
        scored: edits of MagicBrush's turns, for its tables.

    Raises:
        OnTheFlyError: Jinja2 is not installed, or of tables pandas.
    """
    families = list(dict.fromkeys(edit.family for edit in edits))
    rows = [_precision_rows(folder, group) for group in precisions]
    return template("photographs.html").render(
        statements=[_statement(group) for group in rows],
        precisions=[row for group in rows for row in group],
        agrees=AGREES,
        facts=_facts(),
        ways=[_way_row(edits, family, way) for family in families for way in WAYS],
        photographs=[_photograph(folder, one, path, edits) for one, path in files.items()],
        tables=list(tables_of(scored)) if scored else [],
        bold=BOLD,
    )


def _statement(rows: Sequence[dict[str, Any]]) -> str:
    """What a family's edit in each precision tells, in one sentence."""
    first, *others = rows
    if first["edit"].error:
        return f"{first['edit'].family}: float32 itself failed, so that nothing can be said."
    told = [
        f"{row['edit'].way} {'failed' if row['edit'].error else row['verdict'] + ' with float32'}"
        + ("" if row["decibels"] is None else f" ({row['decibels']:.1f} dB)")
        for row in others
    ]
    return f"{first['edit'].family}: {', '.join(told)}."


def _precision_rows(folder: Path, group: Sequence[PhotographEdit]) -> list[dict[str, Any]]:
    decibels = agreement(folder, group)
    return [
        {
            "edit": edit,
            "decibels": found,
            "verdict": _verdict(edit, found) if place else "compared with",
            "seconds": edit.seconds.get("edit"),
            "picture": _picture(folder, edit),
        }
        for place, (edit, found) in enumerate(zip(group, decibels, strict=True))
    ]


def _verdict(edit: PhotographEdit, decibels: float | None) -> str:
    if edit.error:
        return f"failed: {edit.error}"
    if decibels is None:
        return "nothing to compare with"
    return "agrees" if decibels >= AGREES else "differs"


def _way_row(edits: Sequence[PhotographEdit], family: str, way: str) -> dict[str, Any]:
    own = [edit for edit in edits if (edit.family, edit.way) == (family, way)]
    made = [edit for edit in own if not edit.error]
    stages = ("caption", "invert", "rewrite", "edit", "in all")
    return {
        "family": family,
        "way": way,
        "made": len(made),
        "failed": len(own) - len(made),
        "seconds": {stage: median(edit.seconds.get(stage, 0.0) for edit in made) if made else None for stage in stages},
        "peak": max((edit.peak for edit in made), default=None),
        "errors": sorted({edit.error for edit in own if edit.error}),
    }


def _photograph(folder: Path, photograph: Photograph, path: Path, edits: Sequence[PhotographEdit]) -> dict[str, Any]:
    own = [edit for edit in edits if edit.photograph == photograph.name]
    return {
        "photograph": photograph,
        "source": _encoded(path),
        "edits": [{"edit": edit, "picture": _picture(folder, edit)} for edit in own],
    }


def _picture(folder: Path, edit: PhotographEdit) -> str | None:
    return None if edit.error else _encoded(folder / edit.picture)


def _encoded(path: Path) -> str:
    """A small copy as an address that holds the picture itself."""
    return "data:image/webp;base64," + base64.b64encode(small_webp(open_picture(path), _SIDE)).decode()


def _facts() -> dict[str, str]:
    """What `onthefly doctor` tells of the machine, but for folders, which are nobody's business, and families."""
    found: dict[str, Any] = examine()
    device: Mapping[str, Any] = found["device"]
    memory: Mapping[str, Any] = found["memory"]
    libraries = {name: str(found[name]) for name in ("python", "torch", "diffusers", "transformers")}
    return {
        "device": f"{device['name']}: {device['description']}, {device['total']} MB",
        "precision chosen for it": str(device["precision"]),
        "memory": f"{memory['total']} MB",
        "cores": str(found["cores"]),
        **libraries,
    }
