"""A visit's further edits of a picture do nothing twice."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from PIL import Image, ImageChops

from pix2pix_onthefly.editor import Editor
from pix2pix_onthefly.pictures.opening import opened_of
from pix2pix_onthefly.records import EditCaptions, EditResult
from pix2pix_onthefly.web.making import Wish, make
from pix2pix_onthefly.web.visit import Visit

CAPTIONS = EditCaptions(("a cat",), ("a dog",), "given")


class Desk:
    """A visit, and what its last edit went through."""

    def __init__(self, editor: Editor) -> None:
        self.editor, self.visit, self.stages = editor, Visit(), list[str]()

    def make(self, wish: Wish) -> EditResult:
        self.stages.clear()

        def progress(stage: str, done: int, total: int) -> None:
            if stage not in self.stages:
                self.stages.append(stage)

        def keep(visit: Visit) -> None:
            self.visit = visit

        return make(self.editor, self.visit, wish, progress, keep)


@pytest.fixture
def desk(editor: Editor) -> Desk:
    return Desk(editor)


def _wish(editor: Editor, method: str, **changes: Any) -> Wish:
    opened = opened_of(Image.new("RGB", (64, 64), "orange"))
    options = editor.options(method=method, steps=3, attempts=1, force=True)
    return replace(Wish(opened, "make the cat a dog", options), **changes)


@pytest.mark.parametrize(("method", "prepared"), [("flow", "reconstruct"), ("attention", "invert")])
def test_an_edit_with_other_captions_goes_through_editing_alone(desk: Desk, method: str, prepared: str) -> None:
    first = desk.make(_wish(desk.editor, method))
    assert {"caption", prepared, "rewrite", "edit"} <= set(desk.stages)
    again = desk.make(_wish(desk.editor, method, captions=CAPTIONS, caption=first.caption))
    assert desk.stages == ["edit"]
    assert again.captions == CAPTIONS
    assert again.caption == first.caption


def test_the_edit_is_that_of_a_picture_which_was_not_prepared(desk: Desk) -> None:
    wish = _wish(desk.editor, "attention", captions=CAPTIONS, caption="a cat")
    plain = desk.editor.edit(wish.opened, options=wish.options, caption="a cat", captions=CAPTIONS)
    # within rounding: kept maps come of another batch of rows
    differences = ImageChops.difference(desk.make(wish).image, plain.image).getextrema()
    assert max(high for _, high in differences) <= 2  # pyright: ignore[reportGeneralTypeIssues]


def test_another_caption_or_picture_is_prepared_anew(desk: Desk) -> None:
    desk.make(_wish(desk.editor, "flow", captions=CAPTIONS, caption="a cat"))
    desk.make(_wish(desk.editor, "flow", captions=CAPTIONS, caption="a tabby cat"))
    assert "reconstruct" in desk.stages
    other = opened_of(Image.new("RGB", (64, 64), "green"))
    desk.make(_wish(desk.editor, "flow", opened=other, captions=CAPTIONS, caption="a cat"))
    assert "reconstruct" in desk.stages


def test_what_does_not_touch_the_picture_leaves_it_prepared(desk: Desk) -> None:
    desk.make(_wish(desk.editor, "flow", captions=CAPTIONS, caption="a cat"))
    more = desk.editor.options(method="flow", steps=3, candidates=2, keep="off", shots=0)
    result = desk.make(_wish(desk.editor, "flow", options=more, captions=CAPTIONS, caption="a cat"))
    assert desk.stages == ["edit"]
    assert len(result.others) == 1
