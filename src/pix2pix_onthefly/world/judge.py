"""Reads a picture of the world by nearest rendering, without any network.

The background is found first, from the rim of the picture. Then every look (kind and colour) is tried at every place
and size a scene may have, at half resolution; the best looks are placed to the pixel. What counts is the squared error
of the composite: with picture I, background B, and a sprite's premultiplied colour C and opacity A, drawing the sprite
changes D = I - B into D - S with S = C - B A, and the squared error by

    |S|^2 - 2 D.S = sum C^2 - 2 sum D.C + 2 sum (D.B) A - 2 sum B.(C A) + sum B^2 A^2.

Each sum but the first is a correlation of a plane of the picture with a plane of the sprite, so that all looks at all
places are scored by one matrix product a size.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray
from PIL import Image

from .backgrounds import background
from .renderer import render_pixels
from .scenes import Scene, SceneObject
from .sprites import sprite
from .vocabulary import BACKGROUNDS, COLOURS, KINDS

Floats = NDArray[np.float32]
Look = tuple[str, str | None]

_SIDE = 96
"""Pictures of any other size are scaled to this side first."""
_COARSE_STEP = 2
_FINALISTS = 4
"""How many looks a region are placed to the pixel."""
_TINT_WEIGHT = 0.5
"""How much an even tint of the rim counts against a background, compared with what remains without the tint.

Drawn pictures are often tinted: below one, stars on a greenish black are still the night sky.
"""
_LARGEST_TINT = 20.0
"""Objects are judged after at most this much of the tint has been taken off."""
_PRESENCE = 0.2
"""An object counts as seen if drawing it lowers the squared error by this share of its contrast to the background.

Drawing what is there in full lowers it by the whole contrast; drawing what is there at half strength, by nothing.
"""

LOOKS: tuple[Look, ...] = tuple(
    (kind.word, colour) for kind in KINDS.values() for colour in (COLOURS if kind.comes_in_colours else (None,))
)


@dataclass(frozen=True)
class Reading:
    """What a picture shows.

    Attributes:
        background: a word of `BACKGROUNDS`.
        objects: from left to right; none if the background is empty.
        error: mean squared error per channel (0..255 scale) between the picture and the rendering of this reading.
    """

    background: str
    objects: tuple[SceneObject, ...]
    error: float

    @property
    def scene(self) -> Scene:
        """The reading as a scene."""
        return Scene(self.background, self.objects)


@dataclass(frozen=True)
class _Region:
    """Where the centre of an object may lie and how large it may be: a layout's ranges and a small margin."""

    x: tuple[float, float]
    y: tuple[float, float]
    size: tuple[float, float]

    def coarse_sizes(self) -> range:
        """Sizes in pixels at half resolution."""
        low, high = (round(edge * _SIDE / 2) for edge in self.size)
        return range(low, high + 1, _COARSE_STEP)

    def coarse_starts(self, size: int) -> tuple[range, range]:
        """Tops and lefts in pixels at half resolution, inside the picture."""
        half = _SIDE // 2
        axes = [[round(edge * half - size / 2) for edge in axis] for axis in (self.y, self.x)]
        rows, columns = (range(max(0, low), min(half - size, high) + 1) for low, high in axes)
        return rows, columns


_MIDDLE = _Region((0.40, 0.60), (0.46, 0.61), (0.54, 0.70))
_LEFT = _Region((0.22, 0.32), (0.49, 0.63), (0.36, 0.48))
_RIGHT = _Region((0.68, 0.78), _LEFT.y, _LEFT.size)


def read_scene(pixels: NDArray[np.uint8], objects: int | None = None) -> Reading:
    """Reads a picture.

    Args:
        pixels: RGB [side, side, 3].
        objects: how many objects there are (0, 1 or 2); None lets the picture decide.

    Raises:
        ValueError: not a square RGB picture, or no such number of objects.
    """
    picture = _at_own_side(pixels)
    if objects not in (None, 0, 1, 2):
        raise ValueError(f"a scene has up to two objects, not {objects}")
    word = _nearest_background(picture)
    picture = picture - _tint(picture, word)
    layouts: list[tuple[SceneObject, ...]] = [()]
    if objects != 0:
        middle, left, right = (_best_object(picture, word, region) for region in (_MIDDLE, _LEFT, _RIGHT))
        layouts += [(middle,), (left,), (right,), (left, right)]
    if objects is None:
        layouts = [layout for layout in layouts if all(_is_present(picture, word, item) for item in layout)]
    else:
        layouts = [layout for layout in layouts if len(layout) == objects]
    readings = [Reading(word, layout, _error(picture, word, layout)) for layout in layouts]
    return min(readings, key=lambda reading: reading.error)


