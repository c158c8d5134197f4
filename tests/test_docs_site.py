"""What the site of docs/ promises: the messages of the troubleshooting page, links, the navigation, nothing fetched."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
GAP = "…"


def _texts(tree: ast.AST) -> Iterator[str]:
    """All texts of a module, with a gap where something is put in."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value
        elif isinstance(node, ast.JoinedStr):
            parts = (str(part.value) if isinstance(part, ast.Constant) else GAP for part in node.values)
            yield "".join(parts)


@pytest.fixture(scope="module")
def said() -> str:
    """All that the program may say."""
    sources = (ROOT / "src" / "pix2pix_onthefly").rglob("*.py")
    return "\n".join(text for path in sources for text in _texts(ast.parse(path.read_text(encoding="utf-8"))))


@pytest.fixture(scope="module")
def hooks() -> Any:
    """docs/hooks.py, where mkdocs is installed."""
    pytest.importorskip("mkdocs")
    return _module("hooks")


def _module(name: str) -> Any:
    """A file of docs/, which is no package."""
    spec = spec_from_file_location(name, DOCS / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _messages() -> list[str]:
    page = (DOCS / "troubleshooting.md").read_text(encoding="utf-8")
    return re.findall(r"^### `(.+)`$", page, re.MULTILINE)


def test_the_page_of_messages_has_many() -> None:
    assert len(_messages()) > 25


@pytest.mark.parametrize("message", _messages())
def test_the_program_still_says_what_is_explained(message: str, said: str) -> None:
    """Every part between gaps, in a row, within one text."""
    parts = [re.escape(part) for part in message.split(GAP)]
    assert re.search(r"[^\n]*?".join(parts), said), f"nothing says {message}"


def test_links_between_files_become_links_of_the_site(hooks: Any) -> None:
    text = "[a](../CONTRIBUTING.md) [b](evaluation.md#x) [c](../examples/first_edit.ipynb) [d](https://example.org/a)"
    made = hooks.site_links(text, "docs/index.md")
    assert made == "[a](contributing.md) [b](evaluation.md#x) [c](first_edit.ipynb) [d](https://example.org/a)"
    assert hooks.site_links("[a](docs/architecture.md)", "CONTRIBUTING.md") == "[a](architecture.md)"
    assert hooks.site_links("[a](../evaluation.md)", "docs/results/x.md") == "[a](../evaluation.md)"


def test_pages_that_fetch_from_elsewhere_are_noticed(hooks: Any) -> None:
    fetching = '<script async src="https://example.org/a.js"></script><link rel=stylesheet href=//example.org/a.css>'
    assert hooks.fetched_from_elsewhere(fetching) == ["https://example.org/a.js", "//example.org/a.css"]
    assert hooks.fetched_from_elsewhere('<a href="https://example.org">x</a><img src="steps/noise.png">') == []


def test_a_line_of_the_docstrings_that_tells_of_several_names_is_taken_apart() -> None:
    pytest.importorskip("griffe")
    text = "Args:\n    before, after: captions.\n    seed: a, b: c\n\nRaises:\n    InputError, OptionError: bad."
    made = _module("docstrings").taken_apart(text)
    assert "    before: with `after`.\n    after: captions.\n    seed: a, b: c\n" in made
    assert "InputError, OptionError: bad." in made


def test_every_page_is_in_the_navigation() -> None:
    navigation = (ROOT / "mkdocs.yml").read_text(encoding="utf-8").split("\nnav:\n")[1]
    pages = {path.relative_to(DOCS).as_posix() for path in DOCS.rglob("*.md")}
    lacking = {page for page in pages if page not in navigation}
    assert not lacking, f"mkdocs.yml's nav lacks {lacking}"
