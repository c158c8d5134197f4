"""All ways of editing by name. Light: a method's code is imported when it is first made."""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from importlib import import_module
from typing import TYPE_CHECKING, Any

from ..code_digest import code_digest
from ..errors import OptionError
from ..options import (
    AttentionOptions,
    ChordOptions,
    DdimOptions,
    EditFriendlyOptions,
    FixedDirectionOptions,
    FlowOptions,
    MethodOptions,
    PromptToPromptOptions,
    ReconstructionOptions,
    SdeditOptions,
)

if TYPE_CHECKING:
    from ..models.residency import Models
    from .method import Method


@dataclass(frozen=True)
class MethodRow:
    """One way of editing.

    Attributes:
        options: its record with its defaults, whose `name` is the method's.
        about: what it does, in one sentence that follows its name.
        make: makes it: called with its options and the models in use, whose device and precision count for methods
            with weights of their own. A text `module:name` is imported when needed.
        title: its name in tables, where that is another.
        listed: whether it edits, so that people are offered it.
    """

    options: MethodOptions
    about: str
    make: str | Callable[[Any, Models], Method] = field(repr=False)
    title: str = ""
    listed: bool = True

    @property
    def factory(self) -> Callable[[Any, Models], Method]:
        """What makes it."""
        if not isinstance(self.make, str):
            return self.make
        module, _, name = self.make.partition(":")
        return getattr(import_module(module), name)

    @property
    def source_digest(self) -> str:
        """Hash of the code it is made by and works with: results that were made by other code are others."""
        return code_digest(import_module(self.factory.__module__))


_HERE = __name__.rpartition(".")[0]

METHODS: dict[str, MethodRow] = {
    row.options.name: row
    for row in (
        MethodRow(
            FlowOptions(),
            "moves the picture by what predictions for the two captions differ in, within a region that it finds",
            f"{_HERE}.flow:FlowEditing",
        ),
        MethodRow(
            ChordOptions(),
            "moves the picture in one stride, by five predictions: a look at an edit, and models of few steps",
            f"{_HERE}.chord:ChordEditing",
        ),
        MethodRow(
            AttentionOptions(),
            "is the paper's: regenerates the picture along the edit direction, held to its cross-attention maps",
            f"{_HERE}.attention_guidance:AttentionGuidance",
            title="Pix2Pix-OnTheFly",
        ),
        MethodRow(
            DdimOptions(),
            "inverts the picture and draws the after-caption from its noise, without guidance by maps",
            f"{_HERE}.ddim:DdimEditing",
        ),
        MethodRow(
            SdeditOptions(),
            "adds noise up to a share of the schedule and draws the after-caption from there",
            f"{_HERE}.sdedit:Sdedit",
        ),
        MethodRow(
            EditFriendlyOptions(),
            "draws the after-caption with the noise that a random path to the picture holds",
            f"{_HERE}.edit_friendly:EditFriendly",
        ),
        MethodRow(
            PromptToPromptOptions(),
            "draws the after-caption beside the picture, with the picture's attention maps; best with --inversion "
            "null-text",
            f"{_HERE}.prompt_to_prompt:PromptToPrompt",
        ),
        MethodRow(
            FixedDirectionOptions(),
            "is the paper's along a fixed direction between what changes, from a few hundred sentences about either",
            f"{_HERE}.fixed_direction:FixedDirection",
        ),
        MethodRow(
            ReconstructionOptions(),
            "regenerates the picture unedited",
            f"{_HERE}.reconstruction:Reconstructing",
            listed=False,
        ),
    )
}
"""Name to row; `register_method` adds to it."""


def register_method(row: MethodRow) -> None:
    """Adds a way of editing under the name of its options."""
    METHODS[row.options.name] = row


def method_row(options: MethodOptions) -> MethodRow:
    """The row of a method's options.

    Raises:
        OptionError: nobody has registered it.
    """
    if options.name not in METHODS:
        raise OptionError(f"the method {options.name!r} is not known here; import what registers it first")
    return METHODS[options.name]


def make_method(options: MethodOptions, models: Models) -> Method:
    """The method of some options.

    Raises:
        OptionError: no such method, or options that do not go together.
        ModelUnavailableError: weights of its own are not on this machine and cannot be had.
    """
    return method_row(options).factory(options, models)


def method_options(name: str) -> MethodOptions:
    """The default options of a name: one in `METHODS`, or with a strength behind it, such as `sdedit-0.5`.

    Raises:
        OptionError: no such method.
    """
    if name in METHODS:
        return METHODS[name].options
    found = re.fullmatch(r"(.+)-(\d*\.?\d+)", name)
    if found and found[1] in METHODS and "strength" in METHODS[found[1]].options.flat():
        return METHODS[found[1]].options.with_changes(strength=float(found[2]))
    listed = [known for known, row in METHODS.items() if row.listed]
    close = difflib.get_close_matches(name, listed, n=1)
    hint = f"did you mean {close[0]!r}?" if close else f"choose one of {', '.join(listed)}"
    raise OptionError(f"there is no method {name!r}; {hint}")
