"""What an editing method looks like to the evaluation: ours, and everything it is compared with."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

from PIL import Image

from ...records import EditCaptions


@dataclass(frozen=True)
class Case:
    """One edit that a method is asked for.

    Attributes:
        key: names it within a run, such as `12/2/single`.
        picture: RGB, at its own size.
        instruction: what should change.
        source_caption: the picture's caption, which methods that invert condition on.
        captions: before and after the edit.
        seed: of everything random.
    """

    key: str
    picture: Image.Image = field(repr=False)
    instruction: str
    source_caption: str
    captions: EditCaptions
    seed: int = 0


@dataclass(frozen=True)
class Made:
    """What a method made of a case.

    Attributes:
        image: RGB, at the picture's size.
        reconstruction: the unedited regeneration, where the method makes one; at the size it was worked on.
        seconds: its share of the time its batch took.
    """

    image: Image.Image = field(repr=False)
    reconstruction: Image.Image | None = field(default=None, repr=False)
    seconds: float = 0.0


class Method(Protocol):
    """An editing method with its weights loaded.

    Attributes:
        name: of its row in tables.
        batch: how many cases of one picture size it takes at once, at most.
    """

    name: str
    batch: int

    def models(self) -> dict[str, str]:
        """Its model rows, by role."""
        ...

    def settings(self) -> dict[str, object]:
        """All its options, as plain data."""
        ...

    def edit(self, cases: Sequence[Case]) -> list[Made]:
        """Edits pictures of one size; no case influences another.

        Raises:
            ModelUnavailableError: weights that are not on this machine, in one sentence.
        """
        ...
