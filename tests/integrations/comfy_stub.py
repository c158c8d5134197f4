"""ComfyUI's API as far as the node pack uses it, for it is in no package registry.

Classes, arguments and checks are those of `comfy_api.latest`: an unknown argument fails here as it would there, and
so do ids that are not unique, or a node without a schema.
"""

from __future__ import annotations

import sys
from collections import Counter
from dataclasses import dataclass, field
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest


@dataclass
class Input:
    """A socket on the left."""

    id: str
    display_name: str | None = None
    optional: bool = False
    tooltip: str | None = None


@dataclass
class Output:
    """A socket on the right."""

    id: str | None = None
    display_name: str | None = None
    tooltip: str | None = None
    is_output_list: bool = False


@dataclass
class Widget(Input):
    """A socket that is a field of the node, too."""

    default: Any = None


@dataclass
class Number(Widget):
    """Of ints and floats."""

    min: float | None = None
    max: float | None = None
    step: float | None = None


@dataclass
class Text(Widget):
    """Of strings."""

    multiline: bool = False
    placeholder: str | None = None


@dataclass
class Choice(Widget):
    """Of one of several texts."""

    options: list[str] = field(default_factory=list)


def _kind(input_class: type) -> Any:
    return SimpleNamespace(Input=input_class, Output=Output)


@dataclass
class Schema:
    """What a node takes and gives."""

    node_id: str
    display_name: str | None = None
    category: str = "sd"
    inputs: list[Any] = field(default_factory=list)
    outputs: list[Any] = field(default_factory=list)
    description: str = ""

    def validate(self) -> None:
        """Ids are unique, inputs and outputs together."""
        ids = [one.id for one in (*self.inputs, *self.outputs)]
        twice = [name for name, count in Counter(ids).items() if count > 1]
        if twice:
            raise ValueError(f"ids must be unique, but {twice} are not")


class NodeOutput:
    """What a node gives, in the order of its outputs."""

    def __init__(self, *args: Any, ui: Any = None) -> None:
        self.args, self.ui = args, ui


class ComfyNode:
    """Base of all nodes; `run` calls one as the server does, with every widget's value."""

    @classmethod
    def define_schema(cls) -> Schema:
        raise NotImplementedError

    @classmethod
    def execute(cls, **inputs: Any) -> NodeOutput:
        raise NotImplementedError


def run(node: Any, **given: Any) -> NodeOutput:
    """Calls a node with the values of its widgets and what is connected to it."""
    schema = node.define_schema()
    schema.validate()
    widgets = {one.id: one.default for one in schema.inputs if isinstance(one, Widget)}
    unknown = given.keys() - {one.id for one in schema.inputs}
    assert not unknown, f"{schema.node_id} has no inputs {unknown}"
    values = {**widgets, **given}
    lacking = {one.id for one in schema.inputs if not one.optional} - values.keys()
    assert not lacking, f"{schema.node_id} needs {lacking}"
    made = node.execute(**values)
    assert isinstance(made, NodeOutput)
    assert len(made.args) == len(schema.outputs)
    return made


class ComfyExtension:
    """Base of packs."""

    async def get_node_list(self) -> list[type[ComfyNode]]:
        raise NotImplementedError


class PreviewText:
    """A text on the node."""

    def __init__(self, value: str) -> None:
        self.value = value


class ProgressBar:
    """What is told of progress, kept for a test."""

    told: list[tuple[int, int]] = []  # noqa: RUF012

    def __init__(self, total: int) -> None:
        self.total = total

    def update_absolute(self, value: int, total: int | None = None) -> None:
        """Where the work stands."""
        self.told.append((value, total or self.total))


def install(patch: pytest.MonkeyPatch) -> None:
    """Makes `comfy_api.latest` and `comfy.utils` importable while a test runs."""
    io = SimpleNamespace(
        ComfyNode=ComfyNode,
        Schema=Schema,
        NodeOutput=NodeOutput,
        Image=_kind(Input),
        Mask=_kind(Input),
        String=_kind(Text),
        Int=_kind(Number),
        Float=_kind(Number),
        Boolean=_kind(Widget),
        Combo=_kind(Choice),
    )
    names = {"io": io, "ui": SimpleNamespace(PreviewText=PreviewText), "ComfyExtension": ComfyExtension}
    utils = {"ProgressBar": ProgressBar}
    for name, content in (("comfy_api", {}), ("comfy_api.latest", names), ("comfy", {}), ("comfy.utils", utils)):
        module = ModuleType(name)
        vars(module).update(content)
        patch.setitem(sys.modules, name, module)
    vars(sys.modules["comfy"])["utils"] = sys.modules["comfy.utils"]
