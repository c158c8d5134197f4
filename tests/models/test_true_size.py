"""The family sd14 at its true size with random weights: loads from the hub's cache and edits within 24 GiB.

Deselected by default; `pytest -m true_size -s` runs it and prints time and memory. The models (11 GB) are built anew
unless ONTHEFLY_TRUE_SIZE names a folder for them.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest
from PIL import Image

from benchmarks.true_size import GIB, INSTRUCTION, Run, report, run_edit
from benchmarks.true_size_models import FAMILY, write_family
from pix2pix_onthefly.models.families import FAMILIES

pytestmark = pytest.mark.true_size

MOST_GIB = 24
SMALL = ("--precision", "bfloat16", "--low-vram")
CAPTIONS = ("--caption", "a cat", "--before", "a cat", "--after", "a dog")
STAGES = {"caption", "invert", "rewrite", "direct", "edit"}


@dataclass(frozen=True)
class Case:
    """An edit, and how much memory must be free for it."""

    size: tuple[int, int]
    arguments: tuple[str, ...]
    needed_gib: float
    attempts: int = 1


CASES = {
    "float32": Case((512, 512), (), 19),
    "bfloat16 low-vram": Case((512, 512), SMALL, 10),
    "captions given, 640x400": Case((640, 400), (*SMALL, *CAPTIONS), 8, attempts=0),
}


@pytest.fixture(scope="session")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A cache of the hub with the family's models."""
    named = os.environ.get("ONTHEFLY_TRUE_SIZE")
    folder = Path(named) if named else tmp_path_factory.mktemp("true-size")
    write_family(folder)
    return folder


def recorded(run: Run, key: str) -> dict[str, object]:
    entry = run.recipe[key]
    assert isinstance(entry, dict)
    return entry


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_edit_at_true_size(models: Path, tmp_path: Path, case: Case) -> None:
    """The ordinary command line: exit code 0, a picture of the input's size that is not of one colour, its recipe with
    every stage and the table's models, and a peak memory below 24 GiB."""
    if (free := psutil.virtual_memory().available / GIB) < case.needed_gib:
        pytest.skip(f"needs {case.needed_gib} GiB of free memory, and {free:.0f} GiB are free")
    output = tmp_path / "edited.png"
    run = run_edit(models, case.size, output, case.arguments)
    print(report(run))
    assert run.exit_code == 0, run.complaints
    with Image.open(output) as picture:
        assert picture.size == case.size
        assert all(darkest < brightest for darkest, brightest in picture.convert("RGB").getextrema())  # pyright: ignore
    assert run.recipe["instruction"] == INSTRUCTION
    assert run.recipe["family"] == FAMILY
    assert run.recipe["reconstruction_psnr"] > 0
    assert recorded(run, "options")["steps"] == 2
    assert len(recorded(run, "captions")["replies"]) == case.attempts  # pyright: ignore
    family = FAMILIES[FAMILY]
    assert set(recorded(run, "models").values()) >= {str(family.diffusion), str(family.captioner), str(family.rewriter)}
    assert recorded(run, "seconds").keys() >= STAGES
    assert run.peak_gib < MOST_GIB
