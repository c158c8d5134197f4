"""Files that are written whole or not at all, and what killed processes leave behind."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest

from pix2pix_onthefly import files
from pix2pix_onthefly.errors import OutputError
from pix2pix_onthefly.pictures import saving
from tests.pictures.made import gradient


def left_behind(folder: Path, *, hours: float) -> Path:
    """What a process that was killed some time ago had written."""
    folder.mkdir(parents=True, exist_ok=True)
    part = files.unfinished(folder / "x.png")
    part.write_bytes(b"half")
    then = time.time() - hours * 3600
    os.utime(part, (then, then))
    return part


def save_picture(folder: Path) -> None:
    saving.save(gradient(), folder / "new.png", None, overwrite=True)


def write_anything(folder: Path) -> None:
    with files.written_whole(folder / "new.json") as part:
        part.write_text("{}")


@pytest.mark.parametrize("write", [save_picture, write_anything])
def test_saving_clears_what_killed_processes_left_in_the_folder(tmp_path: Path, write: Callable[[Path], None]) -> None:
    stale, young = left_behind(tmp_path, hours=2), left_behind(tmp_path, hours=0.5)
    deeper = left_behind(tmp_path / "deeper", hours=2)
    other = tmp_path / "other.part"
    other.write_bytes(b"somebody else's")
    os.utime(other, (0, 0))
    write(tmp_path)
    assert not stale.exists()
    assert young.exists()  # its writer may be at work
    assert deeper.exists()  # a picture is saved among anything: nothing but its own folder is looked at
    assert other.exists()
    assert len(list(tmp_path.iterdir())) == 4


def test_what_cannot_be_cleared_is_no_reason_not_to_save(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stale = left_behind(tmp_path, hours=2)
    remove = Path.unlink

    def refuse(path: Path, missing_ok: bool = False) -> None:
        if path == stale:
            raise PermissionError(1, "Operation not permitted")
        remove(path, missing_ok)

    monkeypatch.setattr(Path, "unlink", refuse)
    save_picture(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == [stale.name, "new.png"]


def test_a_file_is_there_whole_or_not_at_all(tmp_path: Path) -> None:
    target = tmp_path / "new" / "a.txt"
    with files.written_whole(target) as part:
        assert part.parent == target.parent  # so that it can take its name in one step
        part.write_text("whole")
        assert not target.exists()
    assert target.read_text() == "whole"
    with suppress(KeyboardInterrupt), files.written_whole(target) as part:
        part.write_text("half")
        raise KeyboardInterrupt
    assert [(path.name, path.read_text()) for path in target.parent.iterdir()] == [("a.txt", "whole")]


@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), EOFError("encoder")])
def test_why_a_file_could_not_be_written_is_told_in_one_sentence(tmp_path: Path, error: Exception) -> None:
    with (
        pytest.raises(OutputError, match=r"a\.txt could not be written \((No space|encoder).*\); buy a disk$"),
        files.written_whole(tmp_path / "a.txt", failures=(EOFError,), cure="buy a disk"),
    ):
        raise error
    with pytest.raises(ZeroDivisionError), files.written_whole(tmp_path / "a.txt"):
        raise ZeroDivisionError  # not about writing
    assert not list(tmp_path.iterdir())


def test_a_folder_below_a_file_is_told_of(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(OutputError, match="could not be written"), files.written_whole(tmp_path / "file" / "a.txt"):
        pytest.fail("was entered")
