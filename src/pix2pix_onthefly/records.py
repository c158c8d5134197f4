"""What flows through an edit: small immutable records, each made by one stage and read by later ones."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Float
from PIL import Image
from torch import Tensor

from .errors import OptionError
from .options import EditOptions, InversionOptions

Progress = Callable[[str, int, int], None]
"""Called as progress(stage, done, total) while work goes on; the stages are `STAGES`, in this order."""
STAGES = ("load", "caption", "invert", "reconstruct", "rewrite", "edit")
"""`load` is told of once for each model, with its role's number among them; `reconstruct` where a reference is kept."""


def no_progress(stage: str, done: int, total: int) -> None:
    """Ignores progress."""


def show_latents(progress: Progress, latents: Sequence[Tensor]) -> None:
    """Hands the latents of edits under way, one [1, channels, h, w] each, to a progress that has a method `preview`.

    Called after the progress of a step, by methods whose latents are near a picture at every step.
    """
    preview = getattr(progress, "preview", None)
    if preview is not None:
        preview(latents)


@dataclass(frozen=True)
class Conditioning:
    """What a backbone makes of texts: opaque to methods, which add, average and scale it, row by row.

    Attributes:
        hidden: embeddings [rows, tokens, width].
        pooled: a vector [rows, width] for each text, of backbones that have one.
    """

    hidden: Float[Tensor, "rows tokens width"]
    pooled: Float[Tensor, "rows pooled_width"] | None = None

    def __len__(self) -> int:
        return len(self.hidden)

    def __add__(self, other: Conditioning) -> Conditioning:
        return self._joined(other, torch.add)

    def __sub__(self, other: Conditioning) -> Conditioning:
        return self._joined(other, torch.sub)

    def __mul__(self, factor: float) -> Conditioning:
        return Conditioning(self.hidden * factor, None if self.pooled is None else self.pooled * factor)

    def mean(self) -> Conditioning:
        """One row: the mean of all, token position by token position (paper Eq. 1)."""
        pooled = None if self.pooled is None else self.pooled.mean(0, keepdim=True)
        return Conditioning(self.hidden.mean(0, keepdim=True), pooled)

    def to(self, dtype: torch.dtype) -> Conditioning:
        """In another precision; itself if it is in that already, so that what layers keep of it stays valid."""
        if self.hidden.dtype == dtype:
            return self
        return Conditioning(self.hidden.to(dtype), None if self.pooled is None else self.pooled.to(dtype))

    def on(self, device: torch.device) -> Conditioning:
        """On a device."""
        return Conditioning(self.hidden.to(device), None if self.pooled is None else self.pooled.to(device))

    def split(self, rows: int) -> list[Conditioning]:
        """Parts of so many rows."""
        hidden = self.hidden.split(rows)
        pooled = [None] * len(hidden) if self.pooled is None else self.pooled.split(rows)
        return [Conditioning(*pair) for pair in zip(hidden, pooled, strict=True)]

    def repeated(self, rows: int) -> Conditioning:
        """A single row for each of so many pictures."""
        pooled = None if self.pooled is None else self.pooled.expand(rows, -1)
        return Conditioning(self.hidden.expand(rows, -1, -1), pooled)

    def _joined(self, other: Conditioning, join: Callable[[Any, Any], Tensor]) -> Conditioning:
        if self.pooled is None or other.pooled is None:
            return Conditioning(join(self.hidden, other.hidden))
        return Conditioning(join(self.hidden, other.hidden), join(self.pooled, other.pooled))


def joined(parts: Sequence[Conditioning]) -> Conditioning:
    """The rows of several, one after another."""
    pooled = [part.pooled for part in parts if part.pooled is not None]
    hidden = torch.cat([part.hidden for part in parts])
    return Conditioning(hidden, torch.cat(pooled) if len(pooled) == len(parts) else None)


