"""Which commit of this program is running."""

from __future__ import annotations

import subprocess
from functools import cache
from pathlib import Path

_PATIENCE = 20
"""Seconds."""


@cache
def revision() -> str | None:
    """The last commit that touched this package, with a plus sign where files differ from it; None outside of git."""
    try:
        commit = _git("log", "-1", "--format=%H", "--", ".")
        changed = bool(commit) and _git("status", "--porcelain", "--", ".")
    except (OSError, subprocess.SubprocessError):
        return None
    return f"{commit}{'+' if changed else ''}" if commit else None


def _git(*arguments: str) -> str:
    folder = Path(__file__).resolve().parents[2]
    ran = subprocess.run(["git", *arguments], cwd=folder, capture_output=True, check=True, timeout=_PATIENCE, text=True)
    return ran.stdout.strip()
