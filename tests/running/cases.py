"""Jobs for the executor on the tiny random family, with nothing for captioner and language model to do."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pix2pix_onthefly.editor import Editor
from pix2pix_onthefly.options import EditOptions
from pix2pix_onthefly.records import EditCaptions, EditResult, Inverted
from pix2pix_onthefly.running.cache import Cache
from pix2pix_onthefly.running.drafts import Draft
from pix2pix_onthefly.running.jobs import Job
from tests.evaluation.fixtures import draw_picture

QUICK: dict[str, Any] = {"steps": 3, "size": 64, "attempts": 1, "shots": 0}
CAPTIONS = EditCaptions(("a cat on the table",), ("a dog on the table",), "given")
DIFFERENT_CAPTIONS = EditCaptions(("a cat",), ("a blue dog", "a dog"), "given")
SIZE = (80, 60)


def options_of(editor: Editor, **changes: Any) -> EditOptions:
    return editor.options(**{"method": "attention", **QUICK, **changes})


def jobs(editor: Editor, **changes: Any) -> list[Job]:
    """Three edits of two pictures of one size, each picture an object of its own."""
    options = options_of(editor, **changes)
    return [
        Job(draw_picture(1, SIZE), "make it a dog", options, "a cat", CAPTIONS),
        Job(draw_picture(2, SIZE), "make it a dog", options, "a blue cat", CAPTIONS),
        Job(draw_picture(1, SIZE), "make it blue", options, "a cat", DIFFERENT_CAPTIONS),
    ]


def keeping(editor: Editor, folder: Path) -> Editor:
    """A new editor with the same models in the same batches, which keeps what is shared in a folder."""
    return Editor(editor.settings, cache=Cache(folder))


def noise_files(folder: Path) -> list[Path]:
    return sorted(folder.rglob("*.safetensors"))


def made(editor: Editor, given: Sequence[Job]) -> list[EditResult]:
    """What the executor makes of jobs that all succeed."""
    found = editor.executor.map(given)
    assert all(isinstance(result, EditResult) for result in found), found
    return [result for result in found if isinstance(result, EditResult)]


def inverted(editor: Editor, given: Sequence[Job]) -> list[Inverted]:
    """Inversions of jobs."""
    executor = editor.executor
    methods = [executor.method(job.options.method) for job in given]
    drafts: list[Draft] = executor.prepared([executor.begun(job) for job in given], methods, lambda *_: None)
    return [draft.inverted for draft in drafts if draft.inverted is not None]