@dataclass(frozen=True)
class InversionKey:
    """All that the noise of a picture depends on beside the picture and its caption.

    Attributes:
        weights, precision: of the backbone.
        steps, size: of the edit.
        options: of the inversion.
        seed: None where nothing in it is drawn.
        guidance: the guidance scale that the empty text was optimised for; None where it was not.
    """

    weights: str
    precision: str
    steps: int
    size: int | None
    options: InversionOptions
    seed: int | None
    guidance: float | None = None

    @classmethod
    def of(cls, weights: str, precision: str, options: EditOptions) -> InversionKey:
        """The key of an edit's options with a backbone's weights."""
        seed = options.seed if options.inversion.random else None
        guidance = options.method.away_from_empty if options.inversion.kind == "null-text" else None
        return cls(weights, precision, options.steps, options.size, options.inversion, seed, guidance)

    def check(self, other: InversionKey) -> None:
        """Makes sure that a picture that was prepared with this serves an edit that needs `other`.

        Raises:
            OptionError: it does not, and in what they differ.
        """
        if (self.weights, self.precision) != (other.weights, other.precision):
            raise OptionError("this picture was prepared with other weights or in another precision; prepare it anew")
        mine, theirs = self._flat(), other._flat()
        for name, was in mine.items():
            if was != theirs[name]:
                raise OptionError(f"this picture was prepared with {name} {was}, not {theirs[name]}; prepare it anew")

    def _flat(self) -> dict[str, object]:
        own = {"steps": self.steps, "size": self.size, **self.options.flat(), "seed": self.seed}
        return {**own, "guidance_scale": self.guidance}


@dataclass(frozen=True)
class Inverted:
    """The noise from which a backbone regenerates a picture.

    Attributes:
        caption: the caption it was conditioned on.
        noise: latents at the highest noise level, [1, channels, h, w], float32.
        key: what it was made with.
        trajectory: the latents on the way, the picture's own first; empty where nobody asked for them.
        empty_texts: for each sampling step the embedding of the empty text with which guided sampling goes the same
            way back, [steps, tokens, width], float32; None where it was not optimised.
    """

    caption: str
    noise: Float[Tensor, "1 channels h w"]
    key: InversionKey
    trajectory: tuple[Tensor, ...] = field(default=(), repr=False)
    empty_texts: Float[Tensor, "steps tokens width"] | None = field(default=None, repr=False)

    @property
    def steps(self) -> int:
        """Number of sampling steps it belongs to."""
        return self.key.steps


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
        latents: where it ended, [1, channels, h, w].
        maps: for each step, for each cross-attention layer, the map [1, heads, positions, tokens], on the CPU.
    """

    latents: Float[Tensor, "1 channels h w"]
    maps: tuple[tuple[Tensor, ...], ...] = field(repr=False)


@dataclass(frozen=True)
class SourcePredictions:
    """What a backbone predicts for an unedited picture under its own caption, kept for edits to come.

    Attributes:
        weights, precision, steps, seed: what they were made with.
        rows: by timestep and draw of noise, [1, channels, h, w].
    """

    weights: str
    precision: str
    steps: int
    seed: int
    rows: Mapping[tuple[float, int], Tensor] = field(repr=False)


@dataclass(frozen=True)
class Prepared:
    """A picture that is ready for any number of edits: caption and inversion are done.

    Attributes:
        original: the picture as it was given, RGB.
        rgba: the same with its opacity; None if it has no transparency data.
        source: the picture at the size it is worked on.
        latents: of `source`, [1, channels, h, w]; None for methods with a backbone of their own.
        caption: what it shows.
        options: what it was prepared with; an edit must agree in all that the inversion depends on.
        inverted: its noise; None where no method has asked for it.
        reference: the unedited regeneration with its maps; None where they would take too much memory.
        predictions: of the unedited picture, for methods that compare with them.
        seconds: time spent in each stage.
    """

    original: Image.Image
    source: Image.Image
    caption: str
    options: EditOptions
    rgba: Image.Image | None = field(default=None, repr=False)
    latents: Float[Tensor, "1 channels h w"] | None = field(default=None, repr=False)
    inverted: Inverted | None = None
    reference: Reconstruction | None = field(default=None, repr=False)
    predictions: SourcePredictions | None = field(default=None, repr=False)
    seconds: dict[str, float] = field(default_factory=dict[str, float])


@dataclass(frozen=True)
class Case:
    """One edit that a method is asked for.

    Attributes:
        picture: what is edited; methods that need an inversion find it there.
        instruction: what should change.
        captions: before and after the edit.
        direction: the edit direction, one row, for methods that go along one.
        seed: of everything random in this edit.
        allowed: the user's mask in cells of the latents, 1 where something may change; None for everywhere.
    """

    picture: Prepared
    instruction: str
    captions: EditCaptions
    direction: Conditioning | None = field(default=None, repr=False)
    seed: int = 0
    allowed: Float[Tensor, "1 1 h w"] | None = field(default=None, repr=False)

    @property
    def latents(self) -> Float[Tensor, "1 channels h w"]:
        """The picture's latents, of a case whose method works on the backbone."""
        assert self.picture.latents is not None, "the executor encodes pictures"
        return self.picture.latents

    @property
    def inverted(self) -> Inverted:
        """The picture's inversion, of a case whose method needs one."""
        assert self.picture.inverted is not None, "the executor inverts pictures for methods that need it"
        return self.picture.inverted


