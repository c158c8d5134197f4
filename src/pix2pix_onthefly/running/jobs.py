"""What an executor is given and what it gives back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

from PIL import Image

from ..errors import InputError, OnTheFlyError, OptionError
from ..options import EditOptions
from ..pictures.masks import check_mask
from ..records import Conditioning, EditCaptions, EditResult, Prepared, Progress, no_progress
from ..rewriting.instructions import check_instruction


@dataclass(frozen=True)
class Job:
    """One edit that is asked for.

    Attributes:
        picture: RGB at its own size, or what `Editor.prepare` made of it.
        instruction: what should change; may be empty where captions or a direction are given.
        options: settings.
        caption: the picture's caption, in place of the captioner's.
        captions: before and after the edit, in place of the language model's.
        answer: to a question that the instruction leaves open; the likeliest one if not given.
        direction: in place of the captions'.
        mask: L, of the picture's size: nothing changes where it is black.
        rgba: the picture with its opacity, where it has any; a prepared one holds its own.

    Raises:
        InputError, OptionError: texts that are blank, too long or do not go together; a mask of another size.
    """

    picture: Image.Image | Prepared = field(repr=False)
    instruction: str
    options: EditOptions
    caption: str | None = None
    captions: EditCaptions | None = None
    direction: Conditioning | None = field(default=None, repr=False)
    answer: str | None = None
    mask: Image.Image | None = field(default=None, repr=False)
    rgba: Image.Image | None = field(default=None, repr=False)

    @property
    def original(self) -> Image.Image:
        """The picture at its own size."""
        return self.picture.original if isinstance(self.picture, Prepared) else self.picture

    @property
    def original_rgba(self) -> Image.Image | None:
        """The picture at its own size with its opacity, where it has any."""
        return self.picture.rgba if isinstance(self.picture, Prepared) else self.rgba

    def __post_init__(self) -> None:
        check_mask(self.mask, self.original)
        if self.caption is not None and not self.caption.strip():
            raise InputError("the caption is empty; say what the picture shows, or leave it out")
        if self.captions is None and self.direction is None:
            check_instruction(self.instruction)


class Executor(Protocol):
    """Makes edits: orders them by stage, shares what they have in common, uses each model once at a time."""

    def map(self, jobs: Sequence[Job], progress: Progress = no_progress) -> list[EditResult | OnTheFlyError]:
        """The results in the order of the jobs; for a job that cannot be done the reason.

        Raises:
            OnTheFlyError: no job can be done, for want of models or memory.
        """
        ...


def texts(value: object, side: str) -> tuple[str, ...]:
    """Captions as given by a caller: one text is one caption, a sequence of texts is several, None is none.

    Raises:
        InputError: something else, or a blank text.
    """
    given = (value,) if isinstance(value, str) else value if value is not None else ()
    if not isinstance(given, Sequence) or not all(isinstance(text, str) for text in given):
        raise InputError(f"{side} must be a text or a list of texts, not {type(value).__name__}")
    if any(not text.strip() for text in given):
        raise InputError("a caption is empty: write what the picture shows before and after the edit")
    return tuple(given)


def given_captions(
    before: object, after: object, direction: Conditioning | None = None, kind: str = ""
) -> EditCaptions | None:
    """A caller's own captions, if there are any.

    Args:
        kind: of the edit, where it is known; it is read from the captions otherwise.

    Raises:
        InputError: captions for one side only, or blank ones.
        OptionError: captions beside a direction, which would count for nothing.
    """
    ahead, behind = texts(before, "before"), texts(after, "after")
    if bool(ahead) != bool(behind):
        raise InputError("captions must be given for both sides: at least one before and one after the edit")
    if ahead and direction is not None:
        raise OptionError("a direction takes the place of captions before and after the edit; leave one of them out")
    if not ahead and direction is None:
        return None
    return EditCaptions(ahead, behind, "given", kind=kind if ahead else "")
