"""Arguments and options that several commands share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ..presets import PRESETS
from ..running.defaults import DEFAULT_METHOD
from ..workers.workers import FORMS

PictureFile = Annotated[
    Path,
    # pictures/opening.py looks whether it can be read, and says more than Typer would
    typer.Argument(metavar="IMAGE", readable=False, help="The picture.", show_default=False),
]
OutputFile = Annotated[
    Path | None,
    typer.Option("-o", "--output", metavar="FILE", help="Where the picture goes; in this folder if not given."),
]
Instruction = Annotated[
    str, typer.Argument(metavar="INSTRUCTION", help="What should change, in words.", show_default=False)
]
ToldInstruction = Annotated[
    str | None,
    typer.Option("--instruction", metavar="TEXT", help="Tell the captioner what is to change; it mentions that."),
]
CaptionText = Annotated[str | None, typer.Option(metavar="TEXT", help="The picture's caption, if you know it.")]
BeforeTexts = Annotated[
    list[str] | None,
    typer.Option(metavar="TEXT", help="A caption before the edit, in place of the language model's; repeatable."),
]
AfterTexts = Annotated[list[str] | None, typer.Option(metavar="TEXT", help="A caption after the edit; repeatable.")]
DirectionFile = Annotated[
    Path | None, typer.Option(metavar="FILE", hidden=True, help="Use a saved edit direction in place of captions.")
]
NewDirectionFile = Annotated[
    Path | None, typer.Option(metavar="FILE", hidden=True, help="Save the edit direction, too.")
]
LikePicture = Annotated[
    Path | None,
    typer.Option(metavar="PICTURE", help="Take all that is not given here from the recipe in an edited picture."),
]
Compare = Annotated[bool, typer.Option("--compare", help="Save original, edits and mask side by side.")]
MaskFile = Annotated[
    Path | None,
    typer.Option("--mask", metavar="FILE", help="White where something may change; of the picture's size."),
]
NewMaskFile = Annotated[
    Path | None,
    typer.Option("--show-mask", metavar="FILE", help="Save what the edit was held to as such a picture."),
]
EveryCandidate = Annotated[
    bool,
    typer.Option("--all", help="With --best: save all candidates, numbered by rank."),
]
GoldPicture = Annotated[
    Path | None,
    typer.Option(
        "--gold", metavar="PICTURE", hidden=True, help="The true result, if there is one; --compare shows it too."
    ),
]
Overwrite = Annotated[bool, typer.Option("--overwrite", help="Replace files that exist already.")]
NoMetadata = Annotated[bool, typer.Option("--no-metadata", help="Keep the recipe out of the saved picture.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object instead of text.")]
PresetName = Annotated[
    str | None,
    typer.Option("--preset", metavar="|".join(PRESETS), help="A named set of settings; what is given beside it wins."),
]
MethodName = Annotated[
    str | None,
    typer.Option(
        "--method",
        metavar="NAME",
        help=f"The way of editing; see 'onthefly methods'. [default: {DEFAULT_METHOD}]",
    ),
]
WorkersName = Annotated[
    str,
    typer.Option(
        "--workers",
        metavar=FORMS,
        help="Who works: this process; a worker for each GPU or CPU core of this machine; or of a Ray cluster.",
    ),
]
Ask = Annotated[
    bool,
    typer.Option("--ask", help="Where the instruction fits two objects or none, ask instead of taking the likeliest."),
]
