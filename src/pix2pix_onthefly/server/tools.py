"""Edits as tools for assistants: a server of the Model Context Protocol over one editor."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Annotated, Any, TypeVar

import anyio
import anyio.from_thread
import anyio.to_thread
from mcp.server.mcpserver import Context, Image, MCPServer
from mcp.server.mcpserver.exceptions import ToolError
from pydantic import Field

from ..editor import Editor
from ..errors import OnTheFlyError
from ..pictures.opening import open_picture
from ..pictures.saving import check_output, encoded, save
from ..records import EditResult, Progress
from ..running.flat_settings import settings_from

_Made = TypeVar("_Made")
Call = Context[Any, Any]
"""What a tool knows of who calls it."""

ABOUT = (
    "Edits pictures by an instruction in words. explain_edit tells in a moment what would be understood; edit_image "
    "edits and gives the picture back. Where an instruction fits several things the answer holds a question with "
    "candidates: ask the user, and give the choice as `answer`."
)
Picture = Annotated[str, Field(description="Path of the picture's file on this machine.")]
Instruction = Annotated[str, Field(description="What should change, in words.")]
Target = Annotated[str | None, Field(description="Where to save the edit: a new .png, .jpg or .webp file.")]
Texts = Annotated[list[str] | None, Field(description="Captions in place of the language model's; give both sides.")]
Answer = Annotated[str | None, Field(description="The answer to the question of an earlier call.")]
Settings = Annotated[
    dict[str, bool | int | float | str] | None,
    Field(description="Settings by flat name, such as steps, seed, method; `onthefly edit --help-all` lists them."),
]


def make_tools(editor: Editor) -> MCPServer:
    """The server of an editor."""
    server = MCPServer("pix2pix-onthefly", instructions=ABOUT)
    one_at_a_time = anyio.Semaphore(1)

    async def run(context: Call, work: Callable[[Progress], _Made]) -> _Made:
        """Work in a thread of its own, with progress; an error becomes a sentence for the assistant."""
        try:
            async with one_at_a_time:
                return await anyio.to_thread.run_sync(work, _told(context), abandon_on_cancel=True)
        except OnTheFlyError as error:
            raise ToolError(str(error)) from error

    async def edit_image(
        context: Call,
        image: Picture,
        instruction: Instruction,
        output: Target = None,
        before: Texts = None,
        after: Texts = None,
        answer: Answer = None,
        settings: Settings = None,
    ) -> list[Any]:
        """Edit a picture as an instruction says. Gives the picture back, and what was understood."""
        texts = {"before": before or (), "after": after or ()}
        result, shown = await run(
            context, partial(_edited, editor, image, instruction, output, texts, answer, settings or {})
        )
        return [Image(data=shown, format="png"), _understood(result, output)]

    async def explain_edit(
        context: Call, image: Picture, instruction: Instruction, answer: Answer = None, settings: Settings = None
    ) -> dict[str, Any]:
        """Tell what would be understood of an edit, without making a picture: captions before and after."""
        return await run(context, partial(_explained, editor, image, instruction, answer, settings or {}))

    async def caption_image(context: Call, image: Picture) -> str:
        """Describe a picture in one sentence, as an edit would start from it."""
        return await run(context, lambda progress: editor.describe(open_picture(Path(image)), progress=progress))

    server.add_tool(edit_image, structured_output=False)
    server.add_tool(explain_edit)
    server.add_tool(caption_image)
    return server


def _told(context: Call) -> Progress:
    """Progress that the client is told of; where the call is cancelled the edit ends with the next step."""
    count = 0

    def tell(stage: str, done: int, total: int) -> None:
        nonlocal count
        count += 1  # the protocol wants a figure that only grows, and stages begin anew
        anyio.from_thread.check_cancelled()
        anyio.from_thread.run(partial(context.report_progress, count, message=f"{stage} {done}/{total}"))

    return tell


def _edited(
    editor: Editor,
    image: str,
    instruction: str,
    output: str | None,
    texts: dict[str, Any],
    answer: str | None,
    given: dict[str, Any],
    progress: Progress,
) -> tuple[EditResult, bytes]:
    """An edit, and its picture as PNG.

    Raises:
        OnTheFlyError: why there is none.
    """
    target = None if output is None else check_output(Path(output), overwrite=False)
    options = editor.options(**settings_from(given))
    picture = open_picture(Path(image))
    result = editor.edit(picture, instruction, options=options, answer=answer, progress=progress, **texts)
    recipe = {**result.recipe(), "source": Path(image).name}
    if target is not None:
        save(result.image, target, recipe, overwrite=False)
    return result, encoded(result.image, "PNG", recipe)


def _explained(
    editor: Editor, image: str, instruction: str, answer: str | None, given: dict[str, Any], progress: Progress
) -> dict[str, Any]:
    """What would be understood.

    Raises:
        OnTheFlyError: nothing can be.
    """
    options = editor.options(**settings_from(given))
    picture, sees = open_picture(Path(image)), options.rewriting.sees_picture
    caption = None if sees else editor.describe(picture, options=options, progress=progress)
    asked: dict[str, Any] = {"options": options, "answer": answer, "picture": picture}
    captions = editor.rewrite(instruction, caption, **asked, progress=progress)
    left_out = ("prompt", "replies")
    record = {name: value for name, value in dataclasses.asdict(captions).items() if name not in left_out}
    return {"caption": caption or captions.before[0], **record}


def _understood(result: EditResult, output: str | None) -> dict[str, Any]:
    """What an assistant is told of an edit beside its picture."""
    captions = result.captions
    told = {
        "caption": result.caption,
        "before": list(captions.before),
        "after": list(captions.after),
        "question": captions.question,
        "candidates": list(captions.candidates),
        "warnings": list(result.warnings),
        "seconds": round(sum(result.seconds.values()), 2),
        "output": output,
    }
    return {name: value for name, value in told.items() if value}
