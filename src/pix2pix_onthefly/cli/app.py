"""The command line `onthefly`. Whatever is slow to import is imported by the command that needs it."""

from __future__ import annotations

import dataclasses
import random
import sys
import warnings
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from .. import __version__
from ..options import PREPARATION_OPTIONS, DrawOptions, EditOptions
from . import captions, evaluation, models
from .captions import load_editor
from .console import Commands, complain, progress_display, say, say_json, say_rows, telling_of
from .options import (
    EDIT_SETTINGS,
    MODEL_SETTINGS,
    AfterTexts,
    AsJson,
    BeforeTexts,
    CaptionText,
    Compare,
    DirectionFile,
    EditRequest,
    Instruction,
    LikePicture,
    NewDirectionFile,
    NoMetadata,
    OutputFile,
    Overwrite,
    PictureFile,
    check_caption,
    check_direction_target,
    models_without,
    settings,
    settings_of,
)

if TYPE_CHECKING:
    from PIL import Image

    from ..editor import Editor
    from ..records import EditResult

app = typer.Typer(
    cls=Commands,
    help="Edit a picture by saying in words what should change.",
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def main() -> None:
    """Runs the command line; the console script `onthefly`."""
    if not sys.warnoptions:
        warnings.simplefilter("ignore")
    for stream in (sys.stdout, sys.stderr):
        getattr(stream, "reconfigure", lambda **_: None)(
            errors="backslashreplace"
        )  # for terminals that know only ASCII
    app(prog_name="onthefly")


def _version(wanted: bool) -> None:
    if wanted:
        say(__version__)
        raise typer.Exit


@app.callback(invoke_without_command=True)
def start(
    context: typer.Context,
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Shows the help where no command was given."""
    if context.invoked_subcommand is None:
        typer.echo(context.get_help(), err=True)
        raise typer.Exit(2)


@app.command()
@settings(changes=EDIT_SETTINGS, models=MODEL_SETTINGS)
def edit(
    image: PictureFile,
    instruction: Instruction = "",
    output: OutputFile = None,
    caption: CaptionText = None,
    before: BeforeTexts = None,
    after: AfterTexts = None,
    direction: DirectionFile = None,
    save_direction: NewDirectionFile = None,
    like: LikePicture = None,
    compare: Compare = False,
    as_json: AsJson = False,
    overwrite: Overwrite = False,
    no_metadata: NoMetadata = False,
    *,
    changes: dict[str, Any],
    models: dict[str, Any],
) -> None:
    """Edit a picture as an instruction says. Families may have other defaults than those shown."""
    from ..pictures import saving

    target = saving.check_output(output or f"{image.stem}-edited.png", overwrite=overwrite)
    request = EditRequest(instruction, caption, tuple(before or ()), tuple(after or ()), direction, changes, models)
    if like is not None:
        request = request.like(saving.read_recipe(like), like.name)
    check_direction_target(save_direction, request, overwrite=overwrite)
    picture, editor = _open(image, request.caption, request.models, request.roles)
    result = _edit(editor, picture, request)
    recipe = _recipe(result, request, image.name)
    made = _compared(picture, result) if compare else result.image
    _save(made, target, recipe, overwrite=overwrite, no_metadata=no_metadata)
    if save_direction is not None:
        _save_direction(editor, result, save_direction)
    with telling_of(target):
        _tell(result, recipe, target, as_json=as_json)


def _open(
    image: Path, caption: str | None, models: Mapping[str, Any], roles: Collection[str]
) -> tuple[Image.Image, Editor]:
    """What an edit and a reconstruction begin with, cheap checks first."""
    from ..pictures.opening import open_picture

    check_caption(caption)
    return open_picture(image), load_editor(models, roles)


def _edit(editor: Editor, picture: Image.Image, request: EditRequest) -> EditResult:
    from ..methods.direction import load_direction

    options = editor.options(**request.changes)
    direction = None if request.direction is None else load_direction(request.direction)
    with progress_display() as progress:
        return editor.edit(
            picture,
            request.instruction,
            options=options,
            caption=request.caption,
            before=request.before,
            after=request.after,
            direction=direction,
            progress=progress,
        )


def _recipe(result: EditResult, request: EditRequest, source: str) -> dict[str, object]:
    """What the picture carries: of files only their names, for folders tell about their owner."""
    recipe = {**result.recipe(), "source": source}
    if request.record is not None:  # tells more than that these captions were given
        recipe["captions"] = request.record
    if request.direction is not None:
        recipe["direction"] = request.direction.name
    return recipe


def _compared(picture: Image.Image, result: EditResult) -> Image.Image:
    from ..pictures.side_by_side import side_by_side

    labels = "original", f"reconstruction ({result.reconstruction_psnr:.1f} dB)", "edit"
    return side_by_side((picture, result.reconstruction, result.image), labels)


def _save_direction(editor: Editor, result: EditResult, path: Path) -> None:
    from ..methods.direction import edit_direction, save_direction

    before, after = result.captions.before, result.captions.after
    note = f"{' | '.join(before)} -> {' | '.join(after)}"
    save_direction(edit_direction(editor.diffusion, before, after), path, note)


def _tell(result: EditResult, recipe: dict[str, object], target: Path, *, as_json: bool) -> None:
    if as_json:
        say_json({**recipe, "output": str(target)})
    else:
        captions = result.captions
        say_rows({"caption": result.caption, "before": captions.before, "after": captions.after, "picture": target})
    for warning in result.warnings:
        complain(f"Warning: {warning}")


def _save(picture: Image.Image, target: Path, recipe: dict[str, object], *, overwrite: bool, no_metadata: bool) -> None:
    from ..pictures.saving import save

    save(picture, target, None if no_metadata else recipe, overwrite=overwrite)


def _models_used(editor: Editor, options: EditOptions | DrawOptions) -> dict[str, object]:
    return {
        "options": dataclasses.asdict(options),
        "family": editor.family,
        "models": editor.models(),
        "versions": {"pix2pix-onthefly": __version__},
    }


@app.command()
@settings(changes=settings_of(EditOptions, PREPARATION_OPTIONS), models=models_without("language_model"))
def reconstruct(
    image: PictureFile,
    output: OutputFile = None,
    caption: CaptionText = None,
    overwrite: Overwrite = False,
    no_metadata: NoMetadata = False,
    *,
    changes: dict[str, Any],
    models: dict[str, Any],
) -> None:
    """Invert a picture and regenerate it unedited, which tells how well the models know its like."""
    from ..inversions.ddim import invert
    from ..methods.reference import reconstruct as regenerate
    from ..pictures import fitting, saving

    target = saving.check_output(output or f"{image.stem}-reconstructed.png", overwrite=overwrite)
    picture, editor = _open(image, caption, models, ("diffusion",) if caption else ("diffusion", "captioner"))
    options = editor.options(**changes)
    source = editor.fit(picture, options)
    with progress_display() as progress:
        text = caption or editor.captioner.describe(source, progress)
        latents = editor.diffusion.encode(fitting.to_tensor(source))
        inversion = invert(editor.diffusion, latents, text, options, progress)
        regenerated = regenerate(editor.diffusion, inversion, options, progress)
    made = fitting.to_image(editor.diffusion.decode(regenerated))
    agreement = fitting.psnr(source, fitting.restore(made, source.size))
    recipe = {"caption": text, **_models_used(editor, options), "reconstruction_psnr": round(agreement, 2)}
    recipe["source"] = image.name
    _save(fitting.restore(made, picture.size), target, recipe, overwrite=overwrite, no_metadata=no_metadata)
    with telling_of(target):
        say_rows({"caption": text, "agreement": f"{agreement:.2f} dB PSNR", "picture": target})


@app.command()
@settings(changes=settings_of(DrawOptions), models=models_without("captioner", "language_model", "low_vram"))
def draw(
    caption: Annotated[str, typer.Argument(help="What the picture shows.")],
    output: OutputFile = None,
    overwrite: Overwrite = False,
    no_metadata: NoMetadata = False,
    *,
    changes: dict[str, Any],
    models: dict[str, Any],
) -> None:
    """Draw a new picture from a caption."""
    from ..backbones.drawing import draw as draw_latents
    from ..pictures import fitting, saving

    options = DrawOptions(**changes)
    target = saving.check_output(output or f"drawing-{options.seed}.png", overwrite=overwrite)
    editor = load_editor(models, ("diffusion",))
    with progress_display() as progress:
        latents = draw_latents(editor.diffusion, caption, options, progress)
    picture = fitting.to_image(editor.diffusion.decode(latents))
    recipe = {"prompt": caption, **_models_used(editor, options)}
    _save(picture, target, recipe, overwrite=overwrite, no_metadata=no_metadata)
    with telling_of(target):
        say_rows({"picture": target})


@app.command()
def scene(
    seed: Annotated[int, typer.Option(metavar="INTEGER", help="Which scene.")] = 0,
    size: Annotated[int, typer.Option(metavar="INTEGER", help="Side in pixels.", min=16, max=2048)] = 128,
    output: OutputFile = None,
    overwrite: Overwrite = False,
    no_metadata: NoMetadata = False,
) -> None:
    """Render a random scene of the bundled models' world."""
    from ..pictures import saving
    from ..world.captions import describe
    from ..world.renderer import render
    from ..world.scenes import sample_scene

    target = saving.check_output(output or f"scene-{seed}.png", overwrite=overwrite)
    drawn = sample_scene(random.Random(seed))
    recipe: dict[str, object] = {"caption": describe(drawn), "scene": {"seed": seed, "size": size}}
    _save(render(drawn, size), target, recipe, overwrite=overwrite, no_metadata=no_metadata)
    with telling_of(target):
        say_rows({"caption": describe(drawn), "picture": target})


for _command in (captions.caption, captions.rewrite, captions.show, models.families, models.doctor):
    app.command()(_command)
app.add_typer(models.models_app, name="models")
evaluation.register(app)
