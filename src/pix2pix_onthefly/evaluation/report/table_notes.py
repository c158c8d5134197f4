"""What stands under a table: what its figures are, of which edits, and what was done with those that failed."""

from __future__ import annotations

from ..data.turns import MULTI
from .base_names import base_names
from .data_frames import Frame
from .tables import count

_FAILED_JUDGED = "they count as unsuccessful, and the other figures are means over the rest"
_FAILED = "they have no figures, and all means are over the rest"
FAILED_PAIRS = "A turn whose edit failed counts as unsuccessful, and is left out of both rows in every other figure."
"""Of tables that compare rows turn by turn."""
_JUDGED = (
    "Success (what was to change and all the rest read as they should), and background PSNR (dB) and SSIM outside of "
    "what may change, are by the exact judge; complied is the share of edits whose captions the language model wrote "
    "as it was asked to."
)


def about(frame: Frame) -> str:
    """What a caption has to say of the edits behind a table."""
    turns = frame.drop_duplicates(["session", "turn"])
    blank = int(turns["blank"].sum())
    start = "generated" if frame["setting"].iloc[0] == MULTI else "true"
    sentences = [
        f"{count(len(turns), 'turn')} of {count(frame['session'].nunique(), 'session')}, each from the {start} "
        "picture before it.",
        _failures(frame),
        f"CLIP is {', '.join(sorted(map(base_names, frame['clip'].unique())))}; CLIP-T local and global are against "
        f"the local and the global description of the result ({blank} of {len(turns)} local ones are blank).",
        *([_JUDGED] if frame["rendered"].iloc[0] else []),
    ]
    if frame.groupby("configuration").size().nunique() > 1:
        sentences.append("Rows differ in the number of turns (n); the table of differences compares shared ones.")
    states = frame["code"].nunique()
    if states > 1:
        sentences.append(f"The rows were made by {states} different states of the program.")
    return " ".join(sentences)


def _failures(frame: Frame) -> str:
    failed = int(frame["failed"].sum())
    if not failed:
        return f"None of {count(len(frame), 'edit')} failed."
    done = _FAILED_JUDGED if frame["rendered"].iloc[0] else _FAILED
    return f"{failed} of {count(len(frame), 'edit')} failed; {done}."
