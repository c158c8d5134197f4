"""Files and folders under a name of their own until they are whole; what a killed process left behind is cleared."""

from __future__ import annotations

import os
import time
import uuid
from collections.abc import Generator
from contextlib import contextmanager, suppress
from pathlib import Path

from .errors import OutputError

STALE_AFTER = 3600.0
"""Seconds without a change after which nobody can still be writing."""
_BEGINNING, _ENDING = ".onthefly-", ".part"


@contextmanager
def written_whole(
    path: Path, *, failures: tuple[type[Exception], ...] = (), cure: str = "make room or give another place"
) -> Generator[Path, None, None]:
    """Gives a name beside `path` to write to; that file takes the place of `path` if the body ends well.

    It vanishes otherwise, also when a signal ends the program; what a killed process left in the folder goes too.

    Args:
        path: the file; folders that are missing are made.
        failures: what the body raises, beside OSError, when it cannot write.
        cure: what to do about it, for the sentence.

    Raises:
        OutputError: it cannot be written.
    """
    part = unfinished(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        clear_unfinished(path.parent, below=False)
        yield part
        os.replace(part, path)
    except (OSError, *failures) as error:
        reason = getattr(error, "strerror", None) or error
        raise OutputError(f"{path} could not be written ({reason}); {cure}") from error
    finally:
        with suppress(OSError):  # nothing was begun
            part.unlink()


def unfinished(path: Path) -> Path:
    """A name beside a path that no other process takes."""
    return path.with_name(f"{_BEGINNING}{uuid.uuid4().hex}{_ENDING}")


def clear_unfinished(folder: Path, *, below: bool = True, older_than: float = STALE_AFTER) -> None:
    """Removes files whose writer was killed; a young one may belong to another process and stays.

    Args:
        folder: where to look.
        below: in the folders below it as well.
        older_than: seconds without a change; 0 for whoever knows that nobody else writes there.
    """
    pattern = f"{_BEGINNING}*{_ENDING}"
    for path in folder.rglob(pattern) if below else folder.glob(pattern):
        try:
            if path.is_file() and time.time() - path.stat().st_mtime >= older_than:
                path.unlink()
        except OSError:
            continue  # its writer has finished, or it is somebody else's: no reason not to write ours
