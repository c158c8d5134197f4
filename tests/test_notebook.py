"""examples/first_edit.ipynb, its cells run one after another as a reader would."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

NOTEBOOK = Path(__file__).parents[1] / "examples" / "first_edit.ipynb"


def cells(kind: str) -> list[dict[str, Any]]:
    content = json.loads(NOTEBOOK.read_text(encoding="utf-8"))
    assert content["nbformat"] == 4
    return [cell for cell in content["cells"] if cell["cell_type"] == kind]


def test_the_cells_work_one_after_another(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copy(NOTEBOOK.parent / "car.png", tmp_path)
    monkeypatch.chdir(tmp_path)
    names: dict[str, Any] = {}
    for cell in cells("code"):
        exec(compile("".join(cell["source"]), cell["id"], "exec", dont_inherit=True), names)
    told = capsys.readouterr().out
    assert "beach" in told
    assert "snow" in told
    assert names["snowy"].image.tobytes() != names["result"].image.tobytes()
    with Image.open("beach.png") as saved:
        assert saved.size == names["picture"].size


def test_it_is_stored_without_outputs() -> None:
    """They would be those of another day's weights."""
    assert all(not cell["outputs"] and cell["execution_count"] is None for cell in cells("code"))
