"""MagicBrush's test set, and any set in its layout, read from a folder or a zip.

The layout, where `<id>` is a session:

    images/<id>/<id>-input.png, <id>-mask1.png, <id>-output1.png, ...
    edit_sessions.json           {id: [turn, ...]} with turn = {"input", "mask", "output", "instruction"}, file names
    edit_turns.json              [turn, ...]                            optional
    global_descriptions.json     {id: {file name: text}}                optional
    local_descriptions.json      {id: {file name: text}}                optional
    minibrush.json               {"split": str, "turns": [{"output": file name, ...}]}   optional: our own set's facts
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, cast

from ...errors import InputError
from ...records import Progress, no_progress
from .archives import unpack
from .turns import Dataset, Turn

SESSIONS_FILE, TURNS_FILE, PICTURES_FOLDER = "edit_sessions.json", "edit_turns.json", "images"
GLOBAL_FILES = ("global_descriptions.json", "global_description.json", "global_captions.json")
LOCAL_FILES = ("local_descriptions.json", "local_description.json", "local_captions.json")
FACTS_FILE = "minibrush.json"
TURN_FIELDS = ("input", "mask", "output", "instruction")
_SPLITS = ("test", "dev", "val")
_DEPTH = 3
"""How many folders deep the data may lie."""

Sessions = dict[str, list[dict[str, str]]]
Descriptions = dict[str, dict[str, str]]


def load_dataset(path: Path | str, *, into: Path | str | None = None, progress: Progress = no_progress) -> Dataset:
    """The turns of a folder or a zip; a zip is unpacked into `into`, or beside itself, the first time.

    Raises:
        InputError: nothing there, nothing of the kind, or not whole.
        OutputError: a zip that cannot be unpacked.
    """
    place = Path(path)
    if os.path.isdir(place):
        return read_folder(find_folder(place))
    if not os.path.isfile(place):
        raise InputError(f"there is no file or folder {place}; check the name")
    return read_folder(find_folder(unpack(place, Path(into) if into else None, progress)))


def find_folder(place: Path) -> Path:
    """The one folder at or below a place that holds a set.

    Raises:
        InputError: none, or several.
    """
    try:
        found = list(_folders(place, _DEPTH))
    except OSError as error:
        raise InputError(f"{error.filename} cannot be read ({error.strerror}); change its permissions") from error
    if not found:
        raise InputError(
            f"{place} holds no {SESSIONS_FILE}; give the folder or the zip of a set in MagicBrush's layout"
        )
    if len(found) > 1:
        raise InputError(f"{place} holds several sets ({', '.join(map(str, found))}); give one of them")
    return found[0]


def _folders(place: Path, depth: int) -> Iterable[Path]:
    if (place / SESSIONS_FILE).is_file():
        yield place
    elif depth:
        for child in sorted(place.iterdir()):
            hidden = child.name.startswith((".", "__"))  # __MACOSX holds copies of names without content
            if child.is_dir() and not hidden and child.name != PICTURES_FOLDER:
                yield from _folders(child, depth - 1)


def read_folder(folder: Path) -> Dataset:
    """The set whose `edit_sessions.json` lies in a folder.

    Raises:
        InputError: not whole, or not in this layout.
    """
    sessions = _read_sessions(folder)
    _check_turn_list(folder, sessions)
    texts = _read_descriptions(folder, GLOBAL_FILES), _read_descriptions(folder, LOCAL_FILES)
    name, facts = _read_facts(folder, sessions)
    turns = tuple(
        _turn(folder, session, number, fields, texts, facts.get(fields["output"], {}))
        for session, entries in sessions.items()
        for number, fields in enumerate(entries, 1)
    )
    _check_pictures(turns)
    return Dataset(name, folder, turns, tuple(_notes(turns)))


def _turn(
    folder: Path,
    session: str,
    number: int,
    fields: Mapping[str, str],
    texts: tuple[Descriptions | None, Descriptions | None],
    extra: Mapping[str, object],
) -> Turn:
    pictures = folder / PICTURES_FOLDER / session
    of_whole, of_change = ((part or {}).get(session, {}) for part in texts)
    return Turn(
        session,
        number,
        fields["instruction"],
        source=pictures / fields["input"],
        mask=pictures / fields["mask"] if "mask" in fields else None,
        target=pictures / fields["output"],
        source_caption=of_whole.get(fields["input"]),
        global_caption=of_whole.get(fields["output"]),
        local_caption=of_change.get(fields["output"]),
        extra=extra,
    )


def _read_json(path: Path) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise InputError(f"{path} cannot be read ({error.strerror}); change its permissions") from error
    except (ValueError, RecursionError) as error:
        raise InputError(f"{path} is not sound JSON ({error}); get a complete copy of the set") from error


def _read_sessions(folder: Path) -> Sessions:
    path = folder / SESSIONS_FILE
    content = _read_json(path)
    if not isinstance(content, dict) or not content:
        raise InputError(f"{path} is not an object of sessions; give a set in MagicBrush's layout")
    sessions: Sessions = {}
    for session, entries in cast("dict[str, Any]", content).items():
        check_session(path, session)
        if not isinstance(entries, list) or not entries:
            raise InputError(f"{path} holds no list of turns for session {session!r}; get a complete copy of the set")
        sessions[session] = [_read_fields(path, session, entry) for entry in cast("list[Any]", entries)]
    return sessions


def check_session(path: Path | str, session: str) -> None:
    """Makes sure that an id can name a folder and nothing beyond it.

    Raises:
        InputError: it cannot.
    """
    if session in ("", ".", "..") or any(letter in session for letter in "/\\:\0"):
        raise InputError(f"{path} holds the session {session!r}, which cannot be the name of a folder; rename it")


def _read_fields(path: Path, session: str, entry: Any) -> dict[str, str]:
    """The four fields of a turn; a mask may be missing."""
    found: dict[str, Any] = cast("dict[str, Any]", entry) if isinstance(entry, dict) else {}
    fields = {name: found[name] for name in TURN_FIELDS if found.get(name) is not None}
    for name in TURN_FIELDS:
        if not isinstance(fields.get(name, "" if name == "mask" else None), str):
            raise InputError(f"{path} holds a turn of session {session!r} without the text {name!r}; complete it")
        if name != "instruction" and name in fields:
            _check_file_name(path, session, fields[name])
    return fields


def _check_file_name(path: Path, session: str, name: str) -> None:
    if name.partition("-")[0] != session or any(letter in name for letter in "/\\:\0"):
        raise InputError(
            f"{path} names the picture {name!r} in session {session!r}; it must be a bare file name "
            f"that starts with {session + '-'!r}"
        )


def _check_turn_list(folder: Path, sessions: Sessions) -> None:
    """`edit_turns.json` repeats the sessions; where it does not, the copy is mixed up."""
    path = folder / TURNS_FILE
    if not path.is_file():
        return
    content = _read_json(path)
    if not isinstance(content, list):
        raise InputError(f"{path} is not a list of turns; get a complete copy of the set")
    listed = {_key(entry) for entry in cast("list[Any]", content)}
    expected = {_key(entry) for entries in sessions.values() for entry in entries}
    strange = sorted(listed ^ expected)
    if strange:
        raise InputError(
            f"{path} and {SESSIONS_FILE} disagree about {len(strange)} turns, the first that of "
            f"{strange[0][0] or 'no picture'}; get a complete copy of the set"
        )


def _key(entry: Any) -> tuple[str, ...]:
    fields: dict[str, Any] = cast("dict[str, Any]", entry) if isinstance(entry, dict) else {}
    return tuple(str(fields.get(name) or "") for name in ("output", "input", "mask", "instruction"))


def _read_descriptions(folder: Path, names: tuple[str, ...]) -> Descriptions | None:
    """What the files of these names say; None where there is none of them."""
    contents = {folder / name: _read_json(folder / name) for name in names if (folder / name).is_file()}
    nested = {path: content for path, content in contents.items() if not _is_flat(content)}
    if contents and not nested:
        raise InputError(
            f"{next(iter(contents))} has the layout from before 2025, texts by file name without sessions; get the "
            "current test set through the link in https://github.com/OSU-NLP-Group/MagicBrush"
        )
    readings = [_check_descriptions(path, content) for path, content in nested.items()]
    if any(reading != readings[0] for reading in readings):
        raise InputError(f"{' and '.join(map(str, nested))} disagree; remove the one that is out of date")
    return readings[0] if readings else None


def _is_flat(content: Any) -> bool:
    return isinstance(content, dict) and any(isinstance(text, str) for text in cast("dict[str, Any]", content).values())


def _check_descriptions(path: Path, content: Any) -> Descriptions:
    sessions: Any = cast("dict[str, Any]", content) if isinstance(content, dict) else {"": None}
    for session, texts in sessions.items():
        entries: Any = cast("dict[str, Any]", texts) if isinstance(texts, dict) else {"": 0}
        if not all(isinstance(text, str | None) for text in entries.values()):
            raise InputError(f"{path} holds no texts by file name for session {session!r}; get a complete copy of it")
    return {session: {name: text or "" for name, text in texts.items()} for session, texts in sessions.items()}


def _read_facts(folder: Path, sessions: Sessions) -> tuple[str, dict[str, dict[str, object]]]:
    """Name of the set, and what `minibrush.json` says of each turn by its output; nothing without that file."""
    path = folder / FACTS_FILE
    if not path.is_file():
        return f"MagicBrush {folder.name}" if folder.name in _SPLITS else "MagicBrush", {}
    content = _read_json(path)
    found: dict[str, Any] = cast("dict[str, Any]", content) if isinstance(content, dict) else {}
    listed = cast("list[Any]", found["turns"]) if isinstance(found.get("turns"), list) else []
    facts = {str(turn.get("output")): cast("dict[str, object]", turn) for turn in listed if isinstance(turn, dict)}
    outputs = {fields["output"] for entries in sessions.values() for fields in entries}
    if set(facts) != outputs:
        raise InputError(f"{path} and {SESSIONS_FILE} are about different turns; write the set again")
    return f"MiniBrush {found.get('split', '')}".strip(), facts


def _check_pictures(turns: Iterable[Turn]) -> None:
    wanted = (picture for turn in turns for picture in (turn.source, turn.mask, turn.target) if picture is not None)
    missing = [picture for picture in dict.fromkeys(wanted) if not os.path.isfile(picture)]
    if missing:
        raise InputError(f"{len(missing)} pictures are missing, the first {missing[0]}; get a complete copy of the set")


def _notes(turns: tuple[Turn, ...]) -> Iterable[str]:
    every = len(turns)
    for name, texts in (
        ("global description of the source", [turn.source_caption for turn in turns]),
        ("global description", [turn.global_caption for turn in turns]),
        ("local description", [turn.local_caption for turn in turns]),
        ("instruction", [turn.instruction for turn in turns]),
    ):
        missing = sum(text is None for text in texts)
        blank = sum(text is not None and not text.strip() for text in texts)
        if blank:
            yield f"{blank} of {every} turns have a blank {name}"
        if missing:
            yield f"{missing} of {every} turns have no {name}"
    odd = sum(not _is_usual(turn) for turn in turns)
    if odd:
        yield f"{odd} of {every} turns do not start from the output before and end at the output of their own number"


def _is_usual(turn: Turn) -> bool:
    before = "input" if turn.number == 1 else f"output{turn.number - 1}"
    return (turn.source.stem, turn.target.stem) == (f"{turn.session}-{before}", f"{turn.session}-output{turn.number}")
