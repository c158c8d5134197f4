"""A dozen freely licensed photographs that the wheel of scikit-image holds, with instructions of ours.

Who took them, and that all are in the public domain, under CC0 or without known restrictions, is told in scikit-image's
own documentation of `skimage.data`.
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from ...errors import OnTheFlyError


@dataclass(frozen=True)
class Photograph:
    """One photograph with what should change in it.

    Attributes:
        file: its name among scikit-image's data.
        credit: whose it is.
        instruction: what should change.
    """

    file: str
    credit: str
    instruction: str

    @property
    def name(self) -> str:
        """The file's name without its ending."""
        return Path(self.file).stem


PHOTOGRAPHS = (
    Photograph("chelsea.png", "Stéfan van der Walt, CC0", "make the cat a fox"),
    Photograph("astronaut.png", "NASA, public domain", "make the suit green"),
    Photograph("coffee.png", "Rachel Michetti, CC0", "replace the coffee with a bowl of soup"),
    Photograph("rocket.jpg", "SpaceX, CC0", "make it a sunny day"),
    Photograph("motorcycle_left.png", "Middlebury Stereo 2014, CC0", "make the motorcycle blue"),
    Photograph("camera.png", "Lav Varshney, CC0", "turn it into an oil painting"),
    Photograph("coins.png", "Brooklyn Museum, no known restrictions", "turn the coins into cookies"),
    Photograph("moon.png", "NASA, public domain", "put a flag on the moon"),
    Photograph("hubble_deep_field.jpg", "NASA, public domain", "put a spaceship among the stars"),
    Photograph("brick.png", "CC0 Textures, CC0", "make it a wall of wood"),
    Photograph("grass.png", "CC0 Textures, CC0", "cover the grass with snow"),
    Photograph("gravel.png", "CC0 Textures, CC0", "put a red leaf on the gravel"),
)


def photograph_files(limit: int | None = None) -> dict[Photograph, Path]:
    """Where the photographs lie, the first ones only where there is a limit. scikit-image itself is not imported.

    Raises:
        OnTheFlyError: it is not installed, or lacks one of them.
    """
    found = find_spec("skimage")
    if found is None or not found.submodule_search_locations:
        raise OnTheFlyError(
            "the photographs come with the package scikit-image, which is not installed; install it with pip install "
            "'pix2pix-onthefly[photographs]'"
        )
    folder = Path(next(iter(found.submodule_search_locations))) / "data"
    files = {photograph: folder / photograph.file for photograph in PHOTOGRAPHS[:limit]}
    for path in files.values():
        if not path.is_file():
            raise OnTheFlyError(f"this scikit-image lacks {path.name}; install one from 0.25 to 0.26")
    return files
