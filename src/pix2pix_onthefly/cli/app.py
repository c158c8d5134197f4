"""The command line `onthefly`. Whatever is slow to import is imported by the command that needs it."""

from __future__ import annotations

import sys
import warnings
from typing import Annotated

import typer

from .. import __version__
from . import captions, checking, evaluation, models, pictures, serving, web
from .batch import batch
from .console import Commands, say
from .edit import edit
from .methods import methods
from .photographs import photographs

app = typer.Typer(
    cls=Commands,
    help="Edit a picture by saying in words what should change.",
    rich_markup_mode="rich",
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


for _command in (
    edit,
    batch,
    captions.caption,
    captions.rewrite,
    captions.show,
    pictures.reconstruct,
    pictures.draw,
    pictures.scene,
    methods,
    models.families,
    models.doctor,
    serving.serve,
    serving.mcp,
    web.web,
):
    app.command()(_command)
app.add_typer(models.models_app, name="models")
evaluation.register(app)
for _command in (photographs, checking.calibrate, checking.check_judge):
    app.command()(_command)
