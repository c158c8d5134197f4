"""What a batch is asked for: a folder, a glob, pictures, or a table (CSV, JSONL) of pictures, instructions, options."""

from __future__ import annotations

import csv
import glob
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

from ..errors import InputError, OnTheFlyError
from ..rewriting.instructions import check_instruction
from ..running.flat_settings import settings_from
from ..running.jobs import texts

PICTURE_ENDINGS = frozenset(
    ".png .apng .jpg .jpeg .jpe .jfif .mpo .webp .gif .bmp .tif .tiff .avif .jp2 .j2k .jpx .ppm .pgm .pnm .ico .heic "
    ".heif .tga".split()
)
"""Of the files in a folder those that are taken for pictures."""
_TABLES = (".csv", ".jsonl")


@dataclass(frozen=True)
class Row:
    """One edit that is asked for, as it was written.

    Attributes:
        image: the picture's file.
        instruction: what should change; may be empty where captions are given.
        caption, before, after: texts in place of the captioner's and the language model's.
        answer: to a question that the instruction leaves open.
        settings: by flat name, `method` and `preset` among them.
    """

    image: Path
    instruction: str
    caption: str | None = None
    before: tuple[str, ...] = ()
    after: tuple[str, ...] = ()
    answer: str | None = None
    settings: dict[str, Any] = field(default_factory=dict[str, Any])


def rows_of(sources: Sequence[str], instructions: Sequence[str] = ()) -> list[Row]:
    """What is asked for, in order.

    Args:
        sources: folders, pictures, globs (`**` goes through folders) and tables. A table's pictures are named from the
            table's folder.
        instructions: for every picture that has none of its own.

    Raises:
        InputError, OptionError: nothing there, a table that cannot be read, or a picture without an instruction.
    """
    for instruction in instructions:
        check_instruction(instruction)
    found: list[Row] = []
    for source in sources:
        path = Path(source)
        if path.suffix.lower() in _TABLES and not path.is_dir():
            found += _rows_of_table(path, instructions)
            continue
        if not instructions:
            raise InputError(f"say what should change in {source}: --instruction TEXT, or list it in a CSV or JSONL")
        found += [Row(picture, instruction) for picture in _pictures(source) for instruction in instructions]
    if not found:
        raise InputError("there is nothing to do; give pictures, a folder of them, or a CSV or JSONL")
    return found


def _pictures(source: str) -> list[Path]:
    """The pictures of a folder or of a glob, or one alone.

    Raises:
        InputError: there are none.
    """
    path = Path(source)
    if path.is_dir():
        found = sorted(one for one in path.iterdir() if _is_picture(one))
        if not found:
            raise InputError(f"{path} holds no picture; give a folder of pictures, or a glob such as '{path}/**/*.png'")
        return found
    if path.exists() or not glob.has_magic(source):
        return [path]  # one that is not there fails by itself
    found = sorted(one for one in map(Path, glob.iglob(source, recursive=True)) if _is_picture(one))
    if not found:
        raise InputError(f"no picture is named like {source!r}; look at the pattern")
    return found


def _is_picture(path: Path) -> bool:
    return path.suffix.lower() in PICTURE_ENDINGS and not path.name.startswith(".") and path.is_file()


def _rows_of_table(path: Path, instructions: Sequence[str]) -> list[Row]:
    try:
        text = path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise InputError(f"{path} cannot be read ({error.strerror}); check its name and its permissions") from error
    except UnicodeDecodeError as error:
        raise InputError(f"{path} is not UTF-8 text; save it as UTF-8") from error
    read = _lines_of_csv if path.suffix.lower() == ".csv" else _lines_of_jsonl
    found: list[Row] = []
    for number, given in read(path, text):
        try:
            found += _rows_of_line(path.parent, given, instructions)
        except OnTheFlyError as error:
            raise type(error)(f"line {number} of {path}: {error}") from error
    return found


def _lines_of_csv(path: Path, text: str) -> Iterator[tuple[int, dict[str, object]]]:
    reader = csv.DictReader(text.splitlines(keepends=True), strict=True)
    try:
        for line in reader:
            if None in line:
                raise InputError(f"line {reader.line_num} of {path} has more fields than the head; quote its commas")
            yield reader.line_num, {str(name).strip(): value for name, value in line.items()}
    except csv.Error as error:
        raise InputError(f"line {reader.line_num} of {path} is no CSV ({error}); mend its quotes") from error


def _lines_of_jsonl(path: Path, text: str) -> Iterator[tuple[int, dict[str, object]]]:
    for number, line in enumerate(text.split("\n"), 1):
        if not line.strip():
            continue
        try:
            given = json.loads(line)
        except ValueError as error:
            raise InputError(f"line {number} of {path} is no JSON ({error}); write one object a line") from error
        if not isinstance(given, dict):
            raise InputError(f"line {number} of {path} is no object; write one object a line")
        yield number, cast("dict[str, object]", given)


def _rows_of_line(folder: Path, given: Mapping[str, object], instructions: Sequence[str]) -> list[Row]:
    """The edits of a line: one, or where it has no instruction of its own one for each that all pictures get."""
    left = {name: value for name, value in given.items() if value is not None and value != ""}
    image = left.pop("image", None)
    if not isinstance(image, str):
        raise InputError("there is no image; name the picture's file in the column 'image'")
    own = {name: _text(left.pop(name, None), name) for name in ("instruction", "caption", "answer")}
    before, after = texts(left.pop("before", None), "before"), texts(left.pop("after", None), "after")
    if bool(before) != bool(after):
        raise InputError("captions must be given for both sides: at least one before and one after the edit")
    settings = settings_from(left)
    instruction = own.pop("instruction")
    if instruction is None and not before and not instructions:
        raise InputError("there is no instruction; write what should change in the column 'instruction'")
    wanted = (instruction,) if instruction is not None else ("",) if before else instructions
    if instruction is not None and not before:
        check_instruction(instruction)
    return [Row(folder / image, text, before=before, after=after, settings=settings, **own) for text in wanted]


def _text(value: object, name: str) -> str | None:
    if value is None or isinstance(value, str):
        return value
    raise InputError(f"{name} must be a text, not {type(value).__name__}")
