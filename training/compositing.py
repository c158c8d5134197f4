"""Scenes drawn in batches on the device that trains: the same pixels as the world's renderer, within rounding.

Sprites are resized and painted by the renderer's own code, once for each look and size; what is done for every picture,
laying them over a background, is done by torch for a whole batch.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from pix2pix_onthefly.world.backgrounds import background
from pix2pix_onthefly.world.judge import LOOKS
from pix2pix_onthefly.world.renderer import object_box
from pix2pix_onthefly.world.scenes import Scene
from pix2pix_onthefly.world.sprites import sprite
from pix2pix_onthefly.world.vocabulary import BACKGROUNDS

from .common import PICTURE_SIDE

MOST_OBJECTS = 2
CHUNK = 128
"""Pictures laid out at once: bounds what a batch of thousands needs beside its own pixels."""
_BACKGROUNDS = {word: index for index, word in enumerate(BACKGROUNDS)}
_LOOKS = {look: index for index, look in enumerate(LOOKS)}


@dataclass(frozen=True)
class Layout:
    """Where what lies in a batch of pictures, in whole pixels; small enough to be handed from process to process.

    Attributes:
        backgrounds: [pictures], indices into `BACKGROUNDS`.
        looks: [pictures, objects], indices into the judge's `LOOKS`; -1 where there is no object.
        boxes: [pictures, objects, 3], left, top and size.
    """

    backgrounds: Tensor
    looks: Tensor
    boxes: Tensor

    @classmethod
    def of(cls, scenes: Sequence[Scene], side: int = PICTURE_SIDE) -> Layout:
        """The layout of some scenes in pictures of `side` pixels."""
        looks = np.full((len(scenes), MOST_OBJECTS), -1)
        boxes = np.zeros((len(scenes), MOST_OBJECTS, 3), dtype=np.int64)
        for row, scene in enumerate(scenes):
            for place, item in enumerate(scene.objects):
                looks[row, place] = _LOOKS[item.kind, item.colour]
                boxes[row, place] = object_box(item, side)
        words = torch.tensor([_BACKGROUNDS[scene.background] for scene in scenes])
        return cls(words, torch.from_numpy(looks), torch.from_numpy(boxes))

    def chunks(self, count: int) -> Iterable[Layout]:
        """The same in parts of at most `count` pictures."""
        parts = (self.backgrounds.split(count), self.looks.split(count), self.boxes.split(count))
        return (Layout(*part) for part in zip(*parts, strict=True))


class _Atlas:
    """All sprites that were asked for, their pixels one after the other in one tensor [pixels, 4] on the device."""

    def __init__(self, device: torch.device) -> None:
        self.pixels = torch.zeros((2**16, 4), device=device)
        self._filled = 0
        self._starts: dict[tuple[int, int], int] = {}

    def starts(self, looks: Tensor, sizes: Tensor) -> Tensor:
        """Index of each sprite's first pixel, of any shape; sprites that are new are drawn."""
        wanted = list(zip(looks.flatten().tolist(), sizes.flatten().tolist(), strict=True))
        for key in wanted:
            if key not in self._starts:
                self._starts[key] = self._add(*key)
        return torch.tensor([self._starts[key] for key in wanted]).reshape(looks.shape)

    def _add(self, look: int, size: int) -> int:
        colour, opacity = sprite(*LOOKS[look], size)
        flat = torch.from_numpy(np.concatenate([colour, opacity], axis=-1).reshape(-1, 4))
        start, self._filled = self._filled, self._filled + len(flat)
        if self._filled > len(self.pixels):  # twice as long, so that growing costs little in all
            more = torch.zeros((max(len(self.pixels), len(flat)), 4), device=self.pixels.device)
            self.pixels = torch.cat([self.pixels, more])
        self.pixels[start : self._filled] = flat.to(self.pixels.device)
        return start


class SceneRenderer:
    """Draws batches of scenes on a device.

    Args:
        device: where the pixels are wanted.
        side: of the pictures.
    """

    def __init__(self, device: torch.device, side: int = PICTURE_SIDE) -> None:
        self.device, self.side = device, side
        self._atlas = _Atlas(device)
        empty = np.stack([background(word, side) for word in BACKGROUNDS])
        self._backgrounds = torch.from_numpy(empty).to(device).flatten(1, 2)
        axis = torch.arange(side, device=device)
        self._rows, self._columns = axis[:, None], axis[None, :]

    def pixels_of(self, scenes: Sequence[Scene]) -> Tensor:
        """Pictures as [count, 3, side, side] float32 in -1..1."""
        return self.draw(Layout.of(scenes, self.side))

    def draw(self, layout: Layout) -> Tensor:
        """Pictures as [count, 3, side, side] float32 in -1..1 of a layout that was made for the same side."""
        return torch.cat([self._draw(part) for part in layout.chunks(CHUNK)])

    def _draw(self, layout: Layout) -> Tensor:
        canvas = self._backgrounds[layout.backgrounds.to(self.device)]
        for place in range(MOST_OBJECTS):
            there = (layout.looks[:, place] >= 0).nonzero()[:, 0]
            if len(there):
                looks, boxes = layout.looks[there, place], layout.boxes[there, place]
                there = there.to(self.device)
                canvas[there] = self._with_sprites(canvas[there], looks, boxes)
        pixels = canvas.round_().clamp_(0, 255).div_(127.5).sub_(1.0)
        return pixels.reshape(-1, self.side, self.side, 3).permute(0, 3, 1, 2)

    def _with_sprites(self, canvas: Tensor, looks: Tensor, boxes: Tensor) -> Tensor:
        """Pictures [count, side x side, 3] with one sprite laid over each."""
        starts = self._atlas.starts(looks, boxes[:, 2]).to(self.device)[:, None, None]
        left, top, size = (column.to(self.device)[:, None, None] for column in boxes.T)
        rows, columns = self._rows - top, self._columns - left
        covered = (rows >= 0) & (rows < size) & (columns >= 0) & (columns < size)
        index = torch.where(covered, starts + rows * size + columns, 0).flatten()
        sprites = self._atlas.pixels[index].reshape(*canvas.shape[:2], 4) * covered.flatten(1)[..., None]
        return canvas * (1 - sprites[..., 3:]) + sprites[..., :3]
