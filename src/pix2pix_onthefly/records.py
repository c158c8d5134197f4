"""What flows through an edit: small immutable records, each made by one stage and read by later ones."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass, field

from PIL import Image
from torch import Tensor

from .options import EditOptions

Progress = Callable[[str, int, int], None]
"""Called as progress(stage, done, total) while an edit runs; stages: caption, invert, reconstruct, rewrite, edit."""


def no_progress(stage: str, done: int, total: int) -> None:
    """Ignores progress."""


@dataclass(frozen=True)
class Inversion:
    """The noise from which the diffusion model regenerates an image.

    Attributes:
        caption: the caption it was conditioned on.
        steps: number of sampling steps it belongs to.
        kind: `aligned` or `reference`.
        source: latents of the image, [1, channels, height/8, width/8], float32.
        noise: latents at the highest noise level, same shape.
        trajectory: the latents on the way from `source` to `noise`, both included.
    """

    caption: str
    steps: int
    kind: str
    source: Tensor
    noise: Tensor
    trajectory: tuple[Tensor, ...] = field(repr=False)


@dataclass(frozen=True)
class EditCaptions:
    """Captions of the picture before and after the edit, and how they came about.

    Attributes:
        before, after: one or more captions each.
        outcome: `complied` (the reply could be read), `partial` (the best of the replies was completed or cut),
            `fallback` (no reply was of use, and the edit was forced), `given` (by the user), `not understood` (nothing
            should be changed; the captions are those that a forced edit would use).
        prompt: what the language model was given; None where it was not asked.
        replies: its raw replies, one an attempt.
        note: sentences for the user: what was assumed, what is amiss, why nothing is changed.
        kind: of edit: `replace`, `recolour`, `background`, `add`, `remove`, `style`, `other`, or several joined by a
            plus; empty where captions were given.
        question: what the instruction left open, as one short question; the likeliest answer was taken.
        candidates: the answers to that question.
    """

    before: tuple[str, ...]
    after: tuple[str, ...]
    outcome: str
    prompt: str | None = None
    replies: tuple[str, ...] = ()
    note: str = ""
    kind: str = ""
    question: str = ""
    candidates: tuple[str, ...] = ()


@dataclass(frozen=True)
class Reconstruction:
    """The unedited regeneration, which edits are held to, kept for edits to come.

    Attributes:
        latents: where it ended, [1, channels, height/8, width/8].
        maps: for each step, for each cross-attention layer, the map [1, heads, positions, tokens], on the CPU.
    """

    latents: Tensor
    maps: tuple[tuple[Tensor, ...], ...] = field(repr=False)


@dataclass(frozen=True)
class GuidedEdit:
    """One edit that the diffusion model is to make.

    Attributes:
        inversion: where it starts.
        direction: edit direction [1, tokens, width].
        reference: the unedited regeneration, if it was kept; it is run beside the edit if not.
    """

    inversion: Inversion
    direction: Tensor = field(repr=False)
    reference: Reconstruction | None = field(default=None, repr=False)


@dataclass(frozen=True)
class EditedLatents:
    """What the diffusion model made of one `GuidedEdit`: two latents [1, channels, height/8, width/8].

    Attributes:
        edited: the edit.
        unedited: the regeneration it was held to.
    """

    edited: Tensor
    unedited: Tensor


@dataclass(frozen=True)
class Prepared:
    """A picture that is ready for any number of edits.

    Attributes:
        size: width and height of the picture as it was given.
        source: the picture at the size it is worked on.
        inversion: its caption and its noise.
        options: what it was prepared with; an edit must agree in all that the inversion depends on.
        reference: the unedited regeneration with its maps; None where they would take too much memory.
        seconds: time spent in each stage.
    """

    size: tuple[int, int]
    source: Image.Image
    inversion: Inversion
    options: EditOptions
    reference: Reconstruction | None = field(default=None, repr=False)
    seconds: dict[str, float] = field(default_factory=dict[str, float])


@dataclass(frozen=True)
class EditResult:
    """Everything an edit made, and all that is needed to make it again.

    Attributes:
        image: the edited picture, at the input's size.
        source, reconstruction: the input as it was fitted, and its unedited regeneration, at the working size.
        instruction, caption, captions: the texts.
        options: the settings used.
        models: for each role the row of the model table: hub id, revision.
        versions: versions of the libraries that took part.
        family: name of the model family.
        seconds: time spent in each stage.
        reconstruction_psnr: agreement of `reconstruction` with `source` in dB.
        warnings: sentences for the user.
    """

    image: Image.Image
    source: Image.Image
    reconstruction: Image.Image
    instruction: str
    caption: str
    captions: EditCaptions
    options: EditOptions
    family: str
    models: dict[str, str]
    versions: dict[str, str]
    seconds: dict[str, float]
    reconstruction_psnr: float
    warnings: tuple[str, ...] = ()

    def recipe(self) -> dict[str, object]:
        """All but the pictures as plain data, ready for JSON: what a saved picture carries."""
        return {
            "instruction": self.instruction,
            "caption": self.caption,
            "captions": dataclasses.asdict(self.captions),
            "options": dataclasses.asdict(self.options),
            "family": self.family,
            "models": self.models,
            "versions": self.versions,
            "seconds": {stage: round(seconds, 3) for stage, seconds in self.seconds.items()},
            "reconstruction_psnr": round(self.reconstruction_psnr, 2),
            "warnings": list(self.warnings),
        }
