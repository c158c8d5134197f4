"""The parts of the page and where they stand. What they do is in `events.py`, what they become in `view.py`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import gradio as gr

from .examples import Example
from .fields import Field

MOST_ANSWERS = 6
"""So many candidates of a question have a button."""


@dataclass(frozen=True)
class Inputs:
    """What a visitor gives."""

    picture: Any
    instruction: Any
    edit: Any
    stop: Any
    brush: Any
    method: Any
    preset: Any
    settings: dict[str, Any]
    examples: Any | None
    status: Any


@dataclass(frozen=True)
class Outputs:
    """What a visitor sees of an edit, and can change of it."""

    notices: Any
    question_box: Any
    question: Any
    answers: list[Any]
    preview: Any
    slider: Any
    pictures: Any
    candidates: Any
    download: Any
    go_on: Any
    undo: Any
    caption: Any
    before: Any
    after: Any
    again: Any
    history: Any
    recipe_box: Any
    recipe: Any


@dataclass(frozen=True)
class Parts:
    """All parts of the page."""

    inputs: Inputs
    outputs: Outputs
    fields: Sequence[Field] = field(repr=False)


def heading(title: str, about: str) -> None:
    """Name and models."""
    gr.Markdown(f"# {title}\n\n{about}", elem_id="heading")


def inputs(
    fields: Sequence[Field],
    methods: Mapping[str, str],
    presets: Sequence[str],
    usual: str,
    examples: Sequence[tuple[Example, Path]],
) -> Inputs:
    """The column in which a visitor asks for an edit."""
    picture = gr.Image(
        type="filepath",  # as it was dropped, for a recipe is in the file
        image_mode=None,
        format="png",
        sources=["upload", "clipboard"],
        label="Picture",
        height=300,
        buttons=["fullscreen"],
        elem_id="picture",
    )
    instruction = gr.Textbox(
        label="What should change?",
        placeholder="make the cat a dog",
        max_lines=1,
        max_length=1000,
        autofocus=True,
        elem_id="instruction",
    )
    with gr.Row():
        edit = gr.Button("Edit", variant="primary", elem_id="edit", min_width=120)
        stop = gr.Button("Stop", variant="stop", interactive=False, elem_id="stop", min_width=120)
    status = gr.HTML(visible=False, elem_id="status")
    with gr.Accordion("Only a part of it may change", open=False, elem_id="brush_box"):
        brush = gr.ImageEditor(
            type="pil",
            format="png",
            label="Paint over what may change; nothing painted means everything",
            brush=gr.Brush(colors=["#ff3366"], color_mode="fixed"),
            eraser=gr.Eraser(),
            layers=False,
            transforms=(),
            sources=(),
            canvas_size=(512, 512),
            buttons=["fullscreen"],
            elem_id="brush",
        )
    method, preset, settings = _settings(fields, methods, presets, usual)
    offered = _examples(examples)
    return Inputs(picture, instruction, edit, stop, brush, method, preset, settings, offered, status)


def _settings(
    fields: Sequence[Field], methods: Mapping[str, str], presets: Sequence[str], usual: str
) -> tuple[Any, Any, dict[str, Any]]:
    made: dict[str, Any] = {}
    with gr.Accordion("Settings", open=False, elem_id="settings"):
        with gr.Row():
            choices = [(f"{name}: {about}" if about else name, name) for name, about in methods.items()]
            method = gr.Dropdown(choices, value=usual, label="method", info="The way of editing.", elem_id="method")
            preset = gr.Dropdown(["", *presets], value="", label="preset", info="A named set of settings.")
        with gr.Row():
            for one in (one for one in fields if one.common):
                made[one.name] = control(one, shown=one.belongs_to(usual))
        for panel in dict.fromkeys(one.panel for one in fields if not one.common):
            with gr.Accordion(f"More: {panel}", open=False), gr.Row():
                for one in (one for one in fields if one.panel == panel and not one.common):
                    made[one.name] = control(one, shown=one.belongs_to(usual))
    return method, preset, made


def control(field: Field, *, shown: bool) -> Any:
    """The part of the form for a setting, empty."""
    common: dict[str, Any] = {
        "label": field.label,
        "info": field.help,
        "visible": shown,
        "min_width": 240,
        "elem_id": f"setting-{field.name}",
    }
    if field.offered:
        return gr.Dropdown([("as usual", ""), *field.offered], value="", **common)
    # not gr.Number, which shows and sends 0 where nothing was given
    return gr.Textbox(
        value="",
        placeholder="as usual",
        max_lines=1,
        max_length=200,
        **common,
    )


def _examples(examples: Sequence[tuple[Example, Path]]) -> Any | None:
    if not examples:
        return None
    return gr.Dataset(
        components=[gr.Image(visible=False, type="filepath", format="png"), gr.Textbox(visible=False)],
        samples=[[str(path), example.instruction] for example, path in examples],
        headers=["picture", "instruction"],
        type="index",
        label="Or take an example",
        layout="table",
        elem_id="examples",
    )


def outputs() -> Outputs:
    """The column that shows what was made of it."""
    notices = gr.HTML(visible=False, elem_id="notices")
    with gr.Column(visible=False, elem_id="question") as question_box:
        question = gr.HTML()
        with gr.Row():
            answers = [gr.Button(visible=False, min_width=120, elem_classes="answer") for _ in range(MOST_ANSWERS)]
    preview = gr.Image(label="On its way", visible=False, interactive=False, height=300, buttons=[], elem_id="preview")
    slider = gr.ImageSlider(
        label="Before and after",
        format="png",
        interactive=False,
        max_height=360,
        buttons=["fullscreen"],
        elem_id="slider",
    )
    with gr.Row():
        download = gr.DownloadButton(
            "Download with its recipe", interactive=False, size="md", min_width=160, elem_id="download"
        )
        go_on = gr.Button("Go on from this edit", interactive=False, size="md", min_width=160, elem_id="go_on")
        undo = gr.Button("Undo", interactive=False, size="md", min_width=100, elem_id="undo")
    pictures = _gallery("Side by side", "pictures", columns=4)
    candidates = _gallery("Candidates: choose one", "candidates", columns=4)
    with gr.Group(elem_id="understood"):
        gr.Markdown(
            "**What was understood.** Change it and edit again: nothing is described or asked anew.", padding=True
        )
        caption = gr.Textbox(label="The picture shows", max_lines=3, max_length=2000, elem_id="caption")
        with gr.Row():
            before = gr.Textbox(
                label="Before, a caption a line", lines=2, max_length=8000, elem_id="before", min_width=240
            )
            after = gr.Textbox(
                label="After, a caption a line", lines=2, max_length=8000, elem_id="after", min_width=240
            )
        again = gr.Button("Edit again with these captions", variant="primary", elem_id="again")
    history = _gallery("Edits of this visit: choose one to look at it", "history", columns=6)
    with gr.Accordion("Recipe", open=False, visible=False, elem_id="recipe_box") as recipe_box:
        recipe = gr.JSON(show_label=False, elem_id="recipe")
    return Outputs(
        notices,
        question_box,
        question,
        answers,
        preview,
        slider,
        pictures,
        candidates,
        download,
        go_on,
        undo,
        caption,
        before,
        after,
        again,
        history,
        recipe_box,
        recipe,
    )


def _gallery(label: str, name: str, *, columns: int) -> Any:
    """A row of pictures, not seen while it is empty."""
    return gr.Gallery(
        label=label,
        format="png",
        columns=columns,
        height="auto",
        fit_columns=False,
        object_fit="contain",
        allow_preview=name == "pictures",
        interactive=False,
        buttons=["fullscreen"] if name == "pictures" else [],
        visible=False,
        elem_id=name,
    )
