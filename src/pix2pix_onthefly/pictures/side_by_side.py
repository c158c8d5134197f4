"""Pictures side by side with a label above each."""

from __future__ import annotations

import math
from collections.abc import Sequence

from PIL import Image, ImageDraw, ImageFont

from .fitting import restore

_GAP = 12


def side_by_side(pictures: Sequence[Image.Image], labels: Sequence[str]) -> Image.Image:
    """Pictures in a row at one height of at least 256, each below its label.

    Raises:
        ValueError: no pictures, or not as many labels.
    """
    if not pictures or len(pictures) != len(labels):
        raise ValueError(f"{len(pictures)} pictures and {len(labels)} labels cannot be put side by side")
    tallest = max(picture.height for picture in pictures)
    height = tallest * math.ceil(256 / tallest)
    columns = [restore(image, (max(1, round(image.width * height / image.height)), height)) for image in pictures]
    font = ImageFont.load_default(max(16, height // 24))
    texts = [_wrapped(label, font, column.width) for label, column in zip(labels, columns, strict=True)]
    top = _GAP + math.ceil(max(_text_height(text, font) for text in texts)) + _GAP // 2
    width = sum(column.width + _GAP for column in columns) + _GAP
    sheet = Image.new("RGB", (width, top + height + _GAP), "white")
    left = _GAP
    for column, text in zip(columns, texts, strict=True):
        strip = Image.new("RGB", (column.width, top), "white")  # its own picture, so that a long word is cut off
        ImageDraw.Draw(strip).multiline_text((0, _GAP), text, fill="black", font=font)
        sheet.paste(strip, (left, 0))
        sheet.paste(column, (left, top))
        left += column.width + _GAP
    return sheet


def _wrapped(label: str, font: ImageFont.FreeTypeFont | ImageFont.ImageFont, width: int) -> str:
    lines: list[str] = []
    for word in label.split():
        if lines and font.getlength(f"{lines[-1]} {word}") <= width:
            lines[-1] += f" {word}"
        else:
            lines.append(word)
    return "\n".join(lines) or " "


def _text_height(text: str, font: ImageFont.FreeTypeFont | ImageFont.ImageFont) -> float:
    return ImageDraw.Draw(Image.new("L", (1, 1))).multiline_textbbox((0, 0), text, font=font)[3]
