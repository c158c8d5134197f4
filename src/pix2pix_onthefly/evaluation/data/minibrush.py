"""MiniBrush on disk: the world's edits in the layout of MagicBrush's release, and what only we know beside it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from ...errors import InputError, OptionError, OutputError
from ...world.captions import describe, describe_object
from ...world.instructions import Edit
from ...world.renderer import render_pixels
from ...world.scenes import HELD_OUT_SEED, Scene, SceneObject
from ...world.vocabulary import BACKGROUNDS
from ..metrics.preservation import changed_objects, edit_mask
from .archives import new_folder
from .magicbrush import FACTS_FILE, GLOBAL_FILES, LOCAL_FILES, PICTURES_FOLDER, SESSIONS_FILE, TURNS_FILE
from .minibrush_sessions import PICTURE_SIDE, SMALLEST_SIDE, SPLITS, Session, make_sessions
from .turns import Turn

_VERSION = 1
_COMPRESSION = 9
_TEXT_FILES = SESSIONS_FILE, TURNS_FILE, GLOBAL_FILES[0], LOCAL_FILES[0]


def write_minibrush(
    folder: Path | str, split: str, seed: int | None = None, size: int = PICTURE_SIDE, *, overwrite: bool = False
) -> None:
    """Writes a split of MiniBrush as a whole or not at all.

    Files are the same at every run with the same versions of Pillow (with its zlib) and numpy. Elsewhere texts are the
    same, and pictures decode to the same pixels; `pixels_sha256` in `minibrush.json` tells whether they do.

    Args:
        folder: what to make; missing folders above it are made too.
        split: `dev` (120 edits) or `test` (300 edits).
        seed: other than the split's own, for another set of the same make.
        size: side of the pictures in pixels.
        overwrite: whether an earlier MiniBrush in the folder is replaced. Nothing else ever is.

    Raises:
        OptionError: no such split, a seed that training draws from, or pictures below `SMALLEST_SIDE`.
        OutputError: something is there already, or the folder cannot be written.
    """
    if split not in SPLITS:
        raise OptionError(f"there is no split {split!r}; choose one of {', '.join(SPLITS)}")
    plan = SPLITS[split] if seed is None else replace(SPLITS[split], seed=seed)
    if plan.seed < HELD_OUT_SEED:
        raise OptionError(f"seed {plan.seed} belongs to training; choose one from {HELD_OUT_SEED} on")
    if size < SMALLEST_SIDE:
        raise OptionError(f"pictures of {size} pixels show too little; choose a size of {SMALLEST_SIDE} or more")
    write_sessions(folder, make_sessions(plan), split, plan.seed, size, overwrite=overwrite)


def write_sessions(
    folder: Path | str, sessions: Sequence[Session], split: str, seed: int, size: int, *, overwrite: bool = False
) -> None:
    """Writes given sessions as `write_minibrush` writes a split's.

    Raises:
        OutputError: something is there already, or the folder cannot be written.
    """
    target = Path(folder).resolve()
    _check_target(target, overwrite=overwrite)
    with new_folder(target, replace=overwrite) as part:
        digest = _write_pictures(part / PICTURES_FOLDER, sessions, size)
        facts = {"version": _VERSION, "split": split, "seed": seed, "size": size, "pixels_sha256": digest}
        for file, content in (*_texts(sessions).items(), (FACTS_FILE, {**facts, "turns": _facts(sessions)})):
            (part / file).write_bytes((json.dumps(content, indent=1) + "\n").encode())


def read_minibrush(folder: Path | str) -> dict[str, Edit]:
    """The edits of a MiniBrush by the name of their output file, in order.

    Raises:
        InputError: no MiniBrush, or one of another version.
    """
    path = Path(folder) / FACTS_FILE
    try:
        facts = json.loads(path.read_bytes())
        turns = json.loads((path.parent / TURNS_FILE).read_bytes())
        if facts["version"] != _VERSION:
            raise InputError(f"{folder} is MiniBrush version {facts['version']}, not {_VERSION}; write it anew")
        instructions: dict[str, str] = {turn["output"]: turn["instruction"] for turn in turns}
        return {turn["output"]: _edit(turn, instructions[turn["output"]]) for turn in facts["turns"]}
    except OSError as error:
        raise InputError(
            f"{folder} holds no MiniBrush ({error.strerror}: {error.filename}); write one first"
        ) from error
    except (ValueError, KeyError, TypeError) as error:
        raise InputError(f"{path} is broken ({error!r}); write MiniBrush anew") from error


def edit_of(turn: Turn) -> Edit:
    """The exact edit behind a turn of a loaded MiniBrush.

    Raises:
        InputError: the turn is of another set, or what `minibrush.json` says of it cannot be read.
    """
    try:
        return _edit(dict(turn.extra), turn.instruction)
    except (ValueError, KeyError, TypeError) as error:
        raise InputError(
            f"{turn.target.name} is not of MiniBrush, or {FACTS_FILE} is broken ({error!r}); write MiniBrush anew"
        ) from error


def _check_target(target: Path, *, overwrite: bool) -> None:
    try:
        content = {path.name for path in target.iterdir()}
    except FileNotFoundError:
        return
    except OSError as error:
        raise OutputError(f"{target} cannot be a folder for MiniBrush ({error.strerror}); give another") from error
    if content and not overwrite:
        raise OutputError(f"{target} is not empty; give another folder or allow overwriting")
    foreign = sorted(content - {*_TEXT_FILES, FACTS_FILE, PICTURES_FOLDER})
    if foreign or (content and FACTS_FILE not in content):
        what = f"{foreign[0]}, which is not of MiniBrush" if foreign else "something other than MiniBrush"
        raise OutputError(f"{target} holds {what} and is not overwritten; give another folder")


def _write_pictures(folder: Path, sessions: Sequence[Session], size: int) -> str:
    """Writes all pictures and masks; the digest of their pixels."""
    digest = hashlib.sha256()
    for session in sessions:
        (folder / session.id).mkdir(parents=True)
        for name, pixels in _pictures(session, size):
            digest.update(pixels.tobytes())
            Image.fromarray(pixels).save(folder / session.id / name, format="PNG", compress_level=_COMPRESSION)
    return digest.hexdigest()


def _pictures(session: Session, size: int) -> list[tuple[str, NDArray[np.uint8]]]:
    pictures = [(f"{session.id}-input.png", render_pixels(session.edits[0].source, size))]
    for turn, edit in enumerate(session.edits, 1):
        white = edit_mask(edit, size).astype(np.uint8) * np.uint8(255)
        pictures.append((f"{session.id}-mask{turn}.png", white))
        pictures.append((f"{session.id}-output{turn}.png", render_pixels(edit.target, size)))
    return pictures


def _texts(sessions: Sequence[Session]) -> dict[str, object]:
    """MagicBrush's four files."""
    turns = {session.id: [_turn(session, index) for index in range(len(session.edits))] for session in sessions}
    contents = (
        turns,
        [turn for group in turns.values() for turn in group],
        {session.id: _global_descriptions(session) for session in sessions},
        {session.id: _local_descriptions(session) for session in sessions},
    )
    return dict(zip(_TEXT_FILES, contents, strict=True))


