"""Puts weights that were written in small files together again: `training.all --parts` writes them.

python -m training.parts out/weights                # into the package
python -m training.parts out/weights --into FOLDER  # or elsewhere
"""

from __future__ import annotations

import argparse
import hashlib
import io
import json
import shutil
import sys
import tarfile
import tempfile
from pathlib import Path

from .common import PACKAGED, write_json

PART_BYTES = 15 * 2**20
MANIFEST = "weights.json"
_NAME = "weights.tar"


def write_parts(folder: Path, target: Path, part_bytes: int = PART_BYTES) -> list[Path]:
    """Writes a folder as one archive in parts, with a list of them; what an earlier call left there is replaced."""
    target.mkdir(parents=True, exist_ok=True)
    archive = _archive(folder)
    for old in target.glob(f"{_NAME}.*"):
        old.unlink()
    parts: list[Path] = []
    for start in range(0, len(archive), part_bytes):
        parts.append(target / f"{_NAME}.{len(parts):02}")
        parts[-1].write_bytes(archive[start : start + part_bytes])
    digest = hashlib.sha256(archive).hexdigest()
    write_json(target / MANIFEST, {"parts": [part.name for part in parts], "sha256": digest})
    return parts


def join_parts(source: Path, folder: Path) -> list[Path]:
    """Unpacks the archive whose parts lie in `source` into a folder; files of the same names are replaced.

    Raises:
        ValueError: a part is missing or is not as it was written. Nothing has been changed then.
    """
    manifest = source / MANIFEST
    if not manifest.is_file():
        raise ValueError(f"{source} holds no {MANIFEST}; give the folder that --parts wrote")
    listed = json.loads(manifest.read_text())
    missing = [name for name in listed["parts"] if not (source / name).is_file()]
    if missing:
        raise ValueError(f"{source} lacks {', '.join(missing)}; copy all parts and {MANIFEST} into it")
    archive = b"".join((source / name).read_bytes() for name in listed["parts"])
    if hashlib.sha256(archive).hexdigest() != listed["sha256"]:
        raise ValueError(f"the parts in {source} are not as they were written; copy them again")
    return _unpack(archive, folder)


def _archive(folder: Path) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for path in sorted(path for path in folder.rglob("*") if path.is_file()):
            archive.add(path, arcname=path.relative_to(folder).as_posix())
    return buffer.getvalue()


def _unpack(archive: bytes, folder: Path) -> list[Path]:
    """By way of a temporary folder, so that a broken archive changes nothing."""
    written: list[Path] = []
    with tempfile.TemporaryDirectory() as scratch:
        with tarfile.open(fileobj=io.BytesIO(archive)) as opened:
            opened.extractall(scratch, filter="data")
        for path in sorted(path for path in Path(scratch).rglob("*") if path.is_file()):
            written.append(folder / path.relative_to(scratch))
            written[-1].parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, written[-1])
    return written


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("source", type=Path, help="the folder that --parts wrote")
    parser.add_argument("--into", type=Path, default=PACKAGED)
    given = parser.parse_args()
    try:
        written = join_parts(given.source, given.into)
    except ValueError as error:
        parser.error(str(error))
    print(f"{len(written)} files: {given.into}", file=sys.stderr)


if __name__ == "__main__":
    main()
