"""What a way of editing is. Command line, Python and evaluation run the same objects; `table.py` lists them."""

from __future__ import annotations

from collections.abc import Sequence, Set
from enum import Enum
from typing import Protocol

from ..backbones.backbone import Backbone
from ..backbones.flow_path import NO_NOISE
from ..options import EditOptions
from ..records import Case, Edited, Progress, no_progress


class Need(Enum):
    """What has to be there before a method can edit; the executor sees to it."""

    INVERSION = "inversion"
    """The noise that regenerates the picture: `Case.inverted`."""
    DIRECTION = "direction"
    """The edit direction between the captions: `Case.direction`."""
    SOURCE = "source"
    """Predictions for the unedited picture: made with the edit, or found in `Prepared.predictions`."""
    NOISE = "noise"
    """A backbone that predicts noise, along DDIM's path; whoever needs an inversion needs that, too."""
    CAPTIONS = "captions"
    """Captions before and after the edit."""


def refusal_of(needs: Set[Need], *, predicts_noise: bool) -> str:
    """Why a way of editing does not work on a kind of backbone, in one sentence; empty where it does.

    Args:
        predicts_noise: whether the backbone predicts noise, along DDIM's path, and no flow.
    """
    return NO_NOISE if needs & {Need.INVERSION, Need.NOISE} and not predicts_noise else ""


class Method(Protocol):
    """A way of editing.

    Attributes:
        needs: what each case must hold.
        batch: how many cases it takes at once, at most; None leaves that to the caller.
        models: rows of models of its own, by role; empty where it works on the backbone it is given.
    """

    needs: frozenset[Need]
    batch: int | None
    models: dict[str, str]

    def edit(
        self, backbone: Backbone, cases: Sequence[Case], options: EditOptions, progress: Progress = no_progress
    ) -> list[Edited]:
        """Edits pictures of one size; no case influences another.

        Args:
            options: with this method's own record in `options.method`.

        Raises:
            OptionError: the backbone lacks what the method works with.
        """
        ...
