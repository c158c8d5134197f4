"""Commands that print and write no picture: caption, rewrite, show."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

import typer

from ..captioning.settings import NEEDS_A_PICTURE
from ..errors import OptionError
from ..models.families import family_of
from ..options import EditOptions, LoadOptions, RewritingOptions
from ..running.defaults import options_for
from .arguments import AsJson, CaptionText, Instruction, PictureFile, ToldInstruction
from .console import NOT_UNDERSTOOD, complain, progress_display, say, say_json, say_rows
from .flags import flags_of, models_without, settings
from .loading import load_editor
from .requests import check_caption


@settings(models=models_without("language_model"), changes=flags_of(EditOptions, ("size",)))
def caption(
    image: PictureFile, told: ToldInstruction = None, *, models: dict[str, Any], changes: dict[str, Any]
) -> None:
    """Print the caption an edit would start from."""
    from ..pictures.opening import read_picture

    opened = read_picture(image)
    _, family = family_of(LoadOptions().with_changes(**models))
    options = options_for(family, changes=changes)
    editor = load_editor(models, ("captioner",))
    with progress_display() as progress:
        text = editor.describe(opened.image, told, options=options, progress=progress)
    say(text)
    for warning in opened.warnings:
        complain(f"Warning: {warning}")


@settings(
    models=models_without("diffusion", "captioner", "low_vram"),
    changes=(*flags_of(RewritingOptions), *flags_of(EditOptions, ("seed",))),
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
    from ..rewriting.instructions import check_instruction
    from ..rewriting.understanding import UNDERSTOOD_NOTHING

    check_instruction(instruction)
    check_caption(caption)
    _, family = family_of(LoadOptions().with_changes(**models))
    options = options_for(family, changes=changes)
    if options.rewriting.sees_picture:
        raise OptionError(NEEDS_A_PICTURE)
    editor = load_editor(models, ("rewriter",))
    with progress_display() as progress:
        captions = editor.rewrite(instruction, caption, options=options, progress=progress)
    (say_json if as_json else _say_captions)(dataclasses.asdict(captions))
    if captions.outcome == UNDERSTOOD_NOTHING:
        raise typer.Exit(NOT_UNDERSTOOD)


def _say_captions(record: Mapping[str, Any]) -> None:
    """Prompt, replies and captions, for reading through; what is empty is left out."""
    texts = {"Prompt": record["prompt"]} if record["prompt"] else {}
    texts |= {f"Reply {number}": reply for number, reply in enumerate(record["replies"], 1)}
    for title, text in texts.items():
        say(f"--- {title}\n{text.rstrip()}\n")
    say("--- Captions")
    say_rows({name: value for name, value in record.items() if name not in ("prompt", "replies") and value})


def show(image: PictureFile, as_json: AsJson = False) -> None:
    """Print the recipe a saved picture carries."""
    from ..pictures.saving import read_recipe

    (say_json if as_json else say_rows)(read_recipe(image))
