"""The page as a whole, and the server that shows it."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .examples import examples_for
from .fields import Field
from .visit import Visits

if TYPE_CHECKING:
    from ..editor import Editor
    from .filling import Like

LONGEST_KEPT = 3600
"""Seconds after which a file of a visit is deleted."""
LARGEST_UPLOAD = "50mb"
MOST_WAITING = 32
"""So many edits wait for their turn at most."""


@dataclass(frozen=True)
class Form:
    """What the command line knows of settings and recipes.

    Attributes:
        fields: the settings that are offered.
        methods: ways of editing, with a word about each.
        presets: names.
        usual: the default way of editing.
        stages: names of an edit's stages for people.
        like: reads a recipe.
    """

    fields: Sequence[Field] = field(repr=False)
    methods: Mapping[str, str]
    presets: Sequence[str]
    usual: str
    stages: Mapping[str, str]
    like: Like


@contextmanager
def private_folder() -> Generator[Path]:
    """A folder that this user alone may read, for uploads and edits; gone at the end.

    Gradio reads its place, and whether it may tell others of its use, from the environment when it is imported.
    """
    folder = Path(tempfile.mkdtemp(prefix="onthefly-web-"))
    os.environ["GRADIO_TEMP_DIR"] = str(folder)
    os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def make_page(editor: Editor, form: Form, folder: Path) -> Any:
    """The page, not yet shown to anybody.

    Args:
        folder: of `private_folder`.
    """
    import gradio as gr

    from . import parts
    from .editing import Editing
    from .events import Events
    from .look import TITLE
    from .view import View

    examples = tuple((example, folder / f"{example.name}.png") for example in examples_for(editor.family))
    for example, path in examples:
        example.picture().save(path)
    with gr.Blocks(title=TITLE, analytics_enabled=False, delete_cache=(600, LONGEST_KEPT), fill_width=True) as page:
        precision = str(editor.dtype).removeprefix("torch.")
        parts.heading(
            TITLE, f"Models: **{editor.family_name}**, {editor.family.about}. On **{editor.device}**, {precision}."
        )
        with gr.Row(elem_id="columns"):
            with gr.Column(scale=2, min_width=320, elem_id="asking"):
                given = parts.inputs(form.fields, form.methods, form.presets, form.usual, examples)
            with gr.Column(scale=3, min_width=320, elem_id="shown"):
                shown = parts.outputs()
        whole = parts.Parts(given, shown, form.fields)
        view, visits = View(whole, folder), Visits()
        Events(view, Editing(editor, view, visits, form.stages), visits, form.like, examples).connect(page)
    return page.queue(max_size=MOST_WAITING)


@contextmanager
def shown(page: Any, host: str, port: int, *, browser: bool = False) -> Generator[str]:
    """Serves a page until the block ends; gives its address.

    Raises:
        OSError: nothing can listen there.
    """
    from .look import CSS, theme

    _, address, _ = page.launch(
        server_name=host,
        server_port=port,
        inbrowser=browser,
        prevent_thread_lock=True,
        quiet=True,
        share=False,
        ssr_mode=False,
        mcp_server=False,
        enable_monitoring=False,
        show_error=False,
        footer_links=[],
        run_history=False,
        max_file_size=LARGEST_UPLOAD,
        theme=theme(),
        css=CSS,
    )
    try:
        yield str(address)
    finally:
        page.close(verbose=False)
