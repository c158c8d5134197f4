"""What the endpoint says of itself: the form of a request, made from the settings' own help texts and ranges."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jinja2

from ..methods.table import METHODS
from ..options import kind_of
from ..presets import PRESETS
from ..running.flat_settings import known_settings
from .forms import FORMATS, MOST_PARTIAL, MOST_PICTURES

Schema = dict[str, Any]

_KINDS = {"bool": "boolean", "int": "integer", "float": "number", "str": "string"}
_FILE: Schema = {"type": "string", "format": "binary"}
_LIST: Schema = {"type": "array", "items": {"type": "string"}}


def _text(about: str, **more: Any) -> Schema:
    return {"type": "string", "description": about, **more}


def _own_fields() -> dict[str, Schema]:
    """OpenAI's fields, and the texts that may be given beside them."""
    return {
        "image": {**_FILE, "description": "The picture; `image[]` is taken as well."},
        "prompt": _text("What should change, in words."),
        "mask": {**_FILE, "description": "A PNG of the picture's size, fully transparent where to edit."},
        "model": _text("One of `GET /v1/models`; may be left out."),
        "n": {"type": "integer", "minimum": 1, "maximum": MOST_PICTURES, "description": "How many candidates."},
        "size": _text("`auto`, WIDTHxHEIGHT that the picture is cut and scaled to, or the long side to work at."),
        "output_format": _text("Kind of file.", enum=list(FORMATS)),
        "output_compression": {
            "type": "integer",
            "minimum": 0,
            "maximum": 100,
            "description": "Quality of JPEG and WebP.",
        },
        "stream": {"type": "boolean", "description": "Answer with server-sent events."},
        "partial_images": {
            "type": "integer",
            "minimum": 0,
            "maximum": MOST_PARTIAL,
            "description": "How many pictures on the way a stream has, of methods that show them (flow).",
        },
        "caption": _text("The picture's caption, in place of the captioner's."),
        "before": {**_LIST, "description": "Captions before the edit, in place of the language model's."},
        "after": {**_LIST, "description": "Captions after the edit."},
        "answer": _text("The answer to the question of an earlier request."),
        "method": _text("The way of editing.", enum=[name for name, row in METHODS.items() if row.listed]),
        "preset": _text("A named set of settings.", enum=list(PRESETS)),
    }


def form_schema() -> Schema:
    """The form of a request for edits."""
    fields = _own_fields()
    for name, setting in known_settings().items():
        fields.setdefault(name, _of_setting(setting))
    return {"type": "object", "required": ["image"], "properties": fields}


def _of_setting(setting: dataclasses.Field[Any]) -> Schema:
    limits = setting.metadata
    schema: Schema = {"type": _KINDS[kind_of(setting)], "description": limits["help"]}
    if limits["choices"]:
        schema["enum"] = list(limits["choices"])
    if limits["minimum"] is not None:
        schema |= {"minimum": limits["minimum"], "maximum": limits["maximum"]}
    return schema


def request_body() -> Schema:
    """The request body for OpenAPI."""
    return {"requestBody": {"required": True, "content": {"multipart/form-data": {"schema": form_schema()}}}}


def error_responses(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """What else may be answered, for OpenAPI."""
    texts: Mapping[int, str] = {
        400: "Something must be given differently",
        401: "The key is missing or wrong",
        404: "There is no such thing",
        413: "The request is too large",
        429: "Too many requests wait; Retry-After says when to come again",
        503: "It is not possible now",
        504: "It took too long",
    }
    error: Schema = {"type": "object", "required": ["message", "type", "param", "code"]}
    schema: Schema = {"type": "object", "required": ["error"], "properties": {"error": error}}
    content = {"application/json": {"schema": schema}}
    return {status: {"description": texts[status], "content": content} for status in statuses}


def page(title: str) -> str:
    """The description for people: one page that fetches nothing."""
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent), autoescape=True, trim_blocks=True, lstrip_blocks=True
    )
    return environment.get_template("page.html").render(title=title, form=form_schema())
