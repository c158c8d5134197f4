"""Imports go one way: who may know whom, read from the source itself, imports inside functions included."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

import pix2pix_onthefly

ROOT = Path(pix2pix_onthefly.__file__).parent
PACKAGE = ROOT.name
FORBIDDEN = [
    ("methods", ("captioning", "language", "rewriting", "pictures", "running", "evaluation", "editor")),
    ("backbones", ("methods", "inversions", "captioning", "language", "rewriting", "running", "models", "evaluation")),
    ("inversions", ("methods", "captioning", "language", "rewriting", "running", "models", "evaluation")),
    ("captioning", ("backbones", "methods", "inversions", "language", "rewriting", "running", "models", "evaluation")),
    ("rewriting", ("backbones", "methods", "inversions", "captioning", "pictures", "running", "models", "evaluation")),
    ("language", ("backbones", "methods", "inversions", "captioning", "pictures", "running", "evaluation")),
    ("pictures", ("backbones", "methods", "inversions", "captioning", "rewriting", "running", "models", "evaluation")),
    ("models", ("methods", "inversions", "running", "evaluation", "editor")),
    ("world", ("backbones", "methods", "captioning", "rewriting", "running", "models", "evaluation", "editor")),
    ("running", ("batch", "server", "evaluation", "editor")),
    ("batch", ("server", "evaluation")),
    ("server", ("batch", "evaluation")),
    ("workers", ("batch", "evaluation", "editor", "running", "models", "methods", "backbones", "records", "options")),
    ("options", ("records", "methods", "backbones", "running", "models", "evaluation", "editor")),
    ("errors", ("options", "records")),
]
"""Room, and the rooms that it knows nothing of, not even for types."""


@dataclass(frozen=True)
class Import:
    """One import statement: from which module, of which, and whether it runs when the module is imported."""

    importer: str
    imported: str
    at_once: bool

    @property
    def rooms(self) -> tuple[str, str]:
        """Top folders or files below the package; of other packages their name."""
        return _room(self.importer), _room(self.imported)


def _room(module: str) -> str:
    parts = module.split(".")
    return parts[0] if parts[0] != PACKAGE else parts[1] if len(parts) > 1 else ""


def _module_of(path: Path) -> str:
    parts = path.relative_to(ROOT.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {_module_of(path): path for path in sorted(ROOT.rglob("*.py"))}


def _statements(tree: ast.AST, at_once: bool = True) -> Iterator[tuple[ast.Import | ast.ImportFrom, bool]]:
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.Import | ast.ImportFrom):
            yield node, at_once
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            yield from _statements(node, False)
        elif isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            for part, late in ((node.body, False), (node.orelse, at_once)):
                for statement in part:
                    yield from _statements(ast.Module([statement], []), late)
        else:
            yield from _statements(node, at_once)


def _imports(module: str, path: Path) -> Iterator[Import]:
    package = module if path.name == "__init__.py" else module.rpartition(".")[0]
    for node, at_once in _statements(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        else:
            above = package.split(".")[: len(package.split(".")) - node.level + 1] if node.level else []
            base = ".".join([*above, *([node.module] if node.module else [])])
            within = [f"{base}.{alias.name}" for alias in node.names]
            names = [name if name in MODULES else base for name in within]
        for name in names:
            yield Import(module, name, at_once)


IMPORTS = [found for module, path in MODULES.items() for found in _imports(module, path)]


def _named(found: list[Import]) -> list[str]:
    return [f"{one.importer} imports {one.imported}" for one in found]


def test_the_imports_are_found() -> None:
    """Else all tests below would pass on an empty list."""
    assert Import(f"{PACKAGE}.editor", f"{PACKAGE}.running.local", True) in IMPORTS
    assert Import(f"{PACKAGE}.cli.edit", f"{PACKAGE}.pictures.saving", False) in IMPORTS


def test_nothing_imports_the_command_line() -> None:
    assert not _named([one for one in IMPORTS if one.rooms[1] == "cli" and one.rooms[0] not in ("cli", "__main__")])


def test_only_the_command_line_knows_typer() -> None:
    libraries = ("typer", "click", "argparse")
    assert not _named([one for one in IMPORTS if one.rooms[1] in libraries and one.rooms[0] != "cli"])


def test_only_the_command_line_imports_the_evaluation() -> None:
    assert not _named(
        [one for one in IMPORTS if one.rooms[1] == "evaluation" and one.rooms[0] not in ("evaluation", "cli")]
    )


def test_ray_is_imported_where_it_is_asked_for_alone() -> None:
    own = f"{PACKAGE}.workers.ray_"
    assert not _named([one for one in IMPORTS if one.rooms[1] == "ray"])  # by name, so that its absence can be told
    assert not _named(
        [one for one in IMPORTS if one.imported.startswith(own) and one.at_once and not one.importer.startswith(own)]
    )


@pytest.mark.parametrize(("room", "others"), FORBIDDEN, ids=[room for room, _ in FORBIDDEN])
def test_a_room_knows_only_what_it_needs(room: str, others: tuple[str, ...]) -> None:
    assert not _named([one for one in IMPORTS if one.rooms[0] == room and one.rooms[1] in others])


def test_no_modules_import_each_other_in_a_circle() -> None:
    graph: dict[str, set[str]] = {module: set() for module in MODULES}
    for one in IMPORTS:
        if one.at_once and one.imported in MODULES and one.imported != one.importer:
            graph[one.importer].add(one.imported)
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        pytest.fail(f"a circle of imports: {' -> '.join(error.args[1])}")
