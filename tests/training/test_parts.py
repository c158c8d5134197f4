"""Weights in small files, and back."""

from __future__ import annotations

import random
import re
from pathlib import Path

import pytest

from training.parts import MANIFEST, PART_BYTES, join_parts, write_parts


@pytest.fixture
def weights(tmp_path: Path) -> Path:
    folder = tmp_path / "weights"
    (folder / "unet").mkdir(parents=True)
    (folder / "unet/model.safetensors").write_bytes(random.Random(0).randbytes(50_000))
    (folder / "model_index.json").write_text("{}\n")
    return folder


def _contents(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_parts_are_small_and_make_the_same_folder_again(weights: Path, tmp_path: Path) -> None:
    parts = write_parts(weights, tmp_path / "parts", part_bytes=9_999)
    assert len(parts) > 5
    assert all(part.stat().st_size <= 9_999 for part in parts)
    join_parts(tmp_path / "parts", tmp_path / "again")
    assert _contents(tmp_path / "again") == _contents(weights)
    assert PART_BYTES == 15 * 1024 * 1024


def test_a_second_writing_leaves_no_old_parts(weights: Path, tmp_path: Path) -> None:
    write_parts(weights, tmp_path / "parts", part_bytes=5_000)
    parts = write_parts(weights, tmp_path / "parts")
    assert _contents(tmp_path / "parts").keys() == {MANIFEST, parts[0].name}


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (lambda part: part.unlink(), "lacks weights.tar.01"),
        (lambda part: part.write_bytes(b"x" * 9_999), "not as they were written"),
        (lambda part: (part.parent / MANIFEST).unlink(), f"holds no {MANIFEST}"),
    ],
)
def test_spoilt_parts_change_nothing(weights: Path, tmp_path: Path, spoil: object, words: str) -> None:
    parts = write_parts(weights, tmp_path / "parts", part_bytes=9_999)
    spoil(parts[1])  # type: ignore[operator]
    with pytest.raises(ValueError, match=re.escape(words)):
        join_parts(tmp_path / "parts", tmp_path / "again")
    assert not (tmp_path / "again").exists()
