"""What the user sees: results on stdout, everything else on stderr. Commands print through here only."""

from __future__ import annotations

import json
import sys
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, cast

import typer
from typer.core import TyperGroup

from ..errors import OnTheFlyError

if TYPE_CHECKING:
    from ..records import Progress

STAGES = {
    "caption": "Describing the picture",
    "invert": "Inverting to noise",
    "rewrite": "Writing captions",
    "reconstruct": "Regenerating unedited",
    "edit": "Regenerating edited",
    "draw": "Drawing",
    "unpack": "Unpacking",
    "download": "Downloading",
    "score": "Scoring",
    "evaluate": "Evaluating",
}


INTERRUPTED = 130
"""Exit code after Ctrl-C, by the shells' convention."""
_UsageError: Any = typer.BadParameter.__base__  # the class itself is not exported by Typer


class Commands(TyperGroup):
    """A group of commands that tells errors in one line on stderr."""

    def main(self, *args: Any, **kwargs: Any) -> Any:
        """Runs a command line and exits: 0, 2 for the user's errors, 130 when interrupted."""
        try:
            code = super().main(*args, **{**kwargs, "standalone_mode": False})
        except _UsageError as error:
            help_line = f"; see '{error.ctx.command_path} --help'" if error.ctx else ""
            complain(f"Error: {error.format_message().rstrip('.')}{help_line}")
            code = error.exit_code
        sys.exit(code)

    def invoke(self, ctx: Any) -> Any:
        """Runs the command of the group that was asked for."""
        try:
            return super().invoke(ctx)
        except OnTheFlyError as error:
            complain(f"Error: {error}")
            raise typer.Exit(2) from error
        except KeyboardInterrupt as error:
            complain("Interrupted.")
            raise typer.Exit(INTERRUPTED) from error


def say(text: str = "") -> None:
    """Prints to stdout, as it is and without wrapping."""
    _print(text, to_stderr=False)


def complain(text: str) -> None:
    """Prints one line to stderr."""
    _print(" ".join(text.split()), to_stderr=True)


def _print(text: str, *, to_stderr: bool) -> None:
    from rich.console import Console

    # A recipe may come from a stranger: its escape sequences must not reach the terminal.
    text = "".join(letter if letter.isprintable() or letter == "\n" else "�" for letter in text)
    console = Console(stderr=to_stderr)
    console.print(text, soft_wrap=True, markup=False, highlight=False, emoji=False)


def say_json(content: Mapping[str, object]) -> None:
    """Prints one JSON object to stdout, in ASCII."""
    sys.stdout.write(json.dumps(content, indent=2) + "\n")


def say_rows(rows: Mapping[str, object], indent: str = "") -> None:
    """Prints names and values in two columns; nested mappings are indented, lists take a line for each entry."""
    width = max((len(name) for name in rows), default=0) + 1
    for name, value in rows.items():
        label = f"{indent}{name}:"
        if isinstance(value, dict):
            say(label)
            say_rows(cast("dict[str, object]", value), indent + "  ")
            continue
        entries = cast("list[object]", list(value)) if isinstance(value, list | tuple) else [value]
        for entry in entries:
            lines = ("-" if entry is None else str(entry)).rstrip("\n").split("\n")
            say(f"{label:<{len(indent) + width}} {lines[0]}".rstrip())
            label = ""
            for line in lines[1:]:
                say(f"{'':<{len(indent) + width}} {line}".rstrip())
        if not entries:
            say(f"{label:<{len(indent) + width}} -")


@contextmanager
def progress_display() -> Generator[Progress, None, None]:
    """Gives a progress function that draws bars on stderr, or writes one line a stage where stderr is no terminal."""
    from rich.console import Console

    console = Console(stderr=True)
    if not console.is_terminal:
        yield _line_a_stage()
        return
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

    columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn()
    with Progress(*columns, console=console, transient=True) as bars:
        tasks: dict[str, TaskID] = {}

        def show(stage: str, done: int, total: int) -> None:
            if stage not in tasks:
                tasks[stage] = bars.add_task(STAGES.get(stage, stage))
            bars.update(tasks[stage], completed=done, total=total)

        yield show


def _line_a_stage() -> Progress:
    seen: set[str] = set()

    def show(stage: str, done: int, total: int) -> None:
        if stage not in seen:
            seen.add(stage)
            complain(f"{STAGES.get(stage, stage)} ...")

    return show


def quieten_libraries() -> None:
    """Keeps the libraries' own bars and notices off the terminal; downloads of weights still show theirs."""
    import diffusers.utils.logging as diffusers_logging
    import transformers.utils.logging as transformers_logging

    for logging in (diffusers_logging, transformers_logging):
        logging.set_verbosity_error()
        logging.disable_progress_bar()
