"""Small sets, and an editor with tiny random models, for several tests."""

from __future__ import annotations

from pathlib import Path

import pytest

from pix2pix_onthefly.editor import Editor
from pix2pix_onthefly.options import EditOptions
from tests.evaluation.fixtures import write_set
from tests.evaluation.rivals.cases import STEPS
from tests.evaluation.runs.made import write_world


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small MiniBrush."""
    return write_world(tmp_path_factory.mktemp("world") / "small")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A set in MagicBrush's layout, for one test alone."""
    return write_set(tmp_path / "set")


@pytest.fixture
def editor(tiny_family: str) -> Editor:
    """Three pictures at a time."""
    return Editor.load(tiny_family, device="cpu", batch=3)


@pytest.fixture
def options(editor: Editor) -> EditOptions:
    """Few steps."""
    return editor.options(steps=STEPS)