@dataclass(frozen=True)
class Edited:
    """What a method made of a case.

    Attributes:
        made: latents [1, channels, h, w], or a picture where the method decodes by itself.
        unedited: latents of the unedited regeneration, where the method makes one.
        mask: where the edit acted, 0 to 1 in cells of the latents, where the method found out by itself.
    """

    made: Tensor | Image.Image
    unedited: Tensor | None = None
    mask: Float[Tensor, "1 1 h w"] | None = None


@dataclass(frozen=True)
class EditResult:
    """Everything an edit made, and all that is needed to make it again.

    Attributes:
        image: the edited picture, at the input's size: RGB; RGBA where the input can be seen through and the edit was
            held to a region of it.
        source, reconstruction: the input as it was fitted, and its unedited regeneration, at the working size; the
            latter is None for methods that make none.
        instruction, caption, captions: the texts.
        options: the settings used.
        models: for each role the row of the model table: hub id, revision.
        versions: versions of the libraries that took part.
        family: name of the model family.
        seconds: time spent in each stage.
        source_sha256: digest of the picture that was edited, at its own size.
        reconstruction_psnr: agreement of `reconstruction` with `source` in dB.
        warnings: sentences for the user.
        mask: what the edit was held to, as L at the input's size, white where it changed; None where nothing held it.
        mask_sha256: digest of the user's mask; None where there was none.
        agreement: by how much better the captioner thinks the after-captions describe `image` than the
            before-captions do; None where candidates were not ranked.
        others: the other candidates, where several were asked for; in the order of their ranks if they were ranked.
    """

    image: Image.Image
    source: Image.Image
    reconstruction: Image.Image | None
    instruction: str
    caption: str
    captions: EditCaptions
    options: EditOptions
    family: str
    models: dict[str, str]
    versions: dict[str, str]
    seconds: dict[str, float]
    source_sha256: str
    reconstruction_psnr: float | None = None
    warnings: tuple[str, ...] = ()
    mask: Image.Image | None = None
    mask_sha256: str | None = None
    agreement: float | None = None
    others: tuple[EditResult, ...] = field(default=(), repr=False)

    def save(self, path: Path | str, *, overwrite: bool = False, recipe: bool = True) -> None:
        """Writes the edited picture, whole or not at all, to a PNG, JPEG or WebP file that carries the recipe.

        Args:
            path: the file; its ending says of which kind. `-` sends a PNG to standard output.
            overwrite: the file may be there.
            recipe: False leaves the recipe out.

        Raises:
            OutputError: the file is there without `overwrite`, or cannot be written.
        """
        from .pictures.saving import save

        save(self.image, path, self.recipe() if recipe else None, overwrite=overwrite)

    def recipe(self) -> dict[str, object]:
        """All but the pictures as plain data, ready for JSON: what a saved picture carries."""
        agreement = self.reconstruction_psnr
        return {
            "instruction": self.instruction,
            "caption": self.caption,
            "captions": dataclasses.asdict(self.captions),
            "options": self.options.flat(),
            "family": self.family,
            "models": self.models,
            "versions": self.versions,
            "seconds": {stage: round(seconds, 3) for stage, seconds in self.seconds.items()},
            "source_sha256": self.source_sha256,
            **({} if self.mask_sha256 is None else {"mask_sha256": self.mask_sha256}),
            "reconstruction_psnr": None if agreement is None else round(agreement, 2),
            "warnings": list(self.warnings),
        }
