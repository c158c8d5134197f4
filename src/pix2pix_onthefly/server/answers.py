"""What is sent back for an edit: OpenAI's fields, and ours beside them."""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Iterator, Mapping
from typing import Any

from PIL import Image

from ..pictures.saving import encoded
from ..records import EditResult
from .forms import FORMATS, Wish

_NO_TOKENS = {"input_tokens": 0, "output_tokens": 0, "total_tokens": 0}
_USAGE = {**_NO_TOKENS, "input_tokens_details": {"image_tokens": 0, "text_tokens": 0}}


def whole_answer(result: EditResult, wish: Wish) -> dict[str, Any]:
    """The answer to a request that is not streamed."""
    data = [_datum(one, wish) for one in (result, *result.others)]
    return {"created": int(time.time()), **_looks(result.image, wish), "usage": _USAGE, "data": data}


def completed_events(result: EditResult, wish: Wish) -> Iterator[str]:
    """One event for each picture that was made."""
    for one in (result, *result.others):
        yield event("image_edit.completed", {**_stamped(one.image, wish), "usage": _USAGE, **_datum(one, wish)})


def partial_event(picture: Image.Image, number: int, wish: Wish) -> str:
    """The event of a picture on the way, without a recipe."""
    sent = {"b64_json": _base64(picture, wish, None), "partial_image_index": number}
    return event("image_edit.partial_image", {**_stamped(picture, wish), **sent})


def event(name: str, content: Mapping[str, Any]) -> str:
    """A server-sent event."""
    return f"event: {name}\ndata: {json.dumps({'type': name, **content})}\n\n"


def _datum(result: EditResult, wish: Wish) -> dict[str, Any]:
    """One picture, with what was understood and how it was made."""
    captions, recipe = result.captions, result.recipe()
    return {
        "b64_json": _base64(result.image, wish, recipe),
        "caption": result.caption,
        "before": list(captions.before),
        "after": list(captions.after),
        "question": captions.question,
        "candidates": list(captions.candidates),
        "warnings": [*wish.warnings, *result.warnings],
        "seconds": recipe["seconds"],
        "recipe": recipe,
    }


def _looks(picture: Image.Image, wish: Wish) -> dict[str, Any]:
    size = f"{picture.width}x{picture.height}"
    return {"size": size, "output_format": wish.kind, "background": "opaque"}


def _stamped(picture: Image.Image, wish: Wish) -> dict[str, Any]:
    return {"created_at": int(time.time()), "quality": "auto", **_looks(picture, wish)}


def _base64(picture: Image.Image, wish: Wish, recipe: dict[str, object] | None) -> str:
    return base64.b64encode(encoded(picture, FORMATS[wish.kind], recipe, quality=wish.quality)).decode()


def models_list(family: str) -> dict[str, Any]:
    """What `GET /v1/models` answers."""
    return {"object": "list", "data": [model_entry(family)]}


def model_entry(family: str) -> dict[str, Any]:
    """One model as OpenAI describes it."""
    return {"id": family, "object": "model", "created": 0, "owned_by": "onthefly"}
