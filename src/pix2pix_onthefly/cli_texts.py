"""Commands that print and write no picture: caption, rewrite, show, families."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

from .cli_options import (
    REWRITER_OPTIONS,
    AsJson,
    CaptionText,
    DeviceName,
    FamilyName,
    Instruction,
    PictureFile,
    check_caption,
    settings,
)
from .console import progress_display, quieten_libraries, say, say_json, say_rows
from .options import EditOptions

if TYPE_CHECKING:
    from .editor import Editor


def load_editor(family: str | None, device: str | None) -> Editor:
    """An editor whose libraries keep quiet."""
    from .editor import Editor

    quieten_libraries()
    return Editor.load(family, device=device)


@settings(EditOptions, ("size",))
def caption(
    image: PictureFile, family: FamilyName = None, device: DeviceName = None, *, changes: dict[str, Any]
) -> None:
    """Print the caption an edit would start from."""
    from .images import open_picture

    picture = open_picture(image)
    editor = load_editor(family, device)
    source = editor.fit(picture, editor.options(**changes))
    with progress_display() as progress:
        text = editor.captioner.describe(source, progress)
    say(text)


@settings(EditOptions, REWRITER_OPTIONS)
def rewrite(
    instruction: Instruction,
    caption: CaptionText = None,
    family: FamilyName = None,
    device: DeviceName = None,
    *,
    changes: dict[str, Any],
) -> None:
    """Show how the language model turns an instruction into captions."""
    from .rewriter import check_instruction

    check_instruction(instruction)
    check_caption(caption)
    editor = load_editor(family, device)
    options = editor.options(**changes)
    with progress_display() as progress:
        captions = editor.rewriter.rewrite(instruction, caption, options, progress)
    texts = {"Prompt": captions.prompt or ""}
    texts |= {f"Reply {number}": reply for number, reply in enumerate(captions.replies, 1)}
    for title, text in texts.items():
        say(f"--- {title}\n{text.rstrip()}\n")
    say("--- Captions")
    rows: dict[str, object] = {"before": captions.before, "after": captions.after, "outcome": captions.outcome}
    say_rows({**rows, "note": captions.note} if captions.note else rows)


def show(image: PictureFile, as_json: AsJson = False) -> None:
    """Print the recipe a saved picture carries."""
    from .saving import read_recipe

    (say_json if as_json else say_rows)(read_recipe(image))


def families() -> None:
    """List the model families with their models, licences and sizes."""
    from .families import DEFAULT_FAMILY, FAMILIES, ModelRow

    for name, family in FAMILIES.items():
        parts = {item.name: getattr(family, item.name) for item in dataclasses.fields(family)}
        say(f"{name}{' (the default)' if name == DEFAULT_FAMILY else ''}: {family.about}")
        for role, row in parts.items():
            if isinstance(row, ModelRow):
                say(f"  {role:<10} {row!s:<48} {row.licence:<22} {row.megabytes:>5} MB")
        say()
