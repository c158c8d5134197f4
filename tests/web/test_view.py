"""What the page's parts become."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from pix2pix_onthefly.errors import InputError
from pix2pix_onthefly.web.visit import Visit
from tests.web.results import result

gr = pytest.importorskip("gradio", reason="the extra `web` is not installed")


@pytest.fixture
def view(tmp_path: Path) -> Any:
    from pix2pix_onthefly.web import parts
    from pix2pix_onthefly.web.view import View

    with gr.Blocks():
        return View(parts.Parts(parts.inputs((), {"flow": ""}, (), "flow", ()), parts.outputs(), ()), tmp_path)


def test_looking_at_something_else_leaves_an_edit_that_is_under_way_to_be_stopped(view: Any) -> None:
    given, shown = view.parts.inputs, view.parts.outputs
    visit = Visit().added(result(), result().source)
    for updates in (view.showing(visit), view.back_at(visit), view.back_at(Visit()), view.failed(InputError("bad"))):
        assert not updates.keys() & {given.edit, given.stop, shown.preview}


def test_an_edit_that_is_over_leaves_nothing_to_stop(view: Any) -> None:
    given = view.parts.inputs
    idle = view.idle()
    assert (idle[given.edit]["interactive"], idle[given.stop]["interactive"]) == (True, False)


def test_the_edit_that_is_looked_at_can_be_downloaded_and_its_captions_changed(view: Any) -> None:
    shown = view.parts.outputs
    updates = view.showing(Visit().added(result(), result().source))
    assert Path(updates[shown.download]["value"]).is_file()
    assert (updates[shown.before], updates[shown.after]) == ("a cat", "a dog")
    assert view.showing(Visit())[shown.download]["interactive"] is False
