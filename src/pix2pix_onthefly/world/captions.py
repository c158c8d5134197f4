"""The exact caption of a scene, and fifteen other ways to say the same."""

from __future__ import annotations

from .scenes import Scene, SceneObject
from .vocabulary import BACKGROUNDS, with_article

STYLES: tuple[str, ...] = (
    "{objects} {place}",
    "a picture of {objects} {place}",
    "a photo of {objects} {place}",
    "an image of {objects} {place}",
    "there is {objects} {place}",
    "{objects} placed {place}",
    "{objects} shown {place}",
    "{objects} seen {place}",
    "a view of {objects} {place}",
    "a drawing of {objects} {place}",
    "here is {objects} {place}",
    "we see {objects} {place}",
    "a close view of {objects} {place}",
    "a nice picture of {objects} {place}",
    "a nice photo of {objects} {place}",
    "this is {objects} {place}",
)
"""Caption wordings; the first is the canonical one, which the captioner writes."""


def describe_object(item: SceneObject) -> str:
    """`a red apple`, `an owl`."""
    return with_article(item.kind if item.colour is None else f"{item.colour} {item.kind}")


def describe(scene: Scene, style: int = 0) -> str:
    """The caption of a scene in one of `STYLES`; objects are named from left to right."""
    objects = " next to ".join(describe_object(item) for item in scene.objects)
    return STYLES[style].format(objects=objects, place=BACKGROUNDS[scene.background].phrase)


def every_caption_word() -> list[str]:
    """All words a caption can hold, sorted: the vocabulary of the text encoders."""
    from .vocabulary import COLOURS, KINDS

    texts = [style.format(objects="", place="") for style in STYLES]
    texts += [background.phrase for background in BACKGROUNDS.values()]
    texts += [*KINDS, *COLOURS, "a an next to"]
    return sorted({word for text in texts for word in text.split()})
