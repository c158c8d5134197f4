"""Where a batch keeps what it makes, known by content: whatever ends the program, all that is there is whole.

DIR/<picture>-<instruction>-<key>.png    edited pictures with their recipes
DIR/results.jsonl                        one line an edit of the last run that came to its end
DIR/.onthefly/edits/<key>.json           one record a finished edit, written after its pictures
DIR/.onthefly/cache/                     captions and inversions
DIR/.onthefly/lock                       held while a run is under way
"""

from __future__ import annotations

import json
import re
from collections.abc import Generator, Iterable, Sequence
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from ..errors import InputError, OutputError
from ..files import clear_unfinished, written_whole
from ..pictures import saving
from ..records import EditResult
from .outcomes import Outcome

RESULTS = "results.jsonl"
_OWN, _EDITS, _CACHE, _LOCK = ".onthefly", "edits", "cache", "lock"
_LONGEST = 48
"""Letters of a picture's name, and of an instruction, in the name of what was made of them."""


class BatchFolder:
    """The folder of a batch.

    Args:
        path: where it is; made when first needed.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    @property
    def cache(self) -> Path:
        """Where shared work is kept."""
        return self.path / _OWN / _CACHE

    @contextmanager
    def held(self) -> Generator[None]:
        """For one run at a time; what a killed one left half-written is cleared.

        Raises:
            OutputError: another process is at work there, or it cannot be written to.
        """
        lock = FileLock(self.path / _OWN / _LOCK)
        try:
            (self.path / _OWN / _EDITS).mkdir(parents=True, exist_ok=True)
            lock.acquire(timeout=0)
        except Timeout as error:
            raise OutputError(f"another process is at work in {self.path}; wait for it, or give another") from error
        except OSError as error:
            raise OutputError(f"{self.path} cannot be written to ({error.strerror}); give another folder") from error
        try:
            clear_unfinished(self.path, older_than=0)
            yield
        finally:
            lock.release()

    def check_apart_from(self, images: Iterable[Path]) -> None:
        """Makes sure that what is made does not become what the next run is asked to edit.

        Raises:
            InputError: a picture to edit lies in this folder.
        """
        own = self.path.resolve()
        for image in images:
            if image.resolve().parent == own:
                raise InputError(f"{image} lies in {self.path}, where edits go; give another folder with --out")

    def known(self, key: str) -> Outcome | None:
        """What was made under a key, if all of its pictures are still there."""
        try:
            outcome = Outcome.of(json.loads(self._record(key).read_bytes()))
        except (OSError, ValueError, TypeError):
            return None
        whole = outcome.pictures and all((self.path / name).is_file() for name in outcome.pictures)
        return outcome if whole else None

    def keep(self, outcome: Outcome) -> None:
        """Writes the record of an edit whose pictures are there."""
        assert outcome.key is not None
        with written_whole(self._record(outcome.key)) as part:
            part.write_text(json.dumps(outcome.plain()) + "\n", encoding="utf-8")

    def save(self, image: Path, key: str, result: EditResult) -> tuple[str, ...]:
        """Writes an edit's pictures, other candidates after the first; their names in this folder.

        Raises:
            OutputError: they cannot be written.
        """
        names: list[str] = []
        for number, one in enumerate((result, *result.others), 1):
            words = [_short(image.stem), _short(result.instruction), key[:10]]
            name = "-".join(word for word in words if word) + (f"-{number}" if number > 1 else "") + ".png"
            saving.save(one.image, self.path / name, {**one.recipe(), "source": image.name}, overwrite=True)
            names.append(name)
        return tuple(names)

    def write_results(self, outcomes: Sequence[Outcome]) -> Path:
        """Writes one line an edit, all or none; the file."""
        path = self.path / RESULTS
        with written_whole(path) as part:
            part.write_text("".join(json.dumps(one.plain()) + "\n" for one in outcomes), encoding="utf-8")
        return path

    def _record(self, key: str) -> Path:
        return self.path / _OWN / _EDITS / f"{key}.json"


def _short(text: str) -> str:
    """A text as a part of a file's name."""
    return re.sub(r"[^\w]+", "-", text.lower()).strip("-")[:_LONGEST].strip("-")
