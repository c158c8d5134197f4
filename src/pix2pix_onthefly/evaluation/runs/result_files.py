"""Results on disk: one line of JSON for every edit, with all that is needed to make it again, and the pictures.

    DIR/results/<configuration>.jsonl           one `Result` a line; the last line on a turn counts
    DIR/pictures/<configuration>/               edited pictures, under MagicBrush's official names
    DIR/reconstructions/<configuration>/        unedited regenerations, under the same names
    DIR/masks/<configuration>/                  what edits were held to, under the same names
    DIR/thumbnails/<set>/                       small copies of the true pictures, for the page
    DIR/cache/                                  what all configurations share

A share of a run writes `<configuration>.shard2of3.jsonl`. A process that works on such a file holds its lock.
"""

from __future__ import annotations

import dataclasses
import json
import os
from collections.abc import Generator, Iterable, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from filelock import FileLock, Timeout

from ...errors import InputError, OutputError
from .batches import Shard

RESULTS, PICTURES, RECONSTRUCTIONS, MASKS, THUMBNAILS, CACHE = (
    "results",
    "pictures",
    "reconstructions",
    "masks",
    "thumbnails",
    "cache",
)
_ENDING = ".jsonl"

Plain = dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class Result:
    """One edit.

    Attributes:
        configuration: its name.
        dataset, fingerprint: name of the set, and hash of its texts.
        rendered: whether it is MiniBrush.
        session, turn, setting: which edit; `place` is the turn's place in the set, `final` tells the last of a session.
        method: name of the method for tables.
        options: settings of the texts and of our own method; `settings` are those of the method that edited.
        family, precision, device, batch: how the models ran.
        models, versions, revision: rows of the models, versions of libraries, commit of this program if known.
        picture_sha256: hash of the picture that was edited.
        captions: `records.EditCaptions` as plain data; None where it did not come to that.
        scores, verdict: `metrics.Scores` and `judge.Verdict` as plain data.
        blank: whether the local description is blank.
        clip: row of the CLIP that scored.
        source, target: paths within the folder of the picture that was edited and of the true result, or of their
            thumbnails; `picture` and `reconstruction` are what was made, `mask` is what the edit was held to.
        error: why there is no picture, in one sentence.
    """

    configuration: str
    dataset: str
    fingerprint: str
    rendered: bool
    session: str
    turn: int
    setting: str
    place: int
    final: bool
    method: str
    options: Plain
    settings: Plain
    caption_source: str
    seed: int
    family: str
    precision: str
    device: str
    batch: int
    models: dict[str, str]
    versions: dict[str, str]
    revision: str | None
    instruction: str
    edit_type: str | None
    blank: bool
    clip: str
    source: str
    target: str
    picture_sha256: str | None = None
    caption: str | None = None
    captions: Plain | None = None
    picture: str | None = None
    reconstruction: str | None = None
    mask: str | None = None
    reconstruction_psnr: float | None = None
    scores: Plain | None = None
    verdict: Plain | None = None
    seconds: dict[str, float] = dataclasses.field(default_factory=dict[str, float])
    warnings: list[str] = dataclasses.field(default_factory=list[str])
    error: str | None = None

    @property
    def key(self) -> str:
        """Names the edit within its configuration, such as `12/2/single`."""
        return key_of(self.session, self.turn, self.setting)


def key_of(session: str, turn: int, setting: str) -> str:
    """Names an edit within its configuration."""
    return f"{session}/{turn}/{setting}"


@dataclass(frozen=True)
class Stored:
    """A result and the folder whose pictures it speaks of."""

    folder: Path
    result: Result


