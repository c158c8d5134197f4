"""Commands that print and write no picture: caption, rewrite, show."""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING, Any

import typer

from ..options import REWRITER_OPTIONS, EditOptions
from .console import progress_display, quieten_libraries, say, say_json, say_rows
from .options import AsJson, CaptionText, Instruction, PictureFile, check_caption, models_without, settings, settings_of

if TYPE_CHECKING:
    from ..editor import Editor

NOT_UNDERSTOOD_CODE = 3
"""The exit code of an instruction that nothing should be changed for."""


def load_editor(models: Mapping[str, Any], roles: Collection[str]) -> Editor:
    """An editor whose libraries keep quiet, and whose models of some roles are on this machine: what has to be
    downloaded, or cannot be had, shows before any work is done.

    Args:
        models: settings of `LoadOptions`.
        roles: of the models that will be used.
    """
    from ..editor import Editor
    from ..models import hub
    from ..models.loading import is_half

    quieten_libraries()
    editor = Editor.load(**models)
    for role in roles:
        hub.folder_of(getattr(editor.row, role), role, half=is_half(editor.dtype))
    return editor


@settings(models=models_without("language_model"), changes=settings_of(EditOptions, ("size",)))
def caption(image: PictureFile, *, models: dict[str, Any], changes: dict[str, Any]) -> None:
    """Print the caption an edit would start from."""
    from ..pictures.opening import open_picture

    picture = open_picture(image)
    editor = load_editor(models, ("diffusion", "captioner"))
    source = editor.fit(picture, editor.options(**changes))
    with progress_display() as progress:
        text = editor.captioner.describe(source, progress)
    say(text)


@settings(
    models=models_without("diffusion", "captioner", "low_vram"), changes=settings_of(EditOptions, REWRITER_OPTIONS)
)
def rewrite(
    instruction: Instruction,
    caption: CaptionText = None,
    as_json: AsJson = False,
    *,
    models: dict[str, Any],
    changes: dict[str, Any],
) -> None:
    """Show how the language model turns an instruction into captions; exit code 3 where it was not understood."""
    from ..rewriting.rewriter import check_instruction
    from ..rewriting.understanding import UNDERSTOOD_NOTHING

    check_instruction(instruction)
    check_caption(caption)
    editor = load_editor(models, ("rewriter",))
    options = editor.options(**changes)
    with progress_display() as progress:
        captions = editor.rewriter.rewrite(instruction, caption, options, seed=options.seed, progress=progress)
    (say_json if as_json else _say_captions)(dataclasses.asdict(captions))
    if captions.outcome == UNDERSTOOD_NOTHING:
        raise typer.Exit(NOT_UNDERSTOOD_CODE)


def _say_captions(record: Mapping[str, Any]) -> None:
    """Prompt, replies and captions, for reading through; what is empty is left out."""
    texts = {"Prompt": record["prompt"]} if record["prompt"] else {}
    texts |= {f"Reply {number}": reply for number, reply in enumerate(record["replies"], 1)}
    for title, text in texts.items():
        say(f"--- {title}\n{text.rstrip()}\n")
    say("--- Captions")
    rows = {name: value for name, value in record.items() if name not in ("prompt", "replies") and value}
    say_rows(rows)


def show(image: PictureFile, as_json: AsJson = False) -> None:
    """Print the recipe a saved picture carries."""
    from ..pictures.saving import read_recipe

    (say_json if as_json else say_rows)(read_recipe(image))
