"""Cases for the methods that ours is compared with, and ways to run them quickly."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from pix2pix_onthefly.evaluation.runs.method import Case, Made, Method

from pix2pix_onthefly.editor import Editor
from pix2pix_onthefly.evaluation.rivals import METHODS, make_method
from pix2pix_onthefly.options import EditOptions
from pix2pix_onthefly.records import EditCaptions
from tests.evaluation.fixtures import draw_picture
from tests.helpers import AFTER, BEFORE

UNTRAINED = [name for name in METHODS if not name.startswith(("instruct", "hive"))]
STEPS = 4
"""As few as `sdedit-0.3` takes."""
CASE = Case(
    "1/1/single",
    draw_picture(3, (64, 64)),
    "make the cat a blue dog",
    BEFORE[0],
    EditCaptions((BEFORE[0],), (AFTER[0],), "given"),
    seed=5,
)
OTHER = replace(
    CASE, picture=draw_picture(8, (64, 64)), seed=6, captions=EditCaptions(("a red cat",), ("a red table",), "given")
)


def quick(name: str, editor: Editor, options: EditOptions) -> Method:
    """A method with as little work as it can do: two steps, one round of regularisation."""
    changes = {"regularisation_rounds": 1, "auto_correlation_rolls": 1} if name == "pix2pix-zero-diffusers" else {}
    steps = STEPS if name.startswith("sdedit") else 2
    return make_method(name, editor, options.with_changes(steps=steps), **changes)


def only(method: Method, case: Case) -> Made:
    (made,) = method.edit([case])
    return made


def pixels(made: Made) -> np.ndarray[Any, Any]:
    return np.asarray(made.image, dtype=np.int16)
