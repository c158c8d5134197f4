"""Results for tests that need no models."""

from __future__ import annotations

from typing import Any

from PIL import Image

from pix2pix_onthefly.options import EditOptions
from pix2pix_onthefly.records import EditCaptions, EditResult

CAPTIONS = EditCaptions(("a cat",), ("a dog",), "complied", kind="replace")


def result(colour: str = "red", **changes: Any) -> EditResult:
    """An edit of a picture of 8 by 8 pixels."""
    picture = Image.new("RGB", (8, 8), colour)
    known: dict[str, Any] = {
        "image": picture,
        "source": picture,
        "reconstruction": None,
        "instruction": "make the cat a dog",
        "caption": "a cat",
        "captions": CAPTIONS,
        "options": EditOptions(steps=7),
        "family": "mini",
        "models": {},
        "versions": {},
        "seconds": {"caption": 1.0, "edit": 2.0},
        "source_sha256": "0" * 64,
    }
    return EditResult(**{**known, **changes})
