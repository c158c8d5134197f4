"""What becomes of sixty instructions as people type them: done, told, altered with a warning, or silently wrong.

    python -m training.typed                     # a table by category, then every answer
    python -m training.typed --json typed.json   # everything as JSON, too

The file `typed_instructions.json` holds the instructions with the captions that a person would accept afterwards; where
there are none, the program must say in one sentence why it changes nothing. No training text holds any of them.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Any

import typer

from pix2pix_onthefly import Editor
from pix2pix_onthefly.records import EditCaptions

FILE = Path(__file__).with_name("typed_instructions.json")
DONE, TOLD, WARNED, WRONG = "done", "told", "altered with a warning", "silently wrong"
VERDICTS = DONE, TOLD, WARNED, WRONG


@dataclass(frozen=True)
class Typed:
    """One instruction.

    Attributes:
        category: what it is an example of.
        caption: of the picture it is meant for.
        instruction: as typed.
        after: captions that a person would accept for the edited picture; empty where none can be had.
        note: whether an assumption has to be said even where the edit is right.
    """

    category: str
    caption: str
    instruction: str
    after: tuple[str, ...]
    note: bool = False


@dataclass(frozen=True)
class Answer:
    """What the program made of an instruction."""

    typed: Typed
    verdict: str
    outcome: str
    after: tuple[str, ...]
    note: str


def read_typed(file: Path = FILE) -> list[Typed]:
    """All instructions, in the file's order."""
    content: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    return [
        Typed(
            row["category"],
            content["scenes"][row["scene"]],
            row["instruction"],
            tuple(row["after"]),
            row.get("note", False),
        )
        for row in content["instructions"]
    ]


def judge(typed: Typed, captions: EditCaptions) -> str:
    """One of `VERDICTS`: a picture that nobody asked for is wrong, silently where no word is said about it."""
    if captions.outcome == "not understood":
        return TOLD if captions.note else WRONG
    right = {_bare(text) for text in captions.after} <= {_bare(text) for text in typed.after}
    if right and (captions.note or not typed.note):
        return DONE
    return WARNED if captions.note else WRONG


def _bare(caption: str) -> str:
    return caption.casefold().rstrip(".")


def answers_of(editor: Editor, instructions: Sequence[Typed], **changes: object) -> list[Answer]:
    """Asks the rewriter of an editor about each instruction, with some options changed."""
    options, answers = editor.options(**changes), []
    for typed in instructions:
        captions = editor.rewrite(typed.instruction, typed.caption, options=options)
        answers.append(Answer(typed, judge(typed, captions), captions.outcome, captions.after, captions.note))
    return answers


def table_of(answers: Sequence[Answer]) -> str:
    """Counts by category as a Markdown table, the sum last."""
    found = {category: Counter[str]() for category in [*dict.fromkeys(a.typed.category for a in answers), "all"]}
    for answer in answers:
        found[answer.typed.category][answer.verdict] += 1
        found["all"][answer.verdict] += 1
    rows = [("instructions", "n", *VERDICTS), ("---",) * 6]
    rows += [(name, str(count.total()), *(str(count[v]) for v in VERDICTS)) for name, count in found.items()]
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def line_of(answer: Answer) -> str:
    """One answer in a line or two, for reading through."""
    shown = f"{answer.verdict:22} {answer.typed.instruction!r} on {answer.typed.caption!r}: {' / '.join(answer.after)}"
    return f"{shown}\n{'':23}{answer.note}" if answer.note else shown


def main(
    json_file: Annotated[Path | None, typer.Option("--json", help="Write everything here as JSON.")] = None,
    family: Annotated[str, typer.Option(help="The models to ask.")] = "mini",
    file: Annotated[Path, typer.Option(help="The instructions.")] = FILE,
) -> None:
    """Print done, told, altered with a warning and silently wrong over the instructions of a file."""
    answers = answers_of(Editor.load(family), read_typed(file))
    typer.echo(table_of(answers))
    typer.echo("\n".join(["", *(line_of(answer) for answer in answers)]))
    if json_file:
        json_file.write_text(json.dumps([asdict(answer) for answer in answers], indent=1, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    typer.run(main)
