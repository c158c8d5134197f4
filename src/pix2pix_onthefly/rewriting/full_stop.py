"""Captions with and without their full stops."""

from __future__ import annotations


def without_full_stop(caption: str) -> str:
    """The caption without the full stop at its end; one of dots alone stays as it is.

    Language models write captions as sentences (Fig. 5), captioners do not. Between `a cat on a sofa`, the captioner's,
    and `A dog on a sofa.` the text encoder would see the full stop as part of the change.
    """
    return caption.rstrip().rstrip(".").rstrip() or caption
