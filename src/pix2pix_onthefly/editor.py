"""The method, in the paper's order: caption, invert, rewrite, direct, guide."""

from __future__ import annotations

import time
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from functools import cached_property
from importlib.metadata import version
from pathlib import Path

import torch
from PIL import Image
from torch import Tensor

from . import __version__, families, guidance, images
from .captioner import Captioner
from .diffusion import LatentDiffusion
from .direction import edit_direction
from .errors import InputError
from .inversion import invert
from .options import EditOptions
from .records import EditCaptions, EditResult, Progress, no_progress
from .rewriter import Rewriter, check_instruction

_LIBRARIES = ("torch", "diffusers", "transformers", "pillow")


class Editor:
    """Edits pictures as instructions say, with one family of models. Models are loaded when first needed."""

    def __init__(self, family: str, device: torch.device, dtype: torch.dtype) -> None:
        self.family, self.device, self.dtype = family, device, dtype
        self.row = families.FAMILIES[family]

    @classmethod
    def load(cls, family: str | None = None, *, device: str | None = None) -> Editor:
        """An editor for a family of `FAMILIES` (default: `ONTHEFLY_FAMILY` or `mini`) on a device (default: the best).

        Raises:
            InputError: unknown family or unusable device.
        """
        chosen = families.pick_device(device)
        return cls(families.pick_family(family), chosen, families.pick_dtype(chosen))

    @cached_property
    def diffusion(self) -> LatentDiffusion:
        """The latent diffusion model."""
        return families.load_diffusion(self.row.diffusion, self.device, self.dtype)

    @cached_property
    def captioner(self) -> Captioner:
        """The captioning model."""
        return families.load_captioner(self.row.captioner, self.device, self.dtype)

    @cached_property
    def rewriter(self) -> Rewriter:
        """The language model."""
        return families.load_rewriter(self.row.rewriter, self.row.pool, self.device, self.dtype)

    def options(self, **changes: object) -> EditOptions:
        """The family's default options with some changes.

        Raises:
            OptionError: an unknown name or a bad value.
        """
        return EditOptions().with_changes(**{**self.row.option_defaults, **changes})

    def edit(
        self,
        image: Image.Image | str | Path,
        instruction: str,
        *,
        options: EditOptions | None = None,
        caption: str | None = None,
        before: Sequence[str] = (),
        after: Sequence[str] = (),
        direction: Tensor | None = None,
        progress: Progress = no_progress,
    ) -> EditResult:
        """Edits one picture.

        Args:
            image: a picture or the path of one.
            instruction: what should change; may be empty where captions or a direction are given.
            options: settings; the family's defaults if not given.
            caption: the picture's caption, in place of the captioner's.
            before, after: captions in place of the language model's.
            direction: an edit direction [1, tokens, width] in place of the captions'.
            progress: called as progress(stage, done, total).

        Raises:
            InputError, OptionError, ModelUnavailableError: with a sentence for the user.
        """
        options = options or self.options()
        given = _given_captions(instruction, before, after, direction)
        picture = images.open_picture(image) if isinstance(image, str | Path) else images.to_rgb(image)
        source = self.fit(picture, options)
        clock = _Clock()
        with clock.stage("caption"):
            caption = caption or self.captioner.describe(source, progress)
        with clock.stage("invert"):
            latents = self.diffusion.encode(images.to_tensor(source))
            inversion = invert(self.diffusion, latents, caption, options, progress)
        with clock.stage("rewrite"):
            captions = given or self.rewriter.rewrite(instruction, caption, options, progress)
        with clock.stage("direct"):
            direction = self._direction(captions, direction)
        with clock.stage("reconstruct"):
            unedited = guidance.reconstruct(self.diffusion, inversion, options, progress)
        with clock.stage("edit"):
            edited = guidance.edit(self.diffusion, inversion, unedited, direction, options, progress)
        result = self._decode(edited, picture.size), self._decode(unedited.latents, source.size)
        return self._result(result, source, instruction, caption, captions, options, clock.seconds)

    def fit(self, picture: Image.Image, options: EditOptions) -> Image.Image:
        """The picture at the size it is worked on: the long side as asked for, or the size the model was trained at."""
        return images.fit(picture, options.size or self.diffusion.native_size, self.diffusion.pixels_per_latent)

    def _direction(self, captions: EditCaptions, given: Tensor | None) -> Tensor:
        """The given direction if it fits this family, else that of the captions (paper Eq. 1 and 2)."""
        if given is None:
            return edit_direction(self.diffusion, captions.before, captions.after)
        expected = self.diffusion.embed([""]).shape
        if given.shape != expected:
            raise InputError(
                f"this direction has shape {tuple(given.shape)}, but the family {self.family} needs {tuple(expected)}: "
                "use the family it was made with"
            )
        return given

    def _decode(self, latents: Tensor, size: tuple[int, int]) -> Image.Image:
        return images.restore(images.to_image(self.diffusion.decode(latents)), size)

    def _result(
        self,
        decoded: tuple[Image.Image, Image.Image],
        source: Image.Image,
        instruction: str,
        caption: str,
        captions: EditCaptions,
        options: EditOptions,
        seconds: dict[str, float],
    ) -> EditResult:
        image, reconstruction = decoded
        agreement = images.psnr(source, reconstruction)
        return EditResult(
            image=image,
            source=source,
            reconstruction=reconstruction,
            instruction=instruction,
            caption=caption,
            captions=captions,
            options=options,
            family=self.family,
            models=self.models(),
            versions={"pix2pix-onthefly": __version__, **{name: version(name) for name in _LIBRARIES}},
            seconds=seconds,
            reconstruction_psnr=agreement,
            warnings=self._warnings(agreement, captions),
        )

    def models(self) -> dict[str, str]:
        """The rows of this family's models, by role."""
        roles = {"diffusion": self.row.diffusion, "captioner": self.row.captioner, "rewriter": self.row.rewriter}
        return {role: str(row) for role, row in roles.items()}

    def _warnings(self, agreement: float, captions: EditCaptions) -> tuple[str, ...]:
        found: list[str] = []
        floor = self.row.reconstruction_floor
        if floor is not None and agreement < floor:
            found.append(
                f"the models of the family {self.family} regenerate this picture poorly ({agreement:.1f} dB, below "
                f"{floor:g}): it is outside the world they know; for photographs use --family "
                f"{families.PHOTOGRAPH_FAMILY}"
            )
        if captions.note:
            found.append(captions.note)
        return tuple(found)


def _given_captions(
    instruction: str, before: Sequence[str], after: Sequence[str], direction: Tensor | None
) -> EditCaptions | None:
    """The user's own captions, if there are any; the instruction is checked where the language model will need it.

    Raises:
        InputError: captions for one side only, blank ones, or no usable instruction.
    """
    if bool(before) != bool(after):
        raise InputError("captions must be given for both sides: at least one before and one after the edit")
    if any(not text.strip() for text in (*before, *after)):
        raise InputError("a caption is empty: write what the picture shows before and after the edit")
    if before or direction is not None:
        return EditCaptions(tuple(before), tuple(after), "given")
    check_instruction(instruction)
    return None


class _Clock:
    """Seconds spent in each stage."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}

    @contextmanager
    def stage(self, name: str) -> Generator[None]:
        """Times what runs inside."""
        started = time.perf_counter()
        yield
        self.seconds[name] = time.perf_counter() - started
