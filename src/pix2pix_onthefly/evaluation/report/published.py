"""Figures that others have published, with their sources."""

from __future__ import annotations

from dataclasses import dataclass

from ..data.turns import MULTI, SINGLE

MAGICBRUSH = "MagicBrush, arXiv 2306.10012, table 2"
PAPER_TITLE = "Pix2Pix-OnTheFly, arXiv 2403.08004"
PAPER = f"{PAPER_TITLE}, table 1"
PAPER_METHOD = "Pix2Pix-OnTheFly (paper, 1 shot, 1 caption)"
TEST_TURNS = 1053
"""Edits of MagicBrush's test split, over which all published figures are means."""
NOTE = (
    f"Published rows are of MagicBrush's whole test split ({TEST_TURNS} turns, 535 sessions), with CLIP-T against the "
    "local descriptions; the paper's own row says only 'gold caption'."
)


@dataclass(frozen=True)
class Published:
    """A row of MagicBrush's table of methods that get no mask; None where a figure is not given."""

    method: str
    setting: str
    l1: float | None
    l2: float | None
    clip_i: float
    dino: float | None
    clip_t: float
    source: str = MAGICBRUSH


_TABLE = """
Open-Edit           .1430 .0431 .8381 .7632 .2610   .1655 .0550 .8038 .6835 .2527
VQGAN-CLIP          .2200 .0833 .6751 .4946 .3879   .2471 .1025 .6606 .4592 .3845
SD-SDEdit           .1014 .0278 .8526 .7726 .2777   .1616 .0602 .7933 .6212 .2694
Text2LIVE           .0636 .0169 .9244 .8807 .2424   .0989 .0284 .8795 .7926 .2716
Null-text-inversion .0749 .0197 .8827 .8206 .2737   .1057 .0335 .8468 .7529 .2710
HIVE                .1092 .0341 .8519 .7500 .2752   .1521 .0557 .8004 .6463 .2673
HIVE+MagicBrush     .0658 .0224 .9189 .8655 .2812   .0966 .0365 .8785 .7891 .2796
InstructPix2Pix     .1122 .0371 .8524 .7428 .2764   .1584 .0598 .7924 .6177 .2726
InstructPix2Pix+MagicBrush .0625 .0203 .9332 .8987 .2781   .0964 .0353 .8924 .8273 .2754
"""
"""Method, then L1, L2, CLIP-I, DINO, CLIP-T from the true picture (single-turn), then from the generated one."""


def _rows() -> tuple[Published, ...]:
    made: list[Published] = []
    for line in _TABLE.split("\n"):
        if line:
            method, *numbers = line.split()
            for setting, part in ((SINGLE, numbers[:5]), (MULTI, numbers[5:])):
                l1, l2, clip_i, dino, clip_t = map(float, part)
                made.append(Published(method, setting, l1, l2, clip_i, dino, clip_t))
    return tuple(made)


@dataclass(frozen=True)
class PaperCell:
    """Averages over the two wordings of the prompt, with the standard deviation that stands beside them."""

    shots: int
    captions: int
    with_captioner: bool
    clip_t: float
    clip_t_deviation: float
    clip_i: float
    clip_i_deviation: float
    oracle: bool = False


PAPER_TABLE_1 = (
    PaperCell(0, 1, False, 0.2751, 0.0007, 0.8021, 0.0013),
    PaperCell(0, 1, True, 0.2795, 0.0003, 0.8255, 0.0044),
    PaperCell(0, 2, True, 0.2796, 0.0001, 0.8329, 0.0003),
    PaperCell(0, 4, True, 0.2799, 0.0003, 0.8347, 0.0007),
    PaperCell(1, 1, False, 0.2772, 0.0012, 0.8093, 0.0023),
    PaperCell(1, 1, True, 0.2817, 0.0003, 0.8310, 0.0002),
    PaperCell(1, 2, True, 0.2800, 0.0008, 0.8328, 0.0016),
    PaperCell(1, 4, True, 0.2797, 0.0002, 0.8348, 0.0009),
    PaperCell(3, 1, False, 0.2762, 0.0003, 0.8119, 0.0032),
    PaperCell(3, 1, True, 0.2798, 0.0001, 0.8251, 0.0001),
    PaperCell(3, 2, True, 0.2797, 0.0000, 0.8348, 0.0010),
    PaperCell(3, 4, True, 0.2790, 0.0000, 0.8350, 0.0011),
)
"""The paper's Table 1: of MagicBrush's test split, from the true pictures."""
ORACLE_CELL = PaperCell(1, 1, True, 0.2845, 0.0005, 0.8636, 0.0015, oracle=True)
"""The first row of its Table 2, which starts from the set's own caption of the source."""
BEST_CELL = next(cell for cell in PAPER_TABLE_1 if (cell.shots, cell.captions, cell.with_captioner) == (1, 1, True))
"""The paper's best by CLIP-T, which goes into its Table 2."""

MAGICBRUSH_TABLE = (
    *_rows(),
    Published(PAPER_METHOD, SINGLE, None, None, BEST_CELL.clip_i, None, BEST_CELL.clip_t, PAPER),
)
"""MagicBrush's own table of methods, and the paper's row below it."""


@dataclass(frozen=True)
class PaperRow:
    """A row of the paper's Table 2.

    Attributes:
        model: as the paper calls it; a star marks what it took from MagicBrush's paper.
        preparation: what the model was trained on beforehand; the groups of the table.
        method: its name here, if it is not ours; ours is the `cell` of Table 1, or the oracle's.
        clip_t, clip_i: with their standard deviations, where the paper gives any.
    """

    model: str
    preparation: str
    clip_t: float
    clip_i: float
    clip_t_deviation: float | None = None
    clip_i_deviation: float | None = None
    method: str | None = None
    cell: PaperCell | None = None


OUR_METHODS = "Pix2Pix-OnTheFly", "ours"
"""Names under which results of the paper's method may be stored."""
_UNPREPARED, _PREPARED, _TUNED = "none", "trained for editing", "trained for editing, then on MagicBrush"


def _ours(model: str, cell: PaperCell) -> PaperRow:
    figures = cell.clip_t, cell.clip_i, cell.clip_t_deviation, cell.clip_i_deviation
    return PaperRow(model, _UNPREPARED, *figures, cell=cell)


def _other(model: str, preparation: str, method: str) -> PaperRow:
    [row] = [row for row in MAGICBRUSH_TABLE if (row.method, row.setting) == (model, SINGLE)]
    return PaperRow(f"{model}*", preparation, row.clip_t, row.clip_i, method=method)


PAPER_TABLE_2 = (
    _ours("ours, 1 shot, 1 caption, with gold caption (oracle)", ORACLE_CELL),
    _ours("ours, 1 shot, 1 caption", BEST_CELL),
    _other("InstructPix2Pix", _PREPARED, "instruct-pix2pix"),
    _other("HIVE", _PREPARED, "hive"),
    _other("HIVE+MagicBrush", _TUNED, "hive-magicbrush"),
    _other("InstructPix2Pix+MagicBrush", _TUNED, "instruct-pix2pix-magicbrush"),
)
"""The paper's Table 2, in its order."""
