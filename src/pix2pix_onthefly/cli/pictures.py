"""Commands that make pictures and edit none: reconstruct, draw, scene."""

from __future__ import annotations

import dataclasses
import random
from typing import TYPE_CHECKING, Annotated, Any

import typer

from .. import __version__
from ..models.families import family_of
from ..options import DrawOptions, EditOptions, InversionOptions, LoadOptions, ReconstructionOptions
from ..pictures.standard_streams import is_dash
from ..running.defaults import draw_options_for, options_for
from .arguments import CaptionText, NoMetadata, OutputFile, Overwrite, PictureFile
from .console import complain, progress_display, say_rows, telling_of
from .edit import default_output
from .flags import flags_of, models_without, settings
from .loading import load_editor
from .requests import check_caption

if TYPE_CHECKING:
    from ..editor import Editor


@settings(
    changes=(*flags_of(EditOptions), *flags_of(InversionOptions)),
    models=models_without("language_model"),
)
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
    from ..pictures import saving
    from ..pictures.opening import read_picture

    target = saving.check_output(output or default_output(image, "reconstructed"), overwrite=overwrite)
    opened = read_picture(image)
    check_caption(caption)
    _, family = family_of(LoadOptions().with_changes(**models))
    options = options_for(family, method=ReconstructionOptions(), changes=changes)
    editor = load_editor(models, ("diffusion",) if caption else ("diffusion", "captioner"))
    with progress_display() as progress:
        result = editor.reconstruct(opened.image, options=options, caption=caption, progress=progress)
    recipe = {**result.recipe(), "source": image.name}
    del recipe["instruction"], recipe["captions"]
    saving.save(result.image, target, None if no_metadata else recipe, overwrite=overwrite)
    agreement = f"{result.reconstruction_psnr:.2f} dB PSNR"
    with telling_of(target):
        rows = {"caption": result.caption, "agreement": agreement, "picture": target}
        say_rows(rows, aside=is_dash(target))
    for warning in (*opened.warnings, *result.warnings):
        complain(f"Warning: {warning}")


@settings(changes=flags_of(DrawOptions), models=models_without("captioner", "language_model", "low_vram"))
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
    from ..pictures import saving

    options = draw_options_for(family_of(LoadOptions().with_changes(**models))[1], changes)
    check_caption(caption)
    target = saving.check_output(output or f"drawing-{options.seed}.png", overwrite=overwrite)
    editor = load_editor(models, ("diffusion",))
    with progress_display() as progress:
        picture = editor.draw(caption, options, progress)
    recipe = {"prompt": caption, **_models_used(editor, options)}
    saving.save(picture, target, None if no_metadata else recipe, overwrite=overwrite)
    with telling_of(target):
        say_rows({"picture": target}, aside=is_dash(target))


def _models_used(editor: Editor, options: DrawOptions) -> dict[str, object]:
    return {
        "options": dataclasses.asdict(options),
        "family": editor.family_name,
        "models": {"diffusion": editor.model_rows()["diffusion"]},
        "versions": {"pix2pix-onthefly": __version__},
    }


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
    saving.save(render(drawn, size), target, None if no_metadata else recipe, overwrite=overwrite)
    with telling_of(target):
        say_rows({"caption": describe(drawn), "picture": target}, aside=is_dash(target))
