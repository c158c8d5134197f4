"""A request's form: OpenAI's fields of an image edit, and beside them every setting by its flat name."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from PIL import Image, ImageOps

from ..editor import Editor
from ..errors import InputError, OnTheFlyError
from ..pictures.opening import alpha_of, read_picture
from ..running.flat_settings import settings_from
from ..running.jobs import Job, given_captions
from .refusals import Refusal, refusal_of

FORMATS = {"png": "PNG", "jpeg": "JPEG", "webp": "WEBP"}
MOST_PICTURES = 10
MOST_PARTIAL = 3
SIDES = (64, 2048)
IGNORED = frozenset("quality background input_fidelity user moderation safety_identifier response_format model".split())
"""Fields of OpenAI's that mean nothing here; `model` is checked elsewhere, and answers are always base64."""
TEXTS = ("caption", "answer")


@dataclass(frozen=True)
class Wish:
    """What a request asks for.

    Attributes:
        job: the edit; its options say how many candidates.
        kind: of file that is sent back: `png`, `jpeg`, `webp`.
        quality: of JPEG and WebP, 1 to 100.
        stream: whether the answer comes as events.
        partial_images: how many pictures on the way are sent.
        warnings: about the picture.
    """

    job: Job
    kind: str = "png"
    quality: int | None = None
    stream: bool = False
    partial_images: int = 0
    warnings: tuple[str, ...] = ()


Fields = Mapping[str, Sequence[str]]
"""Texts of a form by name; a name may come several times."""


def wish_of(editor: Editor, fields: Fields, image: bytes, mask: bytes | None) -> Wish:
    """What a form asks for.

    Raises:
        Refusal: a field is missing, unknown or wrong.
    """
    left = {name.removesuffix("[]"): list(values) for name, values in fields.items()}
    stream = _boolean(left, "stream")
    wanted = _number(left, "n", 1, MOST_PICTURES)
    partial = _number(left, "partial_images", 0, MOST_PARTIAL) or 0
    kind = _one(left, "output_format") or "png"
    if kind not in FORMATS:
        raise Refusal(400, f"output_format must be one of {', '.join(FORMATS)}", param="output_format")
    quality = _number(left, "output_compression", 0, 100)
    side, cut = _size(_one(left, "size"))
    if partial and wanted not in (None, 1):
        raise Refusal(400, "partial images are sent for one picture alone; leave out n", param="partial_images")
    picture, limits, warnings = _pictures(image, mask, cut)
    given = {"candidates": wanted, "size": side}
    job = _job(editor, left, picture, {name: value for name, value in given.items() if value is not None}, limits)
    return Wish(job, kind, None if quality is None else max(1, quality), bool(stream), partial, warnings)


def _job(
    editor: Editor,
    left: dict[str, list[str]],
    picture: Image.Image,
    given: Mapping[str, object],
    mask: Image.Image | None,
) -> Job:
    """The edit, from what is left of a form."""
    prompt = _one(left, "prompt") or ""
    texts = {name: _one(left, name) for name in TEXTS}
    before, after = left.pop("before", []), left.pop("after", [])
    rest = {name: _one(left, name) for name in list(left) if name not in IGNORED}
    try:
        settings: dict[str, Any] = {**settings_from(rest), **given}
        named = {"method": settings.pop("method", None), "preset": settings.pop("preset", None)}
        options = editor.options(**named, **settings)
    except OnTheFlyError as error:
        raise refusal_of(error, param=_named_first(rest, str(error))) from error
    more: dict[str, Any] = {} if mask is None else {"mask": mask}
    try:
        return Job(picture, prompt, options, captions=given_captions(before, after, None), **texts, **more)
    except OnTheFlyError as error:
        raise refusal_of(error, param="mask" if mask is not None and "mask" in str(error) else "prompt") from error


def _named_first(names: Iterable[str], sentence: str) -> str | None:
    """Of the fields that a sentence names the first, which is the one it is about."""
    found = {name: sentence.find(name) for name in names if name and name in sentence}
    return min(found, key=lambda name: (found[name], -len(name)), default=None)


def _pictures(
    image: bytes, mask: bytes | None, cut: tuple[int, int] | None
) -> tuple[Image.Image, Image.Image | None, tuple[str, ...]]:
    """The picture, and white where it may change: where the mask is fully transparent; both cut to a size."""
    try:
        opened = read_picture(image)
    except InputError as error:
        raise refusal_of(error, param="image") from error
    picture, limits = opened.image, None
    if mask is not None:
        limits = _limits(mask, picture.size)
    if cut is not None:
        picture = ImageOps.fit(picture, cut, Image.Resampling.LANCZOS)
        limits = None if limits is None else ImageOps.fit(limits, cut, Image.Resampling.NEAREST)
    return picture, limits, opened.warnings


def _limits(mask: bytes, size: tuple[int, int]) -> Image.Image:
    try:
        alpha = alpha_of(mask)
    except InputError as error:
        raise refusal_of(error, param="mask") from error
    if alpha is None:
        raise Refusal(400, "the mask has no transparency; make it transparent where to edit", param="mask")
    if alpha.size != size:
        sizes = ["x".join(map(str, one)) for one in (alpha.size, size)]
        raise Refusal(400, f"the mask is {sizes[0]} and the image {sizes[1]}; give both one size", param="mask")
    return alpha.point([255] + [0] * 255)


def _size(text: str | None) -> tuple[int | None, tuple[int, int] | None]:
    """The long side to work at, and the size that the picture is cut to; both may be left to the program."""
    if text in (None, "auto"):
        return None, None
    found = re.fullmatch(r"([0-9]{1,6})(?:x([0-9]{1,6}))?", text)
    sides = [int(side) for side in found.groups() if side] if found else []
    if not sides or not all(SIDES[0] <= side <= SIDES[1] for side in sides):
        words = f"from {SIDES[0]} to {SIDES[1]}"
        raise Refusal(400, f"size must be auto, WIDTHxHEIGHT or a long side, {words}, not {text!r}", param="size")
    return (None, (sides[0], sides[1])) if len(sides) == 2 else (sides[0], None)


def _one(left: dict[str, list[str]], name: str) -> str | None:
    """A field that may come once, taken out; None where it is missing or empty.

    Raises:
        Refusal: it comes twice.
    """
    values = left.pop(name, [])
    if len(values) > 1:
        raise Refusal(400, f"{name} is given {len(values)} times; give it once", param=name)
    return values[0] if values and values[0] != "" else None


def _number(left: dict[str, list[str]], name: str, low: int, high: int) -> int | None:
    text = _one(left, name)
    if text is None:
        return None
    if not re.fullmatch(r"[0-9]{1,9}", text) or not low <= int(text) <= high:
        raise Refusal(400, f"{name} must be a whole number from {low} to {high}, not {text!r}", param=name)
    return int(text)


def _boolean(left: dict[str, list[str]], name: str) -> bool | None:
    text = _one(left, name)
    if text is None or text.lower() in ("true", "false"):
        return None if text is None else text.lower() == "true"
    raise Refusal(400, f"{name} must be true or false, not {text!r}", param=name)
