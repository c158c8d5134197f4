"""One edit for the page: what the picture's earlier edits made is used again."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace

from PIL import Image

from ..editor import Editor
from ..options import EditOptions, RewritingOptions
from ..pictures.digest import picture_digest
from ..pictures.opening import OpenedPicture
from ..records import EditCaptions, EditResult, Prepared, Progress
from .visit import Visit


@dataclass(frozen=True)
class Wish:
    """What is asked for.

    Attributes:
        opened: the picture.
        instruction: what should change.
        options: settings.
        caption: the picture's, in place of the captioner's; None to have it written.
        captions: before and after, in place of the language model's.
        answer: to the question that the instruction leaves open.
        mask: of the picture's size, white where something may change.
    """

    opened: OpenedPicture = field(repr=False)
    instruction: str
    options: EditOptions
    caption: str | None = None
    captions: EditCaptions | None = None
    answer: str | None = None
    mask: Image.Image | None = field(default=None, repr=False)


def preparation_of(options: EditOptions) -> EditOptions:
    """The part of the settings that a prepared picture depends on: pictures of equal ones serve the same edits."""
    return replace(options, rewriting=RewritingOptions(), keep="off", candidates=1, best=False)


def make(editor: Editor, visit: Visit, wish: Wish, progress: Progress, keep: Callable[[Visit], object]) -> EditResult:
    """Makes an edit. The picture's caption, inversion and predictions are those of the visit where it has them.

    Args:
        keep: takes the visit with what was prepared, which is of use also where the edit is not made.

    Raises:
        OnTheFlyError: with a sentence for the user.
    """
    prepared = _prepared(editor, visit, wish, progress, keep)
    return editor.edit(
        prepared,
        wish.instruction,
        options=wish.options,
        captions=wish.captions,
        answer=wish.answer,
        mask=wish.mask,
        progress=progress,
    )


def _prepared(
    editor: Editor, visit: Visit, wish: Wish, progress: Progress, keep: Callable[[Visit], object]
) -> Prepared:
    picture = wish.opened.rgba or wish.opened.image
    settings = (picture_digest(picture), preparation_of(wish.options))
    asked = (*settings, wish.caption)
    ready = visit.ready(asked)
    if ready is None:
        ready = editor.prepare(wish.opened, options=wish.options, caption=wish.caption, progress=progress)
        keep(visit.with_prepared((*settings, ready.caption), ready).with_prepared(asked, ready))
    return ready
