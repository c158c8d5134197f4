"""An editor for a command: quiet libraries, and models that are on this machine before any work is done."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING, Any

from .console import complain, quieten_libraries

if TYPE_CHECKING:
    from ..editor import Editor


def load_editor(models: Mapping[str, Any], roles: Collection[str]) -> Editor:
    """An editor whose libraries keep quiet, and whose models of some roles are on this machine: what has to be
    downloaded, or cannot be had, shows before any work is done.

    Args:
        models: settings of `LoadOptions`.
        roles: of the models that will be used.

    Raises:
        InputError, OptionError, ModelUnavailableError: with a sentence for the user.
    """
    complain("Loading models ...")  # the libraries alone take seconds
    from ..editor import Editor
    from ..models import hub
    from ..models.loading import is_half

    quieten_libraries()
    editor = Editor.load(**models)
    for role in roles:
        hub.make_sure(getattr(editor.family, role), role, half=is_half(editor.dtype))
    return editor