def read_results(folders: Sequence[Path]) -> list[Stored]:
    """All results of some folders, in the order of configuration, setting and set; of equal ones the last.

    Raises:
        InputError: no results, or a broken file.
    """
    found: dict[tuple[str, str], Stored] = {}
    for folder in folders:
        paths = sorted((folder / RESULTS).glob(f"*{_ENDING}"))
        if not paths:
            raise InputError(f"{folder} holds no results; give a folder that evaluate or sweep has filled")
        for result in (result for path in paths for result in read_file(path)):
            found[result.configuration, result.key] = Stored(folder, result)
    if not found:
        raise InputError(f"{', '.join(map(str, folders))} holds no finished edit yet; let evaluate go on")
    return sorted(found.values(), key=_order)


def _order(stored: Stored) -> tuple[str, str, str, int]:
    result = stored.result
    return result.dataset, result.configuration, result.setting, result.place


def read_file(path: Path) -> list[Result]:
    """The results in a file; a last line that was not finished is left out.

    Raises:
        InputError: another line is broken.
    """
    try:
        lines = path.read_bytes().split(b"\n")[:-1]  # what follows the last line feed was not finished
    except OSError as error:
        raise InputError(f"{path} cannot be read ({error.strerror}); change its permissions") from error
    return [_read_line(path, number, line) for number, line in enumerate(lines, 1)]


def _read_line(path: Path, number: int, line: bytes) -> Result:
    try:
        fields: Any = json.loads(line)
        return Result(**fields)
    except (ValueError, TypeError) as error:
        raise InputError(f"line {number} of {path} is broken ({error}); remove it and run the same again") from error


class ResultFile:
    """Where a run, or a share of it, writes its results. `opened` gives one.

    Attributes:
        known: results of the configuration by key, also those that other shares have written so far.
    """

    def __init__(self, folder: Path, configuration: str, path: Path) -> None:
        self.folder, self.configuration, self.path = folder, configuration, path
        others = sorted(path.parent.glob(f"{configuration}.*{_ENDING[1:]}"))
        self.known = {result.key: result for other in others for result in read_file(other)}

    def append(self, results: Iterable[Result]) -> None:
        """Adds lines, after whatever is whole in the file.

        Raises:
            OutputError: they cannot be written.
        """
        made = list(results)
        text = "".join(json.dumps(dataclasses.asdict(result)) + "\n" for result in made)
        try:
            with open(self.path, "ab") as file:
                file.write(text.encode())
        except OSError as error:
            raise OutputError(f"{self.path} could not be written ({error.strerror}); make room for it") from error
        self.known.update({result.key: result for result in made})


@contextmanager
def opened_results(folder: Path, configuration: str, shard: Shard) -> Generator[ResultFile, None, None]:
    """The file of a share of a configuration, for this process alone; an unfinished last line is cut off.

    Raises:
        OutputError: another process is at work on it, or the folder cannot be written to.
    """
    share = "" if shard.count == 1 else f".shard{shard.number}of{shard.count}"
    path = folder / RESULTS / f"{configuration}{share}{_ENDING}"
    with locked(path.with_suffix(".lock"), f"another process is at work on {path}; wait for it, or use --shard"):
        try:
            path.touch()
            content = path.read_bytes()
            os.truncate(path, content.rfind(b"\n") + 1)
        except OSError as error:
            raise OutputError(f"{path} cannot be written ({error.strerror}); give another folder") from error
        yield ResultFile(folder, configuration, path)


@contextmanager
def locked(path: Path, otherwise: str, patience: float = 0) -> Generator[None, None, None]:
    """Holds a lock, which ends with the process at the latest.

    Args:
        otherwise: what to say where another process holds it.
        patience: how many seconds to wait for that process.

    Raises:
        OutputError: it does, or the file cannot be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        lock = FileLock(path)
        lock.acquire(timeout=patience)
    except Timeout as error:
        raise OutputError(otherwise) from error
    except OSError as error:
        raise OutputError(f"{path} cannot be written ({error.strerror}); give another folder") from error
    try:
        yield
    finally:
        lock.release()


def as_dict(value: Any) -> Plain:
    """A frozen record as plain data."""
    return cast("Plain", json.loads(json.dumps(dataclasses.asdict(value))))