def disagreements(reading: Reading, scene: Scene) -> tuple[str, ...]:
    """Which parts of a scene the reading gets wrong: of `background`, `count`, `kind`, `colour`."""
    wrong: list[str] = [] if reading.background == scene.background else ["background"]
    if len(reading.objects) != len(scene.objects):
        return (*wrong, "count")
    pairs = list(zip(reading.objects, scene.objects, strict=True))
    if any(seen.kind != wanted.kind for seen, wanted in pairs):
        wrong.append("kind")
    if any(seen.kind == wanted.kind and seen.colour != wanted.colour for seen, wanted in pairs):
        wrong.append("colour")
    return tuple(wrong)


def background_agrees(reading: Reading, scene: Scene) -> bool:
    """Whether the background is the scene's."""
    return reading.background == scene.background


def objects_agree(reading: Reading, scene: Scene) -> bool:
    """Whether the objects are the scene's, colours included, from left to right."""
    return not set(disagreements(reading, scene)) - {"background"}


def agrees(reading: Reading, scene: Scene) -> bool:
    """Whether background and objects are the scene's; places and sizes do not count."""
    return not disagreements(reading, scene)


def _at_own_side(pixels: NDArray[np.uint8]) -> Floats:
    if pixels.ndim != 3 or pixels.shape[0] != pixels.shape[1] or pixels.shape[2] != 3:
        raise ValueError(f"a picture must have shape [side, side, 3], not {pixels.shape}")
    if pixels.shape[0] != _SIDE:
        pixels = np.asarray(Image.fromarray(pixels).resize((_SIDE, _SIDE), Image.Resampling.BOX))
    return pixels.astype(np.float32)


