"""Small sets that several tests read and none changes."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.evaluation.fixtures import write_set
from tests.evaluation.runs import write_world


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small MiniBrush."""
    return write_world(tmp_path_factory.mktemp("world") / "small")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A set in MagicBrush's layout, for one test alone."""
    return write_set(tmp_path / "set")
