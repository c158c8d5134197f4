"""The method, in the paper's order: caption, invert, rewrite, direct, guide."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from PIL import Image
from torch import Tensor

from .backbones.stable_diffusion import LatentDiffusion
from .captioning.blip import Captioner
from .errors import InputError, OptionError
from .inversions.ddim import invert
from .methods import attention_guidance
from .methods.direction import check_direction, edit_direction
from .methods.reference import keep_reference
from .models import families, loading
from .models.residency import Models
from .options import PREPARATION_OPTIONS, EditOptions, LoadOptions
from .pictures import fitting, opening
from .records import EditCaptions, EditedLatents, EditResult, GuidedEdit, Prepared, Progress, no_progress
from .rewriting.rewriter import Rewriter, check_instruction
from .running.clock import Clock
from .running.notices import versions, warnings_of

Picture = Image.Image | str | Path


@dataclass(frozen=True)
class _Plan:
    """One edit, ready for the diffusion model."""

    prepared: Prepared
    instruction: str
    captions: EditCaptions
    direction: Tensor
    seconds: dict[str, float]

    @property
    def guided(self) -> GuidedEdit:
        return GuidedEdit(self.prepared.inversion, self.direction, self.prepared.reference)


class Editor:
    """Edits pictures as instructions say, with one family of models. Models are loaded when first needed."""

    def __init__(self, settings: LoadOptions) -> None:
        self.settings = settings
        self.family, self.row = families.family_of(settings)
        self.device = loading.pick_device(settings.device)
        self.dtype = loading.pick_dtype(settings.precision, self.device)
        self._models = Models(self.row, self.device, self.dtype, low_vram=settings.low_vram)

    @classmethod
    def load(cls, family: str | None = None, **settings: Any) -> Editor:
        """An editor for a family of models; `settings` are the other fields of `LoadOptions`.

        Raises:
            InputError, OptionError: unknown family, unusable device, bad value.
        """
        return cls(LoadOptions().with_changes(family=family, **settings))

    @property
    def diffusion(self) -> LatentDiffusion:
        """The latent diffusion model."""
        return self._models.diffusion

    @property
    def captioner(self) -> Captioner:
        """The captioning model."""
        return self._models.captioner

    @property
    def rewriter(self) -> Rewriter:
        """The language model."""
        return self._models.rewriter

    def options(self, **changes: object) -> EditOptions:
        """The family's default options with some changes.

        Raises:
            OptionError: an unknown name or a bad value.
        """
        return EditOptions().with_changes(**{**self.row.option_defaults, **changes})

    def edit(
        self,
        image: Picture | Prepared,
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
            image: a picture, the path of one, or what `prepare` made of it.
            instruction: what should change; may be empty where captions or a direction are given.
            options: settings; the family's defaults if not given.
            caption: the picture's caption, in place of the captioner's.
            before, after: captions in place of the language model's.
            direction: an edit direction [1, tokens, width] in place of the captions'.
            progress: called as progress(stage, done, total).

        Raises:
            InputError, OptionError, ModelUnavailableError: with a sentence for the user.
        """
        given = _given_captions(instruction, before, after, direction)
        if isinstance(image, Prepared):
            prepared, options = image, _agreed(image, options, caption)
        else:
            options = options or self.options()
            prepared = self._inverted(image, caption, options, progress)
        plan = self._plan(prepared, instruction, given, direction, options, progress)
        return self._guided([plan], options, progress)[0]

    def edit_many(
        self,
        pictures: Sequence[Picture | Prepared],
        instructions: Sequence[str],
        *,
        options: EditOptions | None = None,
        progress: Progress = no_progress,
    ) -> list[EditResult]:
        """Edits several pictures, or one picture in several ways, in batches: a picture that is given more than once
        (the same object or the same path) is captioned and inverted once.

        Args:
            pictures: one for each instruction.
            instructions: what should change.
            options, progress: as for `edit`.

        Raises:
            InputError, OptionError, ModelUnavailableError: before anything is edited.
        """
        if len(pictures) != len(instructions):
            raise InputError(f"{len(pictures)} pictures and {len(instructions)} instructions do not go together")
        for instruction in instructions:
            check_instruction(instruction)
        chosen = options or self.options()
        ready: dict[object, Prepared] = {}
        plans: list[_Plan] = []
        for picture, instruction in zip(pictures, instructions, strict=True):
            key = picture if isinstance(picture, str | Path) else id(picture)
            if isinstance(picture, Prepared):
                _agreed(picture, chosen)
                ready[key] = picture
            elif key not in ready:
                ready[key] = self._inverted(picture, None, chosen, progress)
            plans.append(self._plan(ready[key], instruction, None, None, chosen, progress))
        return self._in_batches(plans, chosen, progress)

    def prepare(
        self,
        image: Picture,
        *,
        options: EditOptions | None = None,
        caption: str | None = None,
        progress: Progress = no_progress,
    ) -> Prepared:
        """Does once what every edit of a picture shares: caption, inversion and, where they fit into
        `settings.map_memory`, the reference's cross-attention maps."""
        options = options or self.options()
        inverted = self._inverted(image, caption, options, progress)
        clock, most = Clock(progress), self.settings.map_memory * 2**30
        with clock.stage("reconstruct"):
            kept = keep_reference(self.diffusion, inverted.inversion, options, progress, most_bytes=most)
        return replace(inverted, reference=kept, seconds={**inverted.seconds, **clock.seconds})

    def fit(self, picture: Image.Image, options: EditOptions) -> Image.Image:
        """The picture at the size it is worked on: the long side as asked for, or the size the model was trained at."""
        native, multiple = self._models.sizes
        return fitting.fit(picture, options.size or native, multiple)

    def models(self) -> dict[str, str]:
        """The rows of this family's models, by role."""
        roles = {"diffusion": self.row.diffusion, "captioner": self.row.captioner, "rewriter": self.row.rewriter}
        return {role: str(row) for role, row in roles.items()}

    def _inverted(self, image: Picture, caption: str | None, options: EditOptions, progress: Progress) -> Prepared:
        """Caption and inversion (paper 3.1)."""
        picture = opening.open_picture(image) if isinstance(image, str | Path) else opening.to_rgb(image)
        source, clock = self.fit(picture, options), Clock(progress)
        with clock.stage("caption", announced=caption is None):
            caption = caption or self.captioner.describe(source, progress)
        with clock.stage("invert"):
            latents = self.diffusion.encode(fitting.to_tensor(source))
            inversion = invert(self.diffusion, latents, caption, options, progress)
        return Prepared(picture.size, source, inversion, options, seconds=clock.seconds)

    def _plan(
        self,
        prepared: Prepared,
        instruction: str,
        given: EditCaptions | None,
        direction: Tensor | None,
        options: EditOptions,
        progress: Progress,
    ) -> _Plan:
        """Captions before and after the edit (paper 3.2, 5), and their direction (Eq. 1 and 2)."""
        clock = Clock(progress)
        with clock.stage("rewrite", announced=given is None):
            caption = prepared.inversion.caption
            captions = given or self.rewriter.rewrite(
                instruction, caption, options, seed=options.seed, progress=progress
            )
        with clock.stage("direct", announced=False):
            if direction is None:
                direction = edit_direction(self.diffusion, captions.before, captions.after)
            else:
                check_direction(direction, self.diffusion)
        return _Plan(prepared, instruction, captions, direction, {**prepared.seconds, **clock.seconds})

    def _in_batches(self, plans: Sequence[_Plan], options: EditOptions, progress: Progress) -> list[EditResult]:
        """Runs plans of one size together, a picture's plans side by side; results in the order of the plans."""
        sizes = [plan.prepared.source.size for plan in plans]
        order = sorted(range(len(plans)), key=lambda place: (sizes[place], id(plans[place].prepared)))
        results: dict[int, EditResult] = {}
        while order:
            batch = [place for place in order[: self.settings.batch] if sizes[place] == sizes[order[0]]]
            order = order[len(batch) :]
            made = self._guided([plans[place] for place in batch], options, progress)
            results.update(zip(batch, made, strict=True))
        return [results[place] for place in range(len(plans))]

    def _guided(self, plans: Sequence[_Plan], options: EditOptions, progress: Progress) -> list[EditResult]:
        """The guided edits (paper 3.3)."""
        clock = Clock(progress)
        with clock.stage("edit"):
            made = attention_guidance.edit(self.diffusion, [plan.guided for plan in plans], options, progress)
        share = {stage: seconds / len(plans) for stage, seconds in clock.seconds.items()}
        return [self._result(plan, latents, options, share) for plan, latents in zip(plans, made, strict=True)]

    def _result(
        self, plan: _Plan, latents: EditedLatents, options: EditOptions, seconds: dict[str, float]
    ) -> EditResult:
        prepared = plan.prepared
        reconstruction = self._decode(latents.unedited, prepared.source.size)
        agreement = fitting.psnr(prepared.source, reconstruction)
        return EditResult(
            image=self._decode(latents.edited, prepared.size),
            source=prepared.source,
            reconstruction=reconstruction,
            instruction=plan.instruction,
            caption=prepared.inversion.caption,
            captions=plan.captions,
            options=options,
            family=self.family,
            models=self.models(),
            versions=versions(),
            seconds={**plan.seconds, **seconds},
            reconstruction_psnr=agreement,
            warnings=warnings_of(self.family, self.row, agreement, plan.captions),
        )

    def _decode(self, latents: Tensor, size: tuple[int, int]) -> Image.Image:
        return fitting.restore(fitting.to_image(self.diffusion.decode(latents)), size)


def _agreed(prepared: Prepared, options: EditOptions | None, caption: str | None = None) -> EditOptions:
    """The options of a prepared picture's edit: its own, or others that agree in what its inversion depends on.

    Raises:
        OptionError, InputError: they do not agree, or another caption is given.
    """
    if caption not in (None, prepared.inversion.caption):
        raise InputError(f"this picture was prepared with the caption {prepared.inversion.caption!r}; prepare it anew")
    for name in PREPARATION_OPTIONS if options else ():
        was, now = getattr(prepared.options, name), getattr(options, name)
        if was != now:
            raise OptionError(f"this picture was prepared with {name} {was}, not {now}; prepare it anew")
    return options or prepared.options


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
