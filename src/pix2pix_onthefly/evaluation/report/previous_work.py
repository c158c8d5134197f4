"""The paper's Table 2: its best model and its oracle beside previous work, published rows and our measured ones."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from ..optional_libraries import import_extra
from .data_frames import Frame
from .paper_table import averaged, cells_of
from .published import MAGICBRUSH, OUR_METHODS, PAPER_TABLE_2, PAPER_TITLE, TEST_TURNS, PaperCell, PaperRow
from .table_notes import about
from .tables import ABSENT, MEASURED, PUBLISHED, Table, number

_FIGURES = ("clip_t_local", "clip_t_global", "clip_i")
_HEAD = ("model", "preparation", "CLIP-T", "CLIP-T global", "CLIP-I", "turns", "failed", "source")
_PLAIN = ("clip_t_global", "clip_i", "turns", "failed")
_CAPTION = (
    f"Published: {PAPER_TITLE}, table 2, over the {TEST_TURNS} turns of MagicBrush's test split; a star marks what it "
    f"took from {MAGICBRUSH}. Preparation is what a model was trained on beforehand. CLIP-T of measured rows is "
    "against the local descriptions, as in MagicBrush's paper; this paper says only 'gold caption'. In brackets the "
    "standard deviation over the two wordings of the prompt (measured: of a sample), where there are two."
)
_NONE = "None of these models was measured here."


def previous_work(frame: Frame, name: str) -> Table:
    """Table 2 of photographs edited from the true pictures: each row of the paper with our measured ones below it."""
    pandas = import_extra("pandas")
    rows: list[tuple[str, ...]] = []
    data: list[dict[str, Any]] = []
    measured: list[Frame] = []
    for row in PAPER_TABLE_2:
        rows.append(_published(row))
        figures = {"clip_t": row.clip_t, "clip_i": row.clip_i, "turns": TEST_TURNS}
        data.append({"model": row.model, "source": PUBLISHED, **figures})
        for label, group in _measured(frame, row):
            measured.append(group)
            figures = _averages(group)
            rows.append(_line(label, row.preparation, figures))
            data.append({"model": label, "source": MEASURED, **_plain(figures)})
    caption = f"{_CAPTION} {about(pandas.concat(measured)) if measured else _NONE}"
    title = f"{frame['dataset'].iloc[0]}, {frame['setting'].iloc[0]} turns: ours and previous work (Table 2)"
    return Table(name, title, caption, _HEAD, tuple(rows), pandas.DataFrame(data), prose=("preparation", "source"))


def _published(row: PaperRow) -> tuple[str, ...]:
    clip_t = _with_deviation(row.clip_t, row.clip_t_deviation)
    clip_i = _with_deviation(row.clip_i, row.clip_i_deviation)
    return row.model, row.preparation, clip_t, ABSENT, clip_i, str(TEST_TURNS), ABSENT, PUBLISHED


def _with_deviation(value: float, deviation: float | None) -> str:
    return number(value) if deviation is None else f"{number(value)} ({number(deviation)})"


def _measured(frame: Frame, row: PaperRow) -> Iterator[tuple[str, Frame]]:
    """What was measured of a row's model: a name and the edits, for each group that differs in more than wording."""
    methods = OUR_METHODS if row.method is None else (row.method,)
    own = frame[frame["method"].isin(methods)]
    if row.cell is not None:
        own = own[_in_cell(own, row.cell)]
    groups = [group for _, group in own.groupby("base", sort=True)]
    for group in groups:
        name = row.model.rstrip("*")
        more = f": {_without_wording(group)}" if len(groups) > 1 else ""
        yield f"{name}{more}", group


def _in_cell(frame: Frame, cell: PaperCell) -> Any:
    """Which edits were made as those of a cell of the paper's."""
    return (
        (frame["shots"] == cell.shots)
        & (frame["captions"] == cell.captions)
        & (frame["lock_first_caption"] == cell.with_captioner)
        & (frame["gold"] == cell.oracle)
    )


def _averages(group: Frame) -> dict[str, Any]:
    """All edits of a group as one cell of Table 1: the average over the wordings."""
    one = group.assign(shots=0, captions=0, lock_first_caption=True, gold=False)
    turns = len(group.drop_duplicates(["session", "turn"]))
    return {**cells_of(one, _FIGURES).iloc[0].to_dict(), "turns": turns}


def _without_wording(group: Frame) -> str:
    label, wording = str(group["label"].iloc[0]), group["wording"].iloc[0]
    return label.replace(f", {wording}", "")


def _line(label: str, preparation: str, found: Mapping[str, Any]) -> tuple[str, ...]:
    figures = (averaged(found, figure) for figure in _FIGURES)
    return label, preparation, *figures, str(found["turns"]), str(found["failed"]), MEASURED


def _plain(found: Mapping[str, Any]) -> dict[str, Any]:
    return {"clip_t": found["clip_t_local"], **{name: found[name] for name in _PLAIN}}
