"""Named sets of settings."""

from __future__ import annotations

from typing import Any

from .errors import OptionError

PRESETS: dict[str, dict[str, Any]] = {
    # Sections 3.1 and 3.3, and the best CLIP-T of 6.1: one example, one caption, the captioner's caption first.
    "paper": {
        "method": "attention",
        "steps": 100,
        "keep": "off",
        "candidates": 1,
        "best": False,
        "inversion": "aligned",
        "regularisation_rounds": 0,
        "guided_share": 1.0,
        "carried_row": "source",
        "direction_scale": 1.0,
        "cross_attention_guidance": 0.15,
        "rewriter": "language-model",
        "captions": 1,
        "shots": 1,
        "wording": "terse",
        "lock_first_caption": True,
        "as_typed": True,
        "full_stops": True,
        "force": True,
        "constrain": False,
    },
    # A look at what an edit will be.
    "quick": {"method": "chord"},
}
"""Named sets of settings by flat names; what the user gives beside the name wins."""


def preset(name: str | None) -> dict[str, Any]:
    """The settings of a preset; none for None.

    Raises:
        OptionError: there is no preset of that name.
    """
    if name is None:
        return {}
    if name not in PRESETS:
        raise OptionError(f"there is no preset {name!r}; the presets are {', '.join(PRESETS)}")
    return dict(PRESETS[name])
