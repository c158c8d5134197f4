"""The command `methods`: the ways of editing, and their settings."""

from __future__ import annotations

from ..evaluation.rivals import register_rivals
from ..methods.table import METHODS
from .arguments import AsJson
from .console import say, say_json


def methods(as_json: AsJson = False) -> None:
    """List the ways of editing ('--method'), and what 'evaluate' can compare them with."""
    register_rivals()
    rows = {name: row for name, row in METHODS.items() if name != "reconstruction"}
    if as_json:
        found = {
            name: {"about": f"{name} {row.about}", "settings": row.options.flat(), "edits": row.listed}
            for name, row in rows.items()
        }
        say_json({"methods": found})
        return
    for name, row in rows.items():
        say(f"{name}{'' if row.listed else ' (evaluate only)'} {row.about}")
        for setting, value in row.options.flat().items():
            say(f"  --{setting.replace('_', '-')} {'-' if value in (None, '') else value}")
        say()
