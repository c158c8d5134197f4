"""Settings of an edit as tables, forms and requests give them: by flat names, often as texts."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from ..methods.table import METHODS
from ..options import EditOptions, InversionOptions, RewritingOptions, flag_of, settings_in, unknown_option
from ..settings import value_of_text

NAMED = ("method", "preset")
"""What may stand beside the settings: names that choose some."""


def known_settings() -> dict[str, dataclasses.Field[Any]]:
    """Every setting of an edit by flat name, those of all methods that people are offered included; of a name that
    several methods have the first one's."""
    records = [EditOptions, RewritingOptions, InversionOptions]
    records += [type(row.options) for row in METHODS.values() if row.listed]
    found: dict[str, dataclasses.Field[Any]] = {}
    for record in records:
        for field in settings_in(record):
            found.setdefault(flag_of(field), field)
    return found


def settings_from(given: Mapping[str, object]) -> dict[str, Any]:
    """Settings by flat name, texts turned into values; `method` and `preset` among them stay as they are.

    What is empty counts as not given. Ranges are checked where the options are made.

    Raises:
        OptionError: an unknown name, or a text that is no value of its setting.
    """
    known = known_settings()
    made: dict[str, Any] = {}
    for name, value in given.items():
        flat = name.replace("-", "_")
        if value is None or value == "":
            continue
        if flat in NAMED:
            made[flat] = str(value)
            continue
        if flat not in known:
            raise unknown_option(name, known)
        made[flat] = value_of_text(known[flat], value) if isinstance(value, str) else value
    return made
