"""Commands for other programs: serve, mcp."""

from __future__ import annotations

import os
from typing import Any

from ..extras import import_extra
from ..models.families import EDIT_ROLES
from ..options import LoadOptions
from ..server.settings import KEY_VARIABLE, ServeOptions
from .console import complain
from .flags import flags_of, settings
from .loading import load_editor

_MODELS = flags_of(LoadOptions, without=("map_memory",))


@settings(server=flags_of(ServeOptions), models=_MODELS)
def serve(*, server: dict[str, Any], models: dict[str, Any]) -> None:
    """Edit pictures for other programs, as OpenAI's clients ask for it.

    POST /v1/images/edits edits, /docs describes it. Callers must show the key in ONTHEFLY_API_KEY, if there is one. The
    first Ctrl-C or SIGTERM lets what runs come to its end.
    """
    options = ServeOptions().with_changes(**server)
    for library in ("fastapi", "uvicorn", "python_multipart", "prometheus_client"):
        import_extra(library, "serve")
    from ..server.app import make_app
    from ..server.listening import listen

    editor = load_editor(models, EDIT_ROLES)
    for role in EDIT_ROLES if not editor.settings.low_vram else ():
        with editor.models.using(role):  # loaded before the first request comes
            pass
    key = os.environ.get(KEY_VARIABLE) or None
    listen(make_app(editor, options, key), options, lambda address: complain(f"Listening at {address}/docs"))


@settings(models=_MODELS)
def mcp(*, models: dict[str, Any]) -> None:
    """Offer edits to assistants as tools, on standard input and output (Model Context Protocol)."""
    import_extra("mcp", "mcp")
    from ..server.tools import make_tools

    make_tools(load_editor(models, EDIT_ROLES)).run("stdio")
