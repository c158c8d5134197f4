"""Pix2Pix-OnTheFly for ComfyUI: `Understand instruction` and `Edit`, in ComfyUI's V3 form, over `Editor`.

Pictures are ComfyUI's [pictures, height, width, channels] in 0..1, masks [masks, height, width] with 1 where something
may change. Widgets for settings are made of the program's own records, which hold defaults, ranges and help.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import comfy.utils
import numpy as np
import torch
from comfy_api.latest import ComfyExtension, io, ui
from PIL import Image
from typing_extensions import override

from pix2pix_onthefly import EditOptions, Editor, EditResult
from pix2pix_onthefly.methods.table import METHODS
from pix2pix_onthefly.models.families import DEFAULT_FAMILY, FAMILIES
from pix2pix_onthefly.options import METHOD_RECORDS, RewritingOptions, flag_of, kind_of, settings_in
from pix2pix_onthefly.rewriting.understanding import check_understood, forced
from pix2pix_onthefly.running.defaults import DEFAULT_METHOD

CATEGORY = "image/on the fly"
OWN, OWN_NUMBER = "own", 0
"""What a widget holds where a method or a family has a value of its own."""


@lru_cache(maxsize=1)
def editor_of(family: str, low_vram: bool) -> Editor:
    """The editor of a family, one at a time: both nodes share its models."""
    return Editor.load(family, low_vram=low_vram)


def common_settings(record: type) -> list[dataclasses.Field[Any]]:
    """The settings of a record that people use first."""
    return [item for item in settings_in(record) if item.metadata["common"]]


def has_own(item: dataclasses.Field[Any]) -> bool:
    """Whether a setting's default is a matter of the method or of the family."""
    return item.default is None or any(flag_of(item) in record.usual for record in METHOD_RECORDS)


def widget_of(item: dataclasses.Field[Any]) -> Any:
    """The widget of a setting, with its default, range and help."""
    name, about, kind, own = flag_of(item), item.metadata, kind_of(item), has_own(item)
    if kind == "bool":
        return io.Boolean.Input(name, default=item.default, tooltip=about["help"])
    if about["choices"]:
        choices = [*([OWN] if own else []), *about["choices"]]
        return io.Combo.Input(name, options=choices, default=OWN if own else item.default, tooltip=about["help"])
    number = io.Float.Input if kind == "float" else io.Int.Input
    tooltip = f"{about['help']} {OWN_NUMBER} leaves it to the method and the family." if own else about["help"]
    low, default = (OWN_NUMBER, OWN_NUMBER) if own else (about["minimum"], item.default)
    return number(name, default=default, min=low, max=about["maximum"], tooltip=tooltip)


def given(record: type, values: dict[str, Any]) -> dict[str, Any]:
    """The settings of a record that widgets hold, without those that are left to the method and the family."""
    left = {flag_of(item): {OWN, OWN_NUMBER} if has_own(item) else set[Any]() for item in common_settings(record)}
    return {name: values[name] for name in left if name in values and values[name] not in left[name]}


def model_widgets() -> list[Any]:
    """Which models, and how they are held in memory."""
    return [
        io.Combo.Input(
            "family", options=list(FAMILIES), default=DEFAULT_FAMILY, tooltip="Models; mini knows no photographs."
        ),
        io.Boolean.Input("low_vram", default=False, tooltip="Keep one model at a time on the device."),
    ]


def lines(text: str) -> list[str]:
    """The captions of a text, one a line."""
    return [line.strip() for line in text.splitlines() if line.strip()]


def array_of(picture: torch.Tensor) -> np.ndarray[Any, Any]:
    """One of ComfyUI's pictures [height, width, channels] as the editor takes it."""
    return picture.detach().float().clamp(0, 1).cpu().numpy()


def batch_of(pictures: Sequence[Image.Image]) -> torch.Tensor:
    """Pictures of one size as [pictures, height, width, 3]."""
    return torch.stack([torch.from_numpy(np.array(picture.convert("RGB"))).float() / 255 for picture in pictures])


def mask_for(masks: torch.Tensor | None, place: int) -> np.ndarray[Any, Any] | None:
    """The mask of a picture; None for an empty one, which ComfyUI hands on for a picture without a mask."""
    if masks is None:
        return None
    flat = masks if masks.ndim == 3 else masks[None]
    mask = flat[place % len(flat)]
    return array_of(mask) if bool((mask > 0).any()) else None


def held_of(result: EditResult) -> torch.Tensor:
    """What an edit was held to, [height, width]; ones where nothing held it."""
    if result.mask is None:
        return torch.ones(result.image.height, result.image.width)
    return torch.from_numpy(np.array(result.mask)).float() / 255


def shown() -> Any:
    """The editor's progress on ComfyUI's bar, which also ends the work where the user has stopped it."""
    bar = comfy.utils.ProgressBar(1)
    return lambda stage, done, total: bar.update_absolute(done, max(total, 1))