def _output(session: Session, index: int) -> str:
    return f"{session.id}-output{index + 1}.png"


def _turn(session: Session, index: int) -> dict[str, str]:
    return {
        "input": _output(session, index - 1) if index else f"{session.id}-input.png",
        "mask": f"{session.id}-mask{index + 1}.png",
        "output": _output(session, index),
        "instruction": session.edits[index].instruction,
    }


def _global_descriptions(session: Session) -> dict[str, str]:
    captions = {f"{session.id}-input.png": describe(session.edits[0].source)}
    return captions | {_output(session, index): describe(edit.target) for index, edit in enumerate(session.edits)}


def _local_descriptions(session: Session) -> dict[str, str]:
    return {_output(session, index): _what_is_new(edit) for index, edit in enumerate(session.edits)}


def _what_is_new(edit: Edit) -> str:
    """Blank where something was removed, as in MagicBrush."""
    if edit.type == "background":
        return BACKGROUNDS[edit.target.background].names[0]
    return "".join(describe_object(item) for item in changed_objects(edit) if item in edit.target.objects)


def _facts(sessions: Sequence[Session]) -> list[dict[str, object]]:
    return [
        {
            "output": _output(session, index),
            "type": edit.type,
            "source": asdict(edit.source),
            "target": asdict(edit.target),
            "phrasing": edit.phrasing,
            "seen": edit.seen,
            "specified": edit.specified,
            "seed": session.seed,
        }
        for session in sessions
        for index, edit in enumerate(session.edits)
    ]


def _edit(facts: dict[str, Any], instruction: str) -> Edit:
    source, target = _scene(facts["source"]), _scene(facts["target"])
    return Edit(
        facts["type"], source, target, instruction, facts["phrasing"], bool(facts["seen"]), bool(facts["specified"])
    )


def _scene(content: dict[str, Any]) -> Scene:
    objects = cast("list[dict[str, Any]]", content["objects"])
    return Scene(content["background"], tuple(SceneObject(**item) for item in objects))
