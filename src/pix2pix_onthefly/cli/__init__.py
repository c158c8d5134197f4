"""The command line `onthefly`: parses, calls the editor, shows. Nothing else imports it."""

from __future__ import annotations

from .app import main

__all__ = ["main"]
