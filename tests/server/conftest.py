"""A server of the tiny family, the same for the tests of one module."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from pix2pix_onthefly.editor import Editor
from pix2pix_onthefly.models import families
from tests.conftest import TINY, register_tiny_family
from tests.server.running import Running, running


@pytest.fixture(scope="module")
def shared_editor(tiny_folder: Path) -> Iterator[Editor]:
    """An editor of the tiny family."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(families, "FAMILIES", dict(families.FAMILIES))
        register_tiny_family(tiny_folder)
        yield Editor.load(TINY, device="cpu", batch=3)


@pytest.fixture(scope="module")
def server(shared_editor: Editor) -> Iterator[Running]:
    """A server without a key."""
    with running(shared_editor, upload_limit=1.0) as one:
        yield one
