"""The best of several: candidates in the order of how well the captioner finds the edit in them.

A captioner gives the likelihood of a text as the caption of a picture (VisualGPTScore, Lin et al. 2024, ranks by it).
By how much it finds the after-captions likelier than the before-captions tells whether the edit is there. It is another
model than those that score edits in tables, so that no table measures its own ranking.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from statistics import fmean

from ..captioning.captioner import Captioner
from ..pictures.fitting import as_rgb
from ..records import EditResult


def ranked(candidates: Sequence[EditResult], captioner: Captioner) -> list[EditResult]:
    """The candidates of one edit, the best first; each knows its agreement."""
    rated = [replace(one, agreement=agreement(one, captioner)) for one in candidates]
    return sorted(rated, key=lambda one: -(one.agreement or 0.0))


def agreement(result: EditResult, captioner: Captioner) -> float:
    """Mean log-likelihood a token of the after-captions, less that of the before-captions."""
    captions = result.captions
    found = captioner.likelihoods(as_rgb(result.image), [*captions.after, *captions.before])
    return fmean(found[: len(captions.after)]) - fmean(found[len(captions.after) :])
