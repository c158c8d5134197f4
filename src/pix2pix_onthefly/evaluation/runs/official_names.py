"""Generated pictures under the names that MagicBrush's official script looks for.

    <id>/<id>_1.png          the first turn, of both settings
    <id>/<id>_inde_<k>.png   turn k from the true picture before it
    <id>/<id>_iter_<k>.png   turn k from the generated picture before it

The script wants a folder for every session, both settings, and no other pictures in these folders. It is run as
`python image_eval.py --generated_path FOLDER --gt_path SET/images --caption_path SET/local_descriptions.json`.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from ..data.turns import MULTI, SETTINGS, SINGLE, Dataset, Turn

_MARKS = {SINGLE: "inde", MULTI: "iter"}


def official_path(folder: Path, turn: Turn, setting: str) -> Path:
    """Where the picture generated for a turn belongs."""
    number = "1" if turn.number == 1 else f"{_MARKS[setting]}_{turn.number}"
    return folder / turn.session / f"{turn.session}_{number}.png"


def missing_pictures(folder: Path, dataset: Dataset, settings: Sequence[str] = SETTINGS) -> tuple[Path, ...]:
    """Pictures that are yet to be generated, in order; with both settings none may be left for the script to run."""
    wanted = (official_path(folder, turn, setting) for setting in settings for turn in dataset.turns)
    return tuple(path for path in dict.fromkeys(wanted) if not path.is_file())