class UnderstandInstruction(io.ComfyNode):
    """A picture and an instruction to its caption, and captions before and after the edit."""

    @override
    @classmethod
    def define_schema(cls) -> io.Schema:
        """Texts come out as strings, several captions one a line, and are shown on the node."""
        return io.Schema(
            node_id="OnTheFlyUnderstandInstruction",
            display_name="Understand instruction (on the fly)",
            category=CATEGORY,
            description="What an instruction is understood to ask: the picture's caption, and captions of it before "
            "and after the edit. Change them before they go into Edit.",
            inputs=[
                io.Image.Input("image"),
                io.String.Input("instruction", multiline=True, default="", placeholder="make the cat a dog"),
                *map(widget_of, common_settings(RewritingOptions)),
                *model_widgets(),
            ],
            outputs=[
                io.String.Output("caption", display_name="caption"),
                io.String.Output("before", display_name="before"),
                io.String.Output("after", display_name="after"),
            ],
        )

    @override
    @classmethod
    def execute(
        cls, image: torch.Tensor, instruction: str, family: str, low_vram: bool, **values: Any
    ) -> io.NodeOutput:
        """Captions and rewrites; of several pictures the first is looked at.

        Raises:
            NotUnderstoodError: nothing was understood, and `force` is off.
        """
        editor, progress = editor_of(family, low_vram), shown()
        options = editor.options(**given(RewritingOptions, values))
        picture, sees = array_of(image[0]), options.rewriting.sees_picture
        caption = None if sees else editor.describe(picture, options=options, progress=progress)
        captions = editor.rewrite(instruction, caption, options=options, picture=picture, progress=progress)
        captions = forced(captions) if options.rewriting.force else captions
        check_understood(captions)
        texts = caption or captions.before[0], "\n".join(captions.before), "\n".join(captions.after)
        told = "\n".join(filter(None, [*texts, captions.note, captions.question]))
        return io.NodeOutput(*texts, ui=ui.PreviewText(told))


class Edit(io.ComfyNode):
    """A picture and captions, or an instruction, to the edited picture."""

    @override
    @classmethod
    def define_schema(cls) -> io.Schema:
        """Captions may be typed or come from `Understand instruction`; without them the instruction counts."""
        return io.Schema(
            node_id="OnTheFlyEdit",
            display_name="Edit (on the fly)",
            category=CATEGORY,
            description="Edits pictures as captions before and after, or an instruction, say.",
            inputs=[
                io.Image.Input("image"),
                io.String.Input("caption", multiline=True, default="", tooltip="What the picture shows."),
                io.String.Input("before", multiline=True, default="", tooltip="Captions before the edit, one a line."),
                io.String.Input("after", multiline=True, default="", tooltip="Captions after the edit, one a line."),
                io.String.Input(
                    "instruction", multiline=True, default="", tooltip="Counts where before and after are empty."
                ),
                io.Combo.Input(
                    "method",
                    options=[name for name, row in METHODS.items() if row.listed],
                    default=DEFAULT_METHOD,
                    tooltip="The way of editing.",
                ),
                *map(widget_of, common_settings(EditOptions)),
                *model_widgets(),
                io.Mask.Input("mask", optional=True, tooltip="Nothing changes where it is black; empty for no mask."),
            ],
            outputs=[
                io.Image.Output("edited", tooltip="All candidates of the first picture, then those of the next."),
                io.Image.Output("reconstruction", tooltip="The unedited regeneration, or the picture itself."),
                io.Mask.Output("region", tooltip="What the edit was held to; white everywhere where nothing held it."),
            ],
        )

    @override
    @classmethod
    def execute(
        cls,
        image: torch.Tensor,
        caption: str,
        before: str,
        after: str,
        instruction: str,
        method: str,
        family: str,
        low_vram: bool,
        mask: torch.Tensor | None = None,
        **values: Any,
    ) -> io.NodeOutput:
        """Edits each picture of the batch alike."""
        editor, progress = editor_of(family, low_vram), shown()
        options = editor.options(method=method, **given(EditOptions, values))
        made: list[EditResult] = []
        for place, picture in enumerate(image):
            result = editor.edit(
                array_of(picture),
                instruction,
                options=options,
                caption=caption.strip() or None,
                before=lines(before),
                after=lines(after),
                mask=mask_for(mask, place),
                progress=progress,
            )
            made += [result, *result.others]
        unedited = [one.reconstruction or one.source for one in made]
        regions = torch.stack([held_of(one) for one in made])
        return io.NodeOutput(batch_of([one.image for one in made]), batch_of(unedited), regions)


class OnTheFlyExtension(ComfyExtension):
    """The pack."""

    @override
    async def get_node_list(self) -> list[type[io.ComfyNode]]:
        """Its nodes."""
        return [UnderstandInstruction, Edit]


async def comfy_entrypoint() -> OnTheFlyExtension:
    """What ComfyUI calls to load the pack."""
    return OnTheFlyExtension()
