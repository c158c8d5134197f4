"""Zips are read as their folders are, and unpacked safely or not at all."""

from __future__ import annotations

import stat
import zipfile
from pathlib import Path
from types import SimpleNamespace

import pytest

from pix2pix_onthefly.errors import InputError, OutputError
from pix2pix_onthefly.evaluation.data import archives
from pix2pix_onthefly.evaluation.data.archives import PASSWORD
from pix2pix_onthefly.evaluation.data.magicbrush import load_dataset
from tests.evaluation.fixtures import (
    pretend_aes,
    texts_of,
    write_set,
    zip_folder,
    zip_with_entry,
)


@pytest.mark.parametrize("password", [None, PASSWORD])
@pytest.mark.parametrize("prefix", ["", "test/"])
def test_a_zip_reads_as_its_folder_does(folder: Path, tmp_path: Path, prefix: str, password: str | None) -> None:
    path = zip_folder(folder, tmp_path / "test.zip", prefix, password)
    dataset = load_dataset(path)
    assert texts_of(dataset) == texts_of(load_dataset(folder))
    assert dataset.turns[0].target.read_bytes() == (folder / "images" / "139" / "139-output1.png").read_bytes()
    assert dataset.folder == tmp_path / "test.unpacked" / prefix.strip("/")
    assert load_dataset(path, into=tmp_path / "elsewhere").folder.is_relative_to(tmp_path / "elsewhere")


def test_a_zip_is_unpacked_once_and_anew_when_it_has_changed(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = zip_folder(folder, tmp_path / "test.zip")
    load_dataset(path)
    with monkeypatch.context() as patch:
        patch.setattr(zipfile.ZipFile, "extract", lambda *_, **__: pytest.fail("unpacked again"))
        load_dataset(path)
    zip_folder(write_set(tmp_path / "other", {"7": 1}), path)
    assert [turn.session for turn in load_dataset(path).turns] == ["7"]
    assert sorted(child.name for child in tmp_path.iterdir()) == ["other", "set", "test.unpacked", "test.zip"]


@pytest.mark.parametrize(
    "name", ["/etc/evil", "../evil", "images/../../evil", "C:/evil", "c:evil", "..\\evil", "images\\evil"]
)
def test_entries_that_may_lie_outside_are_refused_before_anything_is_written(tmp_path: Path, name: str) -> None:
    path = zip_with_entry(tmp_path / "evil.zip", name)
    with pytest.raises(InputError, match="outside its folder"):
        load_dataset(path)
    assert [child.name for child in tmp_path.iterdir()] == ["evil.zip"]


@pytest.mark.parametrize("kind", [stat.S_IFLNK, stat.S_IFIFO, stat.S_IFCHR])
def test_links_and_devices_are_refused_before_anything_is_written(tmp_path: Path, kind: int) -> None:
    path = zip_with_entry(tmp_path / "evil.zip", "images", kind=kind)
    with pytest.raises(InputError, match="a link or a device"):
        load_dataset(path)
    assert [child.name for child in tmp_path.iterdir()] == ["evil.zip"]


def test_zips_that_python_cannot_decrypt_tell_what_to_do(folder: Path, tmp_path: Path) -> None:
    path = zip_folder(folder, tmp_path / "test.zip")
    pretend_aes(path)
    with pytest.raises(InputError, match=f"AES.*7-Zip.*{PASSWORD}.*give the folder"):
        load_dataset(path)
    with pytest.raises(InputError, match=f"password other than {PASSWORD}"):
        load_dataset(zip_folder(folder, tmp_path / "other.zip", password="another"))
    assert sorted(child.name for child in tmp_path.iterdir()) == ["other.zip", "set", "test.zip"]


def test_broken_zips_leave_nothing_behind(folder: Path, tmp_path: Path) -> None:
    path = zip_folder(folder, tmp_path / "test.zip")
    content = bytearray(path.read_bytes())
    with zipfile.ZipFile(path) as archive:
        last = archive.infolist()[-1]
    content[last.header_offset + 30 + len(last.filename) + 5] ^= 0xFF
    path.write_bytes(bytes(content))
    with pytest.raises(InputError, match="broken or incomplete at"):
        load_dataset(path)
    path.write_bytes(bytes(content[: len(content) // 2]))
    with pytest.raises(InputError, match="not a sound zip"):
        load_dataset(path)
    assert sorted(child.name for child in tmp_path.iterdir()) == ["set", "test.zip"]


def test_bombs_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "bomb.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("edit_sessions.json", bytes(3_000_000))
    monkeypatch.setattr(archives, "SMALL_BYTES", 10**6)
    with pytest.raises(InputError, match="times its size"):
        load_dataset(path)
    monkeypatch.setattr(archives, "MAX_BYTES", 10**6)
    with pytest.raises(InputError, match="more than any known set"):
        load_dataset(path)
    assert [child.name for child in tmp_path.iterdir()] == ["bomb.zip"]


def test_a_full_disk_is_told_before_unpacking(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = zip_folder(folder, tmp_path / "test.zip")
    monkeypatch.setattr(archives.shutil, "disk_usage", lambda _: SimpleNamespace(free=10))
    with pytest.raises(OutputError, match="make room"):
        load_dataset(path)
    assert sorted(child.name for child in tmp_path.iterdir()) == ["set", "test.zip"]


def test_somebody_elses_folder_is_not_touched(folder: Path, tmp_path: Path) -> None:
    path = zip_folder(folder, tmp_path / "test.zip")
    mine = tmp_path / "test.unpacked"
    mine.mkdir()
    (mine / "letter.txt").write_text("dear")
    with pytest.raises(OutputError, match="holds something else"):
        load_dataset(path)
    assert (mine / "letter.txt").read_text() == "dear"
