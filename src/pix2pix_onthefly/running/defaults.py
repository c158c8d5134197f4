"""The settings of an edit or a drawing where nothing else was asked for: a method's, a family's and a preset's."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..methods.table import method_options
from ..models.families import Family
from ..options import DrawOptions, EditOptions, FlowOptions, MethodOptions, scaled_down
from ..presets import preset

DEFAULT_METHOD = FlowOptions.name


def options_for(
    family: Family,
    *,
    method: str | MethodOptions | None = None,
    named: str | None = None,
    changes: Mapping[str, Any] | None = None,
) -> EditOptions:
    """The settings of an edit with a family.

    What is given wins over the preset, the preset over the family's own defaults, and those over the method's.

    Args:
        method: its name or its options; the preset's, or the default one, if not given.
        named: name of a preset; of its settings those count that the method has.
        changes: settings by flat names.

    Raises:
        OptionError: an unknown name or a bad value.
    """
    chosen, given = preset(named), dict(changes or {})
    wanted = method or given.pop("method", None) or chosen.pop("method", None) or DEFAULT_METHOD
    given.pop("method", None)
    chosen.pop("method", None)
    record = method_options(wanted) if isinstance(wanted, str) else wanted
    known = EditOptions.of(record).flat().keys()
    below = {name: value for name, value in {**family.option_defaults, **chosen}.items() if name in known}
    if isinstance(wanted, str):  # a record of the caller's own means what it says
        record = scaled_down(record, family.guidance_factor, {**below, **given})
    return EditOptions.of(record).with_changes(**{**below, **given})


def draw_options_for(family: Family, changes: Mapping[str, Any] | None = None) -> DrawOptions:
    """The settings of a drawing with a family, whose own steps and guidance are those of its edits.

    Args:
        changes: settings by name, which win over the family's.

    Raises:
        OptionError: an unknown name or a bad value.
    """
    usual = DrawOptions()
    own = {name: value for name, value in family.option_defaults.items() if name in usual.flat()}
    return usual.with_changes(**{**own, **(changes or {})})


def changed_settings(options: Mapping[str, Any], family: Family, method: str | None) -> dict[str, Any]:
    """Of flat settings, such as a recipe's, those that are not a family's defaults: what somebody asked for."""
    usual = options_for(family, method=method).flat()
    return {name: value for name, value in options.items() if usual.get(name) != value}
