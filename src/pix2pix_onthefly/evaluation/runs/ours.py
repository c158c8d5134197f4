"""The project's own method, in batches and with inversions out of the cache."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import torch
from PIL import Image
from torch import Tensor

from ... import __version__
from ...editor import Editor
from ...inversions.ddim import walk_to_noise
from ...methods import attention_guidance
from ...methods.direction import edit_direction
from ...options import PREPARATION_OPTIONS, EditOptions
from ...pictures import fitting
from ...pictures.digest import picture_digest
from ...records import GuidedEdit, Inversion
from ...running.clock import Clock
from .cache import Cache, digest
from .captions import row_key
from .method import Case, Made


class Ours:
    """`Editor.edit` for many pictures at once; a `method.Method`.

    A picture's noise is kept in the cache, one entry for each caption, set of inversion options and set of weights, and
    never replaced. Where one of a batch is missing the whole batch is inverted again, so that a run that was cut off
    between two of them ends with the noise of one that was not.

    Args:
        editor: its diffusion model edits, `settings.batch` pictures at a time.
        options: of all edits.
        cache: where noise is kept.
    """

    name = "Pix2Pix-OnTheFly"

    def __init__(self, editor: Editor, options: EditOptions, cache: Cache) -> None:
        self.editor, self.options, self.cache = editor, options, cache
        self.batch = editor.settings.batch

    def models(self) -> dict[str, str]:
        """The editor's rows, by role."""
        return self.editor.models()

    def settings(self) -> dict[str, object]:
        """The options."""
        return dataclasses.asdict(self.options)

    def edit(self, cases: Sequence[Case]) -> list[Made]:
        """Edits pictures of one size.

        Raises:
            ModelUnavailableError: the diffusion model is not on this machine.
        """
        clock, diffusion = Clock(), self.editor.diffusion
        with clock.stage("edit"):
            inversions = self.inversions(cases)
            directions = [edit_direction(diffusion, case.captions.before, case.captions.after) for case in cases]
            edits = [GuidedEdit(*pair) for pair in zip(inversions, directions, strict=True)]
            made = attention_guidance.edit(diffusion, edits, self.options)
            pictures = [(self._decode(latents.edited), self._decode(latents.unedited)) for latents in made]
        share = clock.seconds["edit"] / len(cases)
        return [
            Made(fitting.restore(edited, case.picture.size), unedited, share)
            for case, (edited, unedited) in zip(cases, pictures, strict=True)
        ]

    @torch.no_grad()
    def inversions(self, cases: Sequence[Case]) -> list[Inversion]:
        """The inversion of each case's picture; equal ones are one object, which share their reference pass."""
        sources = [self.editor.fit(case.picture, self.options) for case in cases]
        keys = [self._key(source, case.source_caption) for source, case in zip(sources, cases, strict=True)]
        names = [digest(key) for key in keys]
        first = {name: place for place, name in reversed(list(enumerate(names)))}
        places = sorted(first.values())
        noises = [self.cache.noise(keys[place]) for place in places]
        if any(noise is None for noise in noises):
            walked = self._walk([sources[place] for place in places], [cases[place].source_caption for place in places])
            for number, place in enumerate(places):
                if noises[number] is None:
                    self.cache.keep_noise(keys[place], walked[number])
            noises = [new if kept is None else kept for kept, new in zip(noises, walked, strict=True)]
        made = {
            names[place]: self._inversion(cases[place].source_caption, noise)
            for place, noise in zip(places, noises, strict=True)
            if noise is not None
        }
        return [made[name] for name in names]

    def _walk(self, sources: Sequence[Image.Image], captions: Sequence[str]) -> list[Tensor]:
        """The noise of pictures of one size, inverted side by side."""
        diffusion = self.editor.diffusion
        latents = diffusion.encode(torch.cat([fitting.to_tensor(source) for source in sources]))
        walked = walk_to_noise(diffusion, latents, diffusion.embed(captions), self.options)[-1]
        # Laid out as the cache gives it back: convolutions round differently where memory is laid out differently.
        return [noise.cpu().contiguous() for noise in walked.split(1)]

    def _inversion(self, caption: str, noise: Tensor) -> Inversion:
        """An inversion whose way is not kept: an edit asks for its end alone."""
        noise = noise.to(self.editor.diffusion.device)
        return Inversion(caption, self.options.steps, self.options.inversion, noise[:0], noise, ())

    def _key(self, source: Image.Image, caption: str) -> dict[str, object]:
        """All that the noise depends on."""
        return {
            "version": __version__,
            "model": row_key(self.editor.row.diffusion),
            "precision": str(self.editor.dtype),
            "picture": picture_digest(source),
            "caption": caption,
            "options": {name: getattr(self.options, name) for name in PREPARATION_OPTIONS},
        }

    def _decode(self, latents: Tensor) -> Image.Image:
        """The picture at the size it was worked on."""
        return fitting.to_image(self.editor.diffusion.decode(latents))
