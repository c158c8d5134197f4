"""Commands that print and write no picture: caption, rewrite, show."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING, Any

from ..options import REWRITER_OPTIONS, EditOptions
from .console import progress_display, quieten_libraries, say, say_json, say_rows
from .options import AsJson, CaptionText, Instruction, PictureFile, check_caption, models_without, settings, settings_of

if TYPE_CHECKING:
    from ..editor import Editor


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
    *,
    models: dict[str, Any],
    changes: dict[str, Any],
) -> None:
    """Show how the language model turns an instruction into captions."""
    from ..rewriting.rewriter import check_instruction

    check_instruction(instruction)
    check_caption(caption)
    editor = load_editor(models, ("rewriter",))
    options = editor.options(**changes)
    with progress_display() as progress:
        captions = editor.rewriter.rewrite(instruction, caption, options, seed=options.seed, progress=progress)
    texts = {"Prompt": captions.prompt or ""}
    texts |= {f"Reply {number}": reply for number, reply in enumerate(captions.replies, 1)}
    for title, text in texts.items():
        say(f"--- {title}\n{text.rstrip()}\n")
    say("--- Captions")
    rows: dict[str, object] = {"before": captions.before, "after": captions.after, "outcome": captions.outcome}
    say_rows({**rows, "note": captions.note} if captions.note else rows)


def show(image: PictureFile, as_json: AsJson = False) -> None:
    """Print the recipe a saved picture carries."""
    from ..pictures.saving import read_recipe

    (say_json if as_json else say_rows)(read_recipe(image))
