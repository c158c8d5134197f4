"""What the user sees: results on stdout, everything else on stderr. Commands print through here only."""

from __future__ import annotations

import json
import sys
from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import typer
from typer.core import TyperGroup

from ..errors import InputError, NotUnderstoodError, OnTheFlyError, StandardOutputError
from ..pictures.standard_streams import write_standard_output
from .signals import ending_cleanly, exit_code_and_word

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


NOT_UNDERSTOOD = 3
"""Exit code where nothing was changed because the instruction was not understood."""
RESULTS_LOST = 74
"""Exit code where standard output is full or closed: EX_IOERR of sysexits.h."""
READER_GONE = 141
"""Exit code where a pipe's reader wanted no more of what is printed: as of a program that SIGPIPE ends."""
_UsageError: Any = typer.BadParameter.__base__  # the class itself is not exported by Typer


class Commands(TyperGroup):
    """A group of commands that tells errors in one line on stderr."""

    def main(self, *args: Any, **kwargs: Any) -> Any:
        """Runs a command line and exits.

        The code is 0; 2 for the user's errors; 3 where the instruction was not understood; 74 where standard output is
        full or closed; 141 where its reader is gone and nothing but printed text is lost; 130 after Ctrl-C, 143 after
        SIGTERM, 129 after SIGHUP.
        """
        try:
            with ending_cleanly():
                code = self._run(*args, **kwargs)
        except _UsageError as error:
            help_line = f"; see '{error.ctx.command_path} --help'" if error.ctx else ""
            complain(f"Error: {error.format_message().rstrip('.')}{help_line}")
            code = error.exit_code
        except StandardOutputError as error:
            code = _code_of_lost(error)
        sys.exit(code)

    def _run(self, *args: Any, **kwargs: Any) -> Any:
        """With one error for a lost standard output: the help is printed by Typer itself."""
        try:
            return super().main(*args, **{**kwargs, "standalone_mode": False})
        except SystemExit as error:
            if isinstance(error.__context__, BrokenPipeError):  # Typer's own answer to it
                raise StandardOutputError("standard output has no reader any more", reader_gone=True) from error
            raise
        except OSError:
            write_standard_output("")  # raises if that is what takes no more: the rest is still to be written
            raise

    def invoke(self, ctx: Any) -> Any:
        """Runs the command of the group that was asked for."""
        try:
            return super().invoke(ctx)
        except StandardOutputError as error:
            raise typer.Exit(_code_of_lost(error)) from error
        except NotUnderstoodError as error:
            complain(str(error))
            raise typer.Exit(NOT_UNDERSTOOD) from error
        except OnTheFlyError as error:
            complain(f"Error: {error}")
            raise typer.Exit(2) from error
        except KeyboardInterrupt as error:
            code, word = exit_code_and_word(error)
            complain(word)
            raise typer.Exit(code) from error


def _code_of_lost(error: StandardOutputError) -> int:
    """Tells of what was not printed; the reader of a pipe that went away knows."""
    if error.reader_gone:
        return READER_GONE
    complain(f"Error: {error}")
    return RESULTS_LOST


@contextmanager
def telling_of(*written: Path) -> Generator[None, None, None]:
    """Around the printing about files that are written: where nothing can be printed the error says that they are.

    Raises:
        StandardOutputError: naming the files.
    """
    try:
        yield
    except StandardOutputError as error:
        names = " and ".join(str(path) for path in written)
        were = "was" if len(written) == 1 else "were"
        raise StandardOutputError(f"{names} {were} written, but {error}") from error


def say(text: str = "", *, aside: bool = False) -> None:
    """Prints as it is and without wrapping.

    Args:
        text: what to print.
        aside: to stderr, because a picture goes to stdout.

    Raises:
        StandardOutputError: stdout takes no more.
    """
    _write(f"{_printable(text)}\n", aside=aside)


def complain(text: str) -> None:
    """Prints one line to stderr, if that takes anything."""
    _write(f"{_printable(' '.join(text.split()))}\n", aside=True)


def ask_user(question: str, candidates: Sequence[str]) -> str:
    """The answer to a question, read from standard input: a candidate, its number, or other words.

    Raises:
        InputError: there is none.
    """
    complain(question)
    for number, candidate in enumerate(candidates, 1):
        complain(f"{number}: {candidate}")
    answer = sys.stdin.readline().strip()
    if not answer:
        raise InputError("there was no answer; say in the instruction what is meant, or leave --ask out")
    numbered = {str(number): candidate for number, candidate in enumerate(candidates, 1)}
    return numbered.get(answer, answer)


def _printable(text: str) -> str:
    """A recipe may come from a stranger: its escape sequences must not reach the terminal."""
    return "".join(letter if letter.isprintable() or letter == "\n" else "�" for letter in text)


def _write(text: str, *, aside: bool) -> None:
    if not aside:
        write_standard_output(text)
        return
    with suppress(OSError, ValueError, AttributeError):  # full, closed, closed from the beginning: nobody listens
        sys.stderr.write(text)
        sys.stderr.flush()


def say_json(content: Mapping[str, object], *, aside: bool = False) -> None:
    """Prints one JSON object in ASCII; else as `say`."""
    _write(json.dumps(content, indent=2) + "\n", aside=aside)


def say_rows(rows: Mapping[str, object], *, aside: bool = False) -> None:
    """Prints names and values in two columns; nested mappings are indented, lists take a line for each entry.

    Else as `say`.
    """
    for line in _lines_of(rows, ""):
        say(line, aside=aside)


def _lines_of(rows: Mapping[str, object], indent: str) -> Iterator[str]:
    width = max((len(name) for name in rows), default=0) + 1
    for name, value in rows.items():
        label = f"{indent}{name}:"
        if isinstance(value, dict):
            yield label
            yield from _lines_of(cast("dict[str, object]", value), indent + "  ")
            continue
        entries = cast("list[object]", list(value)) if isinstance(value, list | tuple) else [value]
        for entry in entries:
            lines = ("-" if entry is None else str(entry)).rstrip("\n").split("\n")
            yield f"{label:<{len(indent) + width}} {lines[0]}".rstrip()
            label = ""
            for line in lines[1:]:
                yield f"{'':<{len(indent) + width}} {line}".rstrip()
        if not entries:
            yield f"{label:<{len(indent) + width}} -"


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
    bars = Progress(*columns, console=console, transient=True)
    tasks: dict[str, TaskID] = {}

    def show(stage: str, done: int, total: int) -> None:
        if stage not in tasks:
            tasks[stage] = bars.add_task(STAGES.get(stage, stage))
        bars.update(tasks[stage], completed=done, total=total)

    bars.start()
    try:
        yield show
    finally:
        with suppress(OSError):  # the terminal was closed, which SIGHUP tells of
            bars.stop()


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
