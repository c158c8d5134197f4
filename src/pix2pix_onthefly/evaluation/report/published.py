"""Figures that others have published, with their sources."""

from __future__ import annotations

from dataclasses import dataclass

from ..data.turns import MULTI, SINGLE

MAGICBRUSH = "MagicBrush, arXiv 2306.10012, table 2"
PAPER = "Pix2Pix-OnTheFly, arXiv 2403.08004, table 1"
PAPER_METHOD = "Pix2Pix-OnTheFly (paper, 1 shot, 1 caption)"
NOTE = (
    "Published rows are of MagicBrush's whole test split (1053 turns, 535 sessions), with CLIP-T against the local "
    "descriptions; the paper's own row says only 'gold caption'."
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
    """Averages over the two wordings of the prompt, with the deviation in brackets in the paper."""

    shots: int
    captions: int
    with_captioner: bool
    clip_t: float
    clip_t_deviation: float
    clip_i: float
    clip_i_deviation: float
    oracle: bool = False


PAPER_TABLE = (
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
    PaperCell(1, 1, True, 0.2845, 0.0005, 0.8636, 0.0015, oracle=True),
)
"""The paper's Table 1: of MagicBrush's test split, from the true pictures."""

_BEST = PAPER_TABLE[5]
TABLE_2 = (*_rows(), Published(PAPER_METHOD, SINGLE, None, None, _BEST.clip_i, None, _BEST.clip_t, PAPER))
