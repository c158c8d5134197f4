"""The official MCP client drives the tools: in this process, and the program on its standard streams."""

from __future__ import annotations

import base64
import json
import os
import sys
from pathlib import Path
from typing import Any

import anyio
from mcp import Client, StdioServerParameters

from pix2pix_onthefly.editor import Editor
from pix2pix_onthefly.pictures.opening import open_picture
from pix2pix_onthefly.pictures.saving import read_recipe
from pix2pix_onthefly.server.tools import make_tools
from tests.evaluation.fixtures import draw_picture

ROOT = Path(__file__).resolve().parents[2]
SETTINGS = {"method": "sdedit", "steps": 3, "size": 64, "attempts": 1, "force": True}
TEXTS = {"before": ["a cat"], "after": ["a dog"]}


def _picture(folder: Path) -> str:
    draw_picture(1, (80, 60)).save(folder / "cat.png")
    return str(folder / "cat.png")


def _called(editor: Editor, tool: str, arguments: dict[str, Any], told: list[str] | None = None) -> Any:
    """What a tool answers to a client in this process."""

    async def tell(progress: float, total: float | None, message: str | None) -> None:
        if told is not None:
            told.append(str(message))

    async def call() -> Any:
        async with Client(make_tools(editor)) as client:
            return await client.call_tool(tool, arguments, progress_callback=tell)

    return anyio.run(call)


def test_an_edit_comes_back_with_what_was_understood_and_is_saved(editor: Editor, tmp_path: Path) -> None:
    told: list[str] = []
    target = str(tmp_path / "dog.png")
    arguments = {"image": _picture(tmp_path), "instruction": "make it a dog", "output": target}
    answer = _called(editor, "edit_image", {**arguments, **TEXTS, "settings": SETTINGS}, told)
    assert not answer.is_error
    picture, text = answer.content
    assert open_picture(base64.b64decode(picture.data)).size == (80, 60)
    assert json.loads(text.text)["after"] == ["a dog"]
    assert read_recipe(Path(target))["instruction"] == "make it a dog"
    assert "edit 1/1" in told or any(one.startswith("edit ") for one in told)


def test_what_would_be_understood_is_told_without_a_picture(editor: Editor, tmp_path: Path) -> None:
    settings = {"attempts": 1, "constrain": False}
    arguments = {"image": _picture(tmp_path), "instruction": "make it a dog", "settings": settings}
    answer = _called(editor, "explain_edit", arguments)
    assert not answer.is_error
    told = answer.structured_content
    assert isinstance(told["caption"], str)
    assert {"before", "after", "outcome", "question"} <= set(told)


def test_a_picture_is_captioned(editor: Editor, tmp_path: Path) -> None:
    answer = _called(editor, "caption_image", {"image": _picture(tmp_path)})
    assert answer.content[0].text == editor.describe(tmp_path / "cat.png")


def test_an_error_is_one_sentence_for_the_assistant(editor: Editor, tmp_path: Path) -> None:
    (tmp_path / "there.png").write_bytes(b"")
    picture = _picture(tmp_path)
    for more, sentence in (
        ({"image": "none.png"}, "there is no file none.png"),
        ({"settings": {"stepz": 3}}, "did you mean 'steps'"),
        ({"output": str(tmp_path / "there.png")}, "exists already"),
    ):
        answer = _called(editor, "edit_image", {"image": picture, "instruction": "a dog", **TEXTS, **more})
        assert answer.is_error
        assert sentence in answer.content[0].text


def test_the_program_speaks_on_its_standard_streams(tmp_path: Path, tiny_folder: Path) -> None:
    roles = (("diffusion", "diffusion"), ("captioner", "captioner"), ("language-model", "rewriter"))
    models = [f"--{option}={tiny_folder / role}" for option, role in roles]
    server = StdioServerParameters(
        command=sys.executable,
        args=["-m", "pix2pix_onthefly", "mcp", *models],
        env={**os.environ, "PYTHONPATH": os.pathsep.join((str(ROOT / "src"), str(ROOT)))},
    )
    arguments = {"image": _picture(tmp_path), "instruction": "a dog", **TEXTS, "settings": SETTINGS}

    async def talk() -> tuple[set[str], Any]:
        async with Client(server) as client:
            tools = {tool.name for tool in (await client.list_tools()).tools}
            return tools, await client.call_tool("edit_image", arguments)

    tools, answer = anyio.run(talk)
    assert tools == {"edit_image", "explain_edit", "caption_image"}
    assert [part.type for part in answer.content] == ["image", "text"]
