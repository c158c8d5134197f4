"""Zips unpacked into a folder: whole or not at all, once, and never outside of it."""

from __future__ import annotations

import json
import os
import re
import shutil
import stat
import zipfile
import zlib
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from ...errors import InputError, OutputError
from ...files import unfinished
from ...records import Progress, no_progress

PASSWORD = "MagicBrush"
"""Published with MagicBrush's test set."""
MAX_ENTRIES = 100_000
MAX_BYTES = 64 * 10**9
MAX_RATIO = 100
"""Pictures hardly shrink: a zip that grows more than this is a bomb, unless it is small anyway."""
SMALL_BYTES = 10**9

_MARKER = ".unpacked.json"
_READABLE = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA)
_AES = 99
_ENCRYPTED, _STRONGLY_ENCRYPTED = 0x1, 0x40
_BY_HAND = f"unpack it with 7-Zip (the password of MagicBrush is {PASSWORD}) and give the folder"


def unpack(path: Path, into: Path | None = None, progress: Progress = no_progress) -> Path:
    """Unpacks a zip, unless that was done before; returns the folder, by default `<name>.unpacked` beside the zip.

    The password is tried where entries ask for one. That old encryption is slow to undo in Python, about a megabyte a
    second.

    Raises:
        InputError: no zip, an unsafe or oversized one, or one that cannot be read.
        OutputError: no room or no right to write.
    """
    folder = path.with_name(f"{path.stem}.unpacked") if into is None else into
    try:
        with zipfile.ZipFile(path) as archive:
            _check(path, archive.infolist())
            _unpack_once(path, archive, folder, progress)
    except NotImplementedError as error:
        raise InputError(f"{path} is a zip that Python cannot read ({error}); {_BY_HAND}") from error
    except (zipfile.BadZipFile, EOFError, ValueError) as error:
        raise InputError(f"{path} is not a sound zip ({error}); get it again") from error
    except FileNotFoundError as error:
        raise InputError(f"there is no file {path}; check the name and the folder") from error
    except OSError as error:
        raise InputError(f"{path} cannot be read ({error.strerror}); check its permissions") from error
    return folder


def _unpack_once(path: Path, archive: zipfile.ZipFile, folder: Path, progress: Progress) -> None:
    marker = _marker(path)
    if _read_marker(folder) == marker:
        return
    try:
        with new_folder(folder, replace=_read_marker(folder) is not None) as part:
            _check_room(path, part, archive.infolist())
            _extract(path, archive, part, progress)
            (part / _MARKER).write_text(json.dumps(marker), encoding="utf-8")
    except OutputError:
        if _read_marker(folder) != marker:  # else another process was faster
            raise


def _marker(path: Path) -> dict[str, object]:
    status = path.stat()
    return {"zip": path.name, "bytes": status.st_size, "modified": status.st_mtime_ns}


def _read_marker(folder: Path) -> object:
    try:
        return json.loads((folder / _MARKER).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None


def _check(path: Path, entries: list[zipfile.ZipInfo]) -> None:
    """Looks at the table of contents only, before anything is written."""
    for entry in entries:
        _check_name(path, entry)
        if entry.compress_type == _AES or entry.flag_bits & _STRONGLY_ENCRYPTED:
            raise InputError(f"{path} is encrypted in a way that Python cannot read (AES); {_BY_HAND}")
        if entry.compress_type not in _READABLE:
            raise InputError(f"{path} is compressed in a way that Python cannot read; {_BY_HAND}")
    total = sum(entry.file_size for entry in entries)
    if len(entries) > MAX_ENTRIES or total > MAX_BYTES:
        raise InputError(
            f"{path} holds {len(entries)} entries of {total / 1e9:.1f} GB in all, more than any known set; "
            "unpack it by hand if you trust it, and give the folder"
        )
    if total > SMALL_BYTES and total > MAX_RATIO * path.stat().st_size:
        raise InputError(
            f"{path} would grow to more than {MAX_RATIO} times its size, which pictures never do; get it again"
        )


def _check_name(path: Path, entry: zipfile.ZipInfo) -> None:
    name = entry.filename
    absolute = name.startswith("/") or re.match("[A-Za-z]:", name)
    if absolute or "\\" in name or ".." in name.split("/"):
        raise InputError(f"{path} holds the entry {name!r}, which may lie outside its folder; get the zip again")
    kind = stat.S_IFMT(entry.external_attr >> 16)  # 0 where the zip was made on Windows
    if kind not in (0, stat.S_IFREG, stat.S_IFDIR):
        raise InputError(f"{path} holds the entry {name!r}, a link or a device instead of a file; get the zip again")


def _check_room(path: Path, folder: Path, entries: list[zipfile.ZipInfo]) -> None:
    needed, free = sum(entry.file_size for entry in entries), shutil.disk_usage(folder).free
    if needed > free:
        raise OutputError(
            f"{path} needs {needed / 1e9:.1f} GB unpacked, and {folder.parent} has {free / 1e9:.1f} GB left; "
            "make room or unpack it into another folder"
        )


def _extract(path: Path, archive: zipfile.ZipFile, folder: Path, progress: Progress) -> None:
    entries = archive.infolist()
    total, done = sum(entry.file_size for entry in entries), 0
    for entry in entries:
        progress("unpack", done // 10**6, total // 10**6)
        _extract_entry(path, archive, entry, folder)
        done += entry.file_size
    progress("unpack", total // 10**6, total // 10**6)


def _extract_entry(path: Path, archive: zipfile.ZipFile, entry: zipfile.ZipInfo, folder: Path) -> None:
    try:
        archive.extract(entry, folder, pwd=PASSWORD.encode())
    except NotImplementedError:
        raise
    except RuntimeError as error:  # zipfile's way to say that the password is wrong
        raise InputError(
            f"{path} has a password other than {PASSWORD}; unpack it by hand and give the folder"
        ) from error
    except (zipfile.BadZipFile, zlib.error, EOFError) as error:
        password = f", or has a password other than {PASSWORD}" if entry.flag_bits & _ENCRYPTED else ""
        raise InputError(f"{path} is broken or incomplete at {entry.filename!r}{password}; get it again") from error


@contextmanager
def new_folder(folder: Path, *, replace: bool = False) -> Generator[Path, None, None]:
    """Gives a folder to fill, which becomes `folder` if the body ends well and vanishes otherwise.

    Raises:
        OutputError: `folder` is there, is not empty and may not be replaced; or the place cannot be written to.
    """
    folder = Path(os.path.abspath(folder))  # "." has no name
    part, old = unfinished(folder), unfinished(folder)
    try:
        if not replace and os.path.lexists(folder) and not (folder.is_dir() and not any(folder.iterdir())):
            raise OutputError(f"{folder} exists already and holds something else; give a new or an empty folder")
        part.mkdir(parents=True)
        yield part
        if folder.is_dir():  # a folder that is not empty cannot be replaced in one step
            folder.rename(old) if replace else folder.rmdir()
        _put(part, folder, old)
    except OSError as error:
        raise OutputError(f"{folder} could not be filled ({error.strerror or error}); try another place") from error
    finally:
        shutil.rmtree(part, ignore_errors=True)
        shutil.rmtree(old, ignore_errors=True)


def _put(part: Path, folder: Path, old: Path) -> None:
    """Gives a finished folder its name; where that fails the old one gets it back."""
    try:
        part.rename(folder)
    except BaseException:
        if old.exists():
            old.rename(folder)
        raise