def _halved(pixels: Floats) -> Floats:
    """Means of 2x2 pixels."""
    height, width = pixels.shape[:2]
    return pixels.reshape(height // 2, 2, width // 2, 2, -1).mean((1, 3))


@lru_cache(maxsize=1)
def _rim() -> NDArray[np.bool_]:
    """The part of the half-size picture that objects hardly reach: they stand below the top fifth."""
    rim = np.ones((_SIDE // 2, _SIDE // 2), dtype=np.bool_)
    rim[8:-4, 5:-5] = False
    return rim


@lru_cache(maxsize=1)
def _background_rims() -> Floats:
    """All backgrounds at the rim, [backgrounds, pixels, 3]."""
    return np.stack([_halved(background(word, _SIDE))[_rim()] for word in BACKGROUNDS])


def _nearest_background(picture: Floats) -> str:
    """The background nearest at the rim. Distances are not squared: an object that reaches the rim does no harm."""
    differences = _halved(picture)[_rim()] - _background_rims()
    tints = np.median(differences, axis=1)
    distances = np.linalg.norm(differences - tints[:, None], axis=-1).mean(1)
    return list(BACKGROUNDS)[int((distances + _TINT_WEIGHT * np.linalg.norm(tints, axis=-1)).argmin())]


def _tint(picture: Floats, word: str) -> Floats:
    """How far a drawn background is off in each channel: to be taken off the whole picture."""
    difference = _halved(picture - background(word, _SIDE))[_rim()]
    return np.clip(np.median(difference, axis=0), -_LARGEST_TINT, _LARGEST_TINT).astype(np.float32)


def _picture_planes(picture: Floats, empty: Floats) -> Floats:
    """The planes D, D.B, B and B^2 as [8, side, side]."""
    difference = picture - empty
    mixed = (difference * empty).sum(-1, keepdims=True)
    squared = np.square(empty).sum(-1, keepdims=True)
    planes = np.concatenate([difference, mixed, empty, squared], axis=-1)
    return np.ascontiguousarray(planes.transpose(2, 0, 1))


def _look_weights(look: Look, size: int) -> tuple[Floats, float]:
    """What the picture's planes are multiplied with, flat, and the sum of C^2."""
    colour, alpha = sprite(*look, size)
    planes = np.concatenate([-2 * colour, 2 * alpha, -2 * colour * alpha, np.square(alpha)], axis=-1)
    return planes.transpose(2, 0, 1).reshape(-1), float(np.square(colour).sum())


@lru_cache(maxsize=32)
def _all_weights(size: int) -> tuple[Floats, Floats]:
    """`_look_weights` of every look: [planes, looks] and [looks]."""
    weights, constants = zip(*(_look_weights(look, size) for look in LOOKS), strict=True)
    return np.ascontiguousarray(np.stack(weights, axis=1)), np.asarray(constants, dtype=np.float32)


def _changes(planes: Floats, size: int, starts: tuple[range, range], weights: Floats) -> Floats:
    """Correlations at every place, [tops, lefts, looks]."""
    rows, columns = starts
    part = planes[:, rows.start : rows.stop - 1 + size, columns.start : columns.stop - 1 + size]
    windows = sliding_window_view(part, (size, size), axis=(1, 2)).transpose(1, 2, 0, 3, 4)
    return (windows.reshape(len(rows) * len(columns), -1) @ weights).reshape(len(rows), len(columns), -1)


def _best_object(picture: Floats, word: str, region: _Region) -> SceneObject:
    """The object that lowers the squared error most where a region allows objects."""
    empty = background(word, _SIDE)
    planes = _picture_planes(picture, empty)
    candidates = [
        _placed(planes, LOOKS[index], start)
        for index, start in _finalists(_picture_planes(_halved(picture), _halved(empty)), region)
    ]
    _, look, (top, left, size) = min(candidates, key=lambda candidate: candidate[0])
    return SceneObject(*look, (left + size / 2) / _SIDE, (top + size / 2) / _SIDE, size / _SIDE)


def _finalists(planes: Floats, region: _Region) -> Iterable[tuple[int, tuple[int, int, int]]]:
    """The best looks with their best top, left and size in pixels of the half-size picture."""
    scores: list[Floats] = []
    places: list[list[tuple[int, int, int]]] = []
    for size in region.coarse_sizes():
        rows, columns = region.coarse_starts(size)
        weights, constants = _all_weights(size)
        changes = (_changes(planes, size, (rows, columns), weights) + constants).reshape(-1, len(LOOKS))
        best = changes.argmin(0)
        scores.append(changes[best, np.arange(len(LOOKS))])
        places.append([(rows[i // len(columns)], columns[i % len(columns)], size) for i in best.tolist()])
    table = np.stack(scores)
    sizes, order = table.argmin(0).tolist(), table.min(0).argsort()
    return [(index, places[sizes[index]][index]) for index in order[:_FINALISTS].tolist()]


def _placed(planes: Floats, look: Look, coarse: tuple[int, int, int]) -> tuple[float, Look, tuple[int, int, int]]:
    """Finds a look's place and size to the pixel around those found at half resolution."""
    top, left, size = (2 * value for value in coarse)
    found: list[tuple[float, tuple[int, int, int]]] = []
    for exact in range(size - _COARSE_STEP, size + _COARSE_STEP + 1):
        shift = (size - exact) // 2
        rows, columns = (_around(start + shift, exact) for start in (top, left))
        weights, constant = _look_weights(look, exact)
        changes = _changes(planes, exact, (rows, columns), weights[:, None])[..., 0]
        row, column = divmod(int(changes.argmin()), len(columns))
        found.append((float(changes[row, column]) + constant, (rows[row], columns[column], exact)))
    change, place = min(found)
    return change, look, place


def _around(start: int, size: int) -> range:
    return range(max(0, start - 2), min(_SIDE - size, start + 2) + 1)


def _rendered(word: str, items: Sequence[SceneObject]) -> Floats:
    return render_pixels(Scene(word, tuple(items)), _SIDE).astype(np.float32)


def _error(picture: Floats, word: str, items: Sequence[SceneObject]) -> float:
    return float(np.square(picture - _rendered(word, items)).mean())


def _is_present(picture: Floats, word: str, item: SceneObject) -> bool:
    """Whether an object stands out of the background about as much as its drawing does.

    No pixel may speak for or against it by more than its own contrast, so that a stray spot does not decide.
    """
    empty, drawn = _rendered(word, []), _rendered(word, [item])
    contrast = np.square(drawn - empty).sum(-1)
    gain = np.square(picture - empty).sum(-1) - np.square(picture - drawn).sum(-1)
    return float(np.clip(gain, -contrast, contrast).sum()) >= _PRESENCE * float(contrast.sum())
