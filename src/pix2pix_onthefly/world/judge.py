"""Reads a picture of the world by nearest rendering, without any network.

The background is found first, from the rim of the picture. Then every look (kind and colour) is tried at every place
and size a scene may have, at half resolution; the best looks are placed to the pixel. What counts is the squared error
of the composite: with picture I, background B, and a sprite's premultiplied colour C and opacity A, drawing the sprite
changes D = I - B into D - S with S = C - B A, and the squared error by

    |S|^2 - 2 D.S = sum C^2 - 2 sum D.C + 2 sum (D.B) A - 2 sum B.(C A) + sum B^2 A^2.

All sums but the first correlate the picture with the sprite: one matrix product a size scores all looks everywhere.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray
from PIL import Image

from .backgrounds import background
from .renderer import object_box
from .scenes import Scene, SceneObject
from .sprites import sprite
from .vocabulary import BACKGROUNDS, COLOURS, KINDS

Floats = NDArray[np.float32]
Look = tuple[str, str | None]
_Place = tuple[int, int, int]
"""Top, left and size in pixels."""

_SIDE = 96
"""Pictures of any other size are scaled to this side first."""
_COARSE_STEP = 2
_FINALISTS = 4
"""How many looks a region are placed to the pixel."""
_TINT_WEIGHT = 0.5
"""How much an even tint of the rim counts against a background, compared with what remains without the tint: drawn
pictures are often tinted, and stars on a greenish black are still the night sky."""
_SHARED_TINT = 20.0
"""So much of a background's tint is taken to lie on the whole picture, what is more on the background alone."""
_PRESENCE = 0.2
"""An object counts as seen if drawing it lowers the squared error by this share of its contrast to the background: by
all of it if the object is there in full, by nothing if it is there at half strength."""

