"""The command `web`."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from importlib.util import find_spec
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ..errors import InputError, OnTheFlyError
from ..models.families import EDIT_ROLES
from ..options import kind_of
from ..presets import PRESETS
from .console import STAGES, complain
from .flags import MODEL_FLAGS, Flag, edit_flags, help_of, settings
from .loading import load_editor
from .requests import EditRequest

if TYPE_CHECKING:
    from ..editor import Editor
    from ..web.fields import Field
    from ..web.starting import Form

Host = Annotated[
    str, typer.Option(metavar="ADDRESS", help="Address to listen at; 0.0.0.0 lets other machines see the page.")
]
Port = Annotated[int, typer.Option(metavar="INTEGER", help="Port to listen at; 0 takes a free one.", min=0, max=65535)]
InBrowser = Annotated[bool, typer.Option("--open", help="Open the page in a browser.")]


@settings(models=MODEL_FLAGS)
def web(host: Host = "127.0.0.1", port: Port = 7860, in_browser: InBrowser = False, *, models: dict[str, Any]) -> None:
    """Edit pictures in a browser.

    Nobody but this machine sees the page unless --host says so; what is uploaded is deleted after an hour and at the
    end. Ctrl-C ends it.
    """
    if find_spec("gradio") is None:
        raise OnTheFlyError("the package gradio is not installed; install it with pip install 'pix2pix-onthefly[web]'")
    from ..web.starting import make_page, private_folder, shown

    editor = load_editor(models, EDIT_ROLES)
    with private_folder() as folder:
        page = make_page(editor, form_of(editor), folder)
        try:
            with shown(page, host, _port(port), browser=in_browser) as address:
                complain(f"The page is at {address}")
                threading.Event().wait()
        except OSError as error:
            raise InputError(
                f"nothing can listen at {host}:{port} ({error}); choose another with --port, or 0 for a free one"
            ) from error


def form_of(editor: Editor) -> Form:
    """What the page offers: every setting of an edit, made from the same records as the command line's options."""
    from ..methods.table import METHODS
    from ..running.defaults import DEFAULT_METHOD
    from ..web.starting import Form

    def like(recipe: Mapping[str, object], name: str, same_picture: bool) -> EditRequest:
        mine = EditRequest(models={"family": editor.family_name})
        return mine.like(recipe, name, same_picture=same_picture)

    methods = {name: "" for name, row in METHODS.items() if row.listed}
    fields = [_field_of(flag) for flag in edit_flags()]
    return Form(fields, methods, tuple(PRESETS), DEFAULT_METHOD, STAGES, like)


def _field_of(flag: Flag) -> Field:
    from ..web.fields import Field

    item = flag.field.metadata
    return Field(
        flag.name,
        flag.panel,
        help_of(flag),
        kind_of(flag.field),
        tuple(item["choices"]),
        item["minimum"],
        item["maximum"],
        flag.common,
        tuple(method for method, _ in flag.defaults),
    )


def _port(port: int) -> int:
    """A free one for 0, which Gradio takes for none."""
    if port:
        return port
    import socket

    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])
