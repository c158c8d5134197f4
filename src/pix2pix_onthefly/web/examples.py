"""Pictures to begin with, for a family whose world they are of: rendered when the page starts."""

from __future__ import annotations

from dataclasses import dataclass

from PIL import Image

from ..models.families import Family
from ..world.renderer import render
from ..world.scenes import Scene, SceneObject

_SIDE = 128


@dataclass(frozen=True)
class Example:
    """A picture and what may be said to it."""

    name: str
    instruction: str
    scene: Scene

    def picture(self) -> Image.Image:
        """The picture, RGB."""
        return render(self.scene, _SIDE)


_OF_THE_WORLD = (
    Example("a red car", "put the car on the beach", Scene("field", (SceneObject("car", "red", 0.5, 0.54, 0.62),))),
    Example("a cat", "make the cat a dog", Scene("blue", (SceneObject("cat", None, 0.5, 0.53, 0.62),))),
    Example(
        "a car and a balloon",
        "make it blue",
        Scene(
            "white", (SceneObject("car", "red", 0.27, 0.56, 0.44), SceneObject("balloon", "yellow", 0.73, 0.56, 0.42))
        ),
    ),
    Example("an apple", "remove the apple", Scene("table", (SceneObject("apple", "green", 0.5, 0.54, 0.58),))),
)


def examples_for(family: Family) -> tuple[Example, ...]:
    """Examples that a family's models know; none where nothing of the kind is at hand."""
    return _OF_THE_WORLD if family.lexicon == "world" else ()
