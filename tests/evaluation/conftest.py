"""Small sets for several tests; the rivals are among the methods."""

from __future__ import annotations

from pathlib import Path

import pytest

from pix2pix_onthefly.evaluation.rivals import register_rivals
from tests.evaluation.fixtures import write_set
from tests.evaluation.runs.made import write_world

register_rivals()


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small MiniBrush."""
    return write_world(tmp_path_factory.mktemp("world") / "small")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A set in MagicBrush's layout, for one test alone."""
    return write_set(tmp_path / "set")