LOOKS: tuple[Look, ...] = tuple(
    (kind.word, colour) for kind in KINDS.values() for colour in (COLOURS if kind.comes_in_colours else (None,))
)
_RIM = np.pad(np.zeros((_SIDE // 2 - 12, _SIDE // 2 - 10), dtype=np.bool_), ((8, 4), (5, 5)), constant_values=True)
"""The part of the half-size picture that objects hardly reach."""


@dataclass(frozen=True)
class Reading:
    """What a picture shows.

    Attributes:
        background: a word of `BACKGROUNDS`.
        objects: from left to right; none if the background is empty.
        error: mean squared error (0..255 scale) between the picture and this reading's rendering in the picture's tint.
    """

    background: str
    objects: tuple[SceneObject, ...]
    error: float


@dataclass(frozen=True)
class Region:
    """Where the centre of an object may lie and how large it may be, as fractions of the picture's side."""

    x: tuple[float, float]
    y: tuple[float, float]
    size: tuple[float, float]

    @classmethod
    def around(cls, item: SceneObject, reach: float) -> Region:
        """About an object's own place and size."""
        x, y, size = ((value - reach, value + reach) for value in (item.x, item.y, item.size))
        return cls(x, y, size)

    @property
    def box(self) -> tuple[float, float, float, float]:
        """Left, top, right and bottom of all that the region's objects may cover."""
        half = self.size[1] / 2
        return self.x[0] - half, self.y[0] - half, self.x[1] + half, self.y[1] + half

    def coarse(self) -> Iterator[tuple[int, range, range]]:
        """Sizes with the tops and lefts to try, in pixels at half resolution, inside the picture."""
        half = _SIDE // 2
        low, high = (round(edge * half) for edge in self.size)
        for size in range(low, high + 1, _COARSE_STEP):
            axes = [[round(edge * half - size / 2) for edge in axis] for axis in (self.y, self.x)]
            rows, columns = (range(max(0, first), min(half - size, last) + 1) for first, last in axes)
            yield size, rows, columns


# A layout's ranges and a small margin.
MIDDLE = Region((0.40, 0.60), (0.46, 0.61), (0.54, 0.70))
LEFT = Region((0.22, 0.32), (0.49, 0.63), (0.36, 0.48))
RIGHT = Region((0.68, 0.78), LEFT.y, LEFT.size)


def read_scene(pixels: NDArray[np.uint8], objects: int | None = None) -> Reading:
    """Reads a picture.

    Args:
        pixels: RGB [side, side, 3].
        objects: how many objects there are (0, 1 or 2); None lets the picture decide.

    Raises:
        ValueError: not a square RGB picture, or no such number of objects.
    """
    if objects not in (None, 0, 1, 2):
        raise ValueError(f"a scene has up to two objects, not {objects}")
    word, picture, empty = _on_its_background(pixels)
    layouts: list[tuple[SceneObject, ...]] = [()]
    if objects != 0:
        middle, left, right = (_best_object(picture, empty, region) for region in (MIDDLE, LEFT, RIGHT))
        layouts += [(middle,), (left,), (right,), (left, right)]
    if objects is None:
        layouts = [layout for layout in layouts if all(_is_present(picture, empty, item) for item in layout)]
    else:
        layouts = [layout for layout in layouts if len(layout) == objects]
    errors = [float(np.square(picture - _drawn(empty, layout)).mean()) for layout in layouts]
    best = errors.index(min(errors))
    return Reading(word, layouts[best], errors[best])


def read_places(pixels: NDArray[np.uint8], regions: Sequence[Region]) -> tuple[str, tuple[SceneObject | None, ...]]:
    """The background, and for each region the object nearest to what is there, or None where nothing is nearer.

    Unlike `read_scene` this does not weigh layouts against each other: the places are known.

    Args:
        pixels: RGB [side, side, 3].
        regions: where to look.

    Raises:
        ValueError: not a square RGB picture.
    """
    word, picture, empty = _on_its_background(pixels)
    items = [_best_object(picture, empty, region) for region in regions]
    return word, tuple(item if _is_present(picture, empty, item) else None for item in items)


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


def agrees(reading: Reading, scene: Scene) -> bool:
    """Whether background and objects are the scene's; places and sizes do not count."""
    return not disagreements(reading, scene)


def _at_own_side(pixels: NDArray[np.uint8]) -> Floats:
    if pixels.ndim != 3 or pixels.shape[0] != pixels.shape[1] or pixels.shape[2] != 3:
        raise ValueError(f"a picture must have shape [side, side, 3], not {pixels.shape}")
    if pixels.shape[0] != _SIDE:
        pixels = np.asarray(Image.fromarray(pixels).resize((_SIDE, _SIDE), Image.Resampling.BOX))
    return pixels.astype(np.float32)


def _on_its_background(pixels: NDArray[np.uint8]) -> tuple[str, Floats, Floats]:
    """The background's word, the picture without the tint that lies on all of it, and the background as it is there."""
    picture = _at_own_side(pixels)
    word, tint = _nearest_background(picture)
    shared = np.clip(tint, -_SHARED_TINT, _SHARED_TINT).astype(np.float32)
    return word, picture - shared, (background(word, _SIDE) + tint - shared).astype(np.float32)


def _halved(pixels: Floats) -> Floats:
    """Means of 2x2 pixels."""
    return pixels.reshape(_SIDE // 2, 2, _SIDE // 2, 2, 3).mean((1, 3))


def _nearest_background(picture: Floats) -> tuple[str, Floats]:
    """The background nearest at the rim, and how far the picture is off there in each channel."""
    rims = np.stack([_halved(background(word, _SIDE))[_RIM] for word in BACKGROUNDS])
    differences = _halved(picture)[_RIM] - rims
    tints = np.median(differences, axis=1)
    distances = np.linalg.norm(differences - tints[:, None], axis=-1).mean(1)  # unsquared: an object here does no harm
    best = int((distances + _TINT_WEIGHT * np.linalg.norm(tints, axis=-1)).argmin())
    return list(BACKGROUNDS)[best], tints[best]


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


def _changes(planes: Floats, size: int, rows: range, columns: range, weights: Floats) -> Floats:
    """Correlations at every place, [places, looks]; places are ordered by row, then column."""
    part = planes[:, rows.start : rows.stop - 1 + size, columns.start : columns.stop - 1 + size]
    windows = sliding_window_view(part, (size, size), axis=(1, 2)).transpose(1, 2, 0, 3, 4)
    return windows.reshape(len(rows) * len(columns), -1) @ weights


def _best_object(picture: Floats, empty: Floats, region: Region) -> SceneObject:
    """The object that lowers the squared error most where a region allows objects."""
    planes = _picture_planes(picture, empty)
    finalists = _finalists(_picture_planes(_halved(picture), _halved(empty)), region)
    placed = [(*_placed(planes, LOOKS[index], coarse), index) for index, coarse in finalists]
    _, (top, left, size), index = min(placed)
    return SceneObject(*LOOKS[index], (left + size / 2) / _SIDE, (top + size / 2) / _SIDE, size / _SIDE)


def _finalists(planes: Floats, region: Region) -> list[tuple[int, _Place]]:
    """The best looks (as indices) with their best places in the half-size picture."""
    scores: list[Floats] = []
    places: list[list[_Place]] = []
    for size, rows, columns in region.coarse():
        weights, constants = _all_weights(size)
        changes = _changes(planes, size, rows, columns, weights) + constants
        scores.append(changes.min(0))
        places.append([(rows[i // len(columns)], columns[i % len(columns)], size) for i in changes.argmin(0).tolist()])
    table = np.stack(scores)
    sizes, order = table.argmin(0).tolist(), table.min(0).argsort().tolist()
    return [(index, places[sizes[index]][index]) for index in order[:_FINALISTS]]


def _placed(planes: Floats, look: Look, coarse: _Place) -> tuple[float, _Place]:
    """Finds a look's place to the pixel around that at half resolution, and by how much it changes the error."""
    top, left, size = (2 * value for value in coarse)
    found: list[tuple[float, _Place]] = []
    for exact in range(size - _COARSE_STEP, size + _COARSE_STEP + 1):
        starts = (start + (size - exact) // 2 for start in (top, left))
        rows, columns = (range(max(0, start - 2), min(_SIDE - exact, start + 2) + 1) for start in starts)
        weights, constant = _look_weights(look, exact)
        changes = _changes(planes, exact, rows, columns, weights)
        row, column = divmod(int(changes.argmin()), len(columns))
        found.append((float(changes.min()) + constant, (rows[row], columns[column], exact)))
    return min(found)


def _drawn(empty: Floats, items: Sequence[SceneObject]) -> Floats:
    """The objects on any background, rounded as the renderer rounds."""
    pixels = empty.copy()
    for item in items:
        left, top, size = object_box(item, _SIDE)
        colour, alpha = sprite(item.kind, item.colour, size)
        window = pixels[top : top + size, left : left + size]
        window[:] = window * (1 - alpha) + colour
    return np.clip(np.round(pixels), 0, 255)


def _is_present(picture: Floats, empty: Floats, item: SceneObject) -> bool:
    """Whether an object stands out of the background about as much as its drawing does.

    No pixel may speak for or against it by more than its own contrast, so that a stray spot does not decide.
    """
    before, drawn = _drawn(empty, ()), _drawn(empty, (item,))
    contrast = np.square(drawn - before).sum(-1)
    gain = np.square(picture - before).sum(-1) - np.square(picture - drawn).sum(-1)
    return float(np.clip(gain, -contrast, contrast).sum()) >= _PRESENCE * float(contrast.sum())
