"""The editor: the method in the paper's order, for one picture or many, over the executor that makes every edit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import torch
from PIL import Image

from .backbones.drawing import draw
from .captioning.settings import NEEDS_A_PICTURE
from .errors import InputError, OnTheFlyError, OptionError
from .methods.method import Need
from .models import families, loading
from .models.pipelines import LoadedPipeline
from .models.residency import Models
from .options import AttentionOptions, DrawOptions, EditOptions, LoadOptions, MethodOptions, ReconstructionOptions
from .pictures import fitting
from .pictures.masks import mask_of
from .pictures.opening import opened_of, picture_of
from .records import Conditioning, EditCaptions, EditResult, Prepared, Progress, no_progress
from .rewriting.instructions import check_instruction
from .running.cache import Cache
from .running.defaults import draw_options_for, options_for
from .running.finishing import models_of
from .running.jobs import Job, given_captions
from .running.local import LocalExecutor, told_of_memory
from .running.seeing import rewriter_seeing

if TYPE_CHECKING:
    from diffusers import DiffusionPipeline

Picture = Any
"""A path, a PIL picture, encoded bytes, a numpy array or a tensor: all that `pictures.opening.opened_of` takes."""


class Editor:
    """Edits pictures as instructions say, with one family of models.

    Models are loaded when first needed. Several threads may use one editor: each model serves one of them at a time.

    Args:
        settings: which models, and how they are held in memory.
        cache: where captions, inversions and rewrites are kept; nowhere if not given.
        pipeline: a loaded diffusion model in place of the family's, with its own device and precision.

    Attributes:
        family_name: name of the family of models.
        device, dtype: where the networks run, and in which precision.
        executor: what makes the edits.
    """

    def __init__(
        self, settings: LoadOptions, *, cache: Cache | None = None, pipeline: LoadedPipeline | None = None
    ) -> None:
        self.settings = settings
        if pipeline is None:
            self.family_name, family = families.family_of(settings)
            self.device = loading.pick_device(settings.device)
            self.dtype = loading.pick_dtype(settings.precision, self.device)
        else:
            self.family_name, family = pipeline.family_of(settings)
            self.device, self.dtype = pipeline.device, pipeline.dtype
        self.models = Models(family, self.device, self.dtype, low_vram=settings.low_vram)
        self.executor = LocalExecutor(self.family_name, self.models, settings, cache)

    @classmethod
    def load(cls, family: str | None = None, *, cache: Cache | None = None, **settings: Any) -> Editor:
        """An editor for a family of models; `settings` are the other fields of `LoadOptions`.

        Raises:
            InputError, OptionError: unknown family, unusable device, bad value.
        """
        return cls(LoadOptions().with_changes(family=family, **settings), cache=cache)

    @classmethod
    def from_pipeline(
        cls, pipeline: DiffusionPipeline, family: str | None = None, *, cache: Cache | None = None, **settings: Any
    ) -> Editor:
        """An editor over a loaded pipeline of diffusers, on its device and in its precision.

        Its networks are used as they are, in evaluation mode and without gradients of their weights; what is done to
        the pipeline later, such as another device or a LoRA, needs a new editor.

        Args:
            pipeline: of Stable Diffusion, SDXL, Stable Diffusion 3, FLUX.1 or FLUX.2 [klein], such as a
                `StableDiffusionPipeline`.
            family: whose captioner and language model are used; without it `ONTHEFLY_FAMILY` counts, then the family
                that the pipeline's weights belong to, then the one of the paper. Neither is loaded for an edit whose
                caption, before and after are given.
            cache: as of the class.
            settings: other fields of `LoadOptions`, such as `captioner` or `low_vram`.

        Raises:
            InputError, OptionError: a pipeline that no backbone fits, an unknown family, or a bad value.
        """
        chosen = LoadOptions().with_changes(family=family, **settings)
        return cls(chosen, cache=cache, pipeline=LoadedPipeline.of(pipeline))

    @property
    def family(self) -> families.Family:
        """What the table says of its models."""
        return self.models.family

    def options(
        self, *, method: str | MethodOptions | None = None, preset: str | None = None, **changes: Any
    ) -> EditOptions:
        """The family's default options for a way of editing, with some changes by flat names.

        Raises:
            OptionError: an unknown name or a bad value.
        """
        return options_for(self.family, method=method, named=preset, changes=changes)

    def edit(
        self,
        image: Picture | Prepared,
        instruction: str = "",
        *,
        options: EditOptions | None = None,
        caption: str | None = None,
        before: str | Sequence[str] = (),
        after: str | Sequence[str] = (),
        captions: EditCaptions | None = None,
        direction: Conditioning | torch.Tensor | None = None,
        answer: str | None = None,
        mask: Picture | None = None,
        progress: Progress = no_progress,
    ) -> EditResult:
        """Edits one picture.

        Args:
            image: a picture, the path of one, or what `prepare` made of it.
            instruction: what should change; may be empty where captions or a direction are given.
            options: settings; a prepared picture's own or the family's defaults if not given.
            caption: the picture's caption, in place of the captioner's.
            before, after: a caption, or several, in place of the language model's.
            captions: what `rewrite` gave, in their place.
            direction: an edit direction, or its embedding [1, tokens, width], in place of the captions'.
            answer: to the question that an earlier edit's captions hold (`result.captions.question`).
            mask: a picture of the same size, white where something may change; elsewhere every pixel stays as it is.
            progress: called as progress(stage, done, total).

        Raises:
            NotUnderstoodError: nothing was understood, and the options do not force the edit.
            InputError, OptionError, ModelUnavailableError: with a sentence for the user.
        """
        options = _checked_options(options)
        towards = _direction(direction)
        if towards is not None and options is None and not isinstance(image, Prepared):
            options = self.options(method=AttentionOptions.name)  # what goes along a direction
        texts = given_captions(before, after, towards)
        if texts is not None and captions is not None:
            raise OptionError("captions are given twice, as before and after and as a record; leave one of them out")
        texts = texts or captions
        if texts is None and towards is None:
            check_instruction(instruction)
        job = self._job(image, instruction, options, caption, texts, towards, answer, mask)
        return _first(self.executor.map([job], progress))

    def edit_many(
        self,
        pictures: Sequence[Picture | Prepared],
        instructions: Sequence[str],
        *,
        options: EditOptions | None = None,
        progress: Progress = no_progress,
    ) -> list[EditResult]:
        """Edits several pictures, or one picture in several ways, in batches: equal pictures are captioned and inverted
        once.

        Args:
            pictures: one for each instruction.
            instructions: what should change.
            options, progress: as for `edit`.

        Raises:
            InputError, OptionError, ModelUnavailableError: before anything is edited, wherever that can be known.
        """
        if len(pictures) != len(instructions):
            raise InputError(f"{len(pictures)} pictures and {len(instructions)} instructions do not go together")
        options = _checked_options(options)
        for instruction in instructions:
            check_instruction(instruction)
        pairs = zip(pictures, instructions, strict=True)
        jobs = [self._job(picture, instruction, options) for picture, instruction in pairs]
        for job in jobs:
            if (error := self.executor.begun(job).error) is not None:
                raise error
        made = self.executor.map(jobs, progress)
        return [_first([result]) for result in made]

    def prepare(
        self,
        image: Picture,
        *,
        options: EditOptions | None = None,
        caption: str | None = None,
        progress: Progress = no_progress,
    ) -> Prepared:
        """Does once what every edit of a picture shares: its caption, and what the method works from: predictions for
        the unedited picture, or the inversion and, where they fit into `settings.map_memory`, the reference's
        cross-attention maps.

        Raises:
            InputError, OptionError, ModelUnavailableError: with a sentence for the user.
        """
        job = self._job(image, "", _checked_options(options), caption, EditCaptions((), (), "given"))
        method = self.executor.method(job.options.method)
        draft = self.executor.begun(job)
        with told_of_memory(1):
            (draft,) = self.executor.prepared([draft], [method], progress)
        if draft.error is not None:
            raise draft.error
        if Need.DIRECTION in method.needs:
            draft = self.executor.with_reference(draft, progress)
        if Need.SOURCE in method.needs:
            draft = self.executor.with_predictions(draft, progress)
        return draft.prepared()

    def reconstruct(
        self,
        image: Picture | Prepared,
        *,
        options: EditOptions | None = None,
        caption: str | None = None,
        progress: Progress = no_progress,
    ) -> EditResult:
        """Inverts a picture and regenerates it unedited, which tells how well the models know its like.

        Raises:
            InputError, OptionError, ModelUnavailableError: with a sentence for the user.
        """
        own = ReconstructionOptions()
        chosen = self.options(method=own) if options is None else _with_method(options, own)
        job = self._job(image, "", chosen, caption, EditCaptions((), (), "given"))
        return _first(self.executor.map([job], progress))

    def describe(
        self,
        image: Picture,
        instruction: str | None = None,
        *,
        options: EditOptions | None = None,
        progress: Progress = no_progress,
    ) -> str:
        """The caption that an edit of a picture would start from.

        Args:
            image: as for `edit`.
            instruction: told to the captioner, so that the caption mentions what is to change.
            options, progress: as for `edit`.

        Raises:
            InputError, OptionError, ModelUnavailableError: with a sentence for the user.
        """
        source = self.fit(picture_of(image), options or self.options())
        asked = {} if instruction is None else {"instruction": check_instruction(instruction)}
        with self.models.using("captioner") as captioner:
            return captioner.describe(source, progress, **asked)

    def rewrite(
        self,
        instruction: str,
        caption: str | None = None,
        *,
        options: EditOptions | None = None,
        answer: str | None = None,
        picture: Picture | None = None,
        progress: Progress = no_progress,
    ) -> EditCaptions:
        """The captions that an edit would have, before anything is drawn; where nothing was understood their outcome
        says so.

        Args:
            caption: of the picture, if known.
            picture: as for `edit`; needed where the options let a model write that sees it, and read there alone.

        Raises:
            InputError, OptionError, ModelUnavailableError: with a sentence for the user.
        """
        chosen = options or self.options()
        asked: dict[str, Any] = {"seed": chosen.seed, "answer": answer, "progress": progress}
        if not chosen.rewriting.sees_picture:
            with self.models.using("rewriter") as rewriter:
                return rewriter.rewrite(instruction, caption, chosen.rewriting, **asked)
        if picture is None:
            raise OptionError(NEEDS_A_PICTURE)
        source = self.fit(picture_of(picture), chosen)
        with self.models.using("captioner") as captioner:
            seeing = rewriter_seeing(captioner, source, self.family)
            return seeing.rewrite(instruction, caption, chosen.rewriting, **asked)

    def draw(self, caption: str, options: DrawOptions | None = None, progress: Progress = no_progress) -> Image.Image:
        """A new picture from a caption.

        Args:
            options: those of `draw_options` if not given.

        Raises:
            InputError, ModelUnavailableError: with a sentence for the user.
        """
        chosen = options or self.draw_options()
        with told_of_memory(1), self.models.using("diffusion") as backbone:
            return fitting.to_image(backbone.decode(draw(backbone, caption, chosen, progress)))

    def draw_options(self, **changes: Any) -> DrawOptions:
        """The settings of a drawing with this family: models distilled to few steps take few.

        Raises:
            OptionError: an unknown name or a bad value.
        """
        return draw_options_for(self.family, changes)

    def fit(self, picture: Image.Image, options: EditOptions) -> Image.Image:
        """The picture at the size it is worked on: the long side as asked for, or the size the model was trained at."""
        return self.executor.fit(picture, options)

    def model_rows(self) -> dict[str, str]:
        """The rows of this family's models, by role."""
        return models_of(self.family)

    def _job(
        self,
        image: Picture | Prepared,
        instruction: str,
        options: EditOptions | None,
        caption: str | None = None,
        captions: EditCaptions | None = None,
        direction: Conditioning | None = None,
        answer: str | None = None,
        mask: Picture | None = None,
    ) -> Job:
        """A job with its picture opened; of a prepared one with its own options where no others are given."""
        limits = None if mask is None else mask_of(mask)
        if isinstance(image, Prepared):
            if caption not in (None, image.caption):
                raise InputError(f"this picture was prepared with the caption {image.caption!r}; prepare it anew")
            return Job(image, instruction, options or image.options, None, captions, direction, answer, limits)
        opened, own = opened_of(image), options or self.options()
        return Job(opened.image, instruction, own, caption, captions, direction, answer, limits, opened.rgba)


def _first(results: Sequence[EditResult | OnTheFlyError]) -> EditResult:
    if isinstance(results[0], OnTheFlyError):
        raise results[0]
    return results[0]


def _direction(given: Conditioning | torch.Tensor | None) -> Conditioning | None:
    """A direction as a caller may give it."""
    if given is None or isinstance(given, Conditioning):
        return given
    if not isinstance(given, torch.Tensor) or given.ndim != 3:  # pyright: ignore[reportUnnecessaryIsInstance]
        raise InputError("a direction must be what load_direction gives, or a tensor [1, tokens, width]")
    return Conditioning(given.float())


def _checked_options(options: EditOptions | None) -> EditOptions | None:
    if options is not None and not isinstance(options, EditOptions):  # pyright: ignore[reportUnnecessaryIsInstance]
        raise OptionError(
            f"options must be an EditOptions, as editor.options(steps=50) gives it, not {type(options).__name__}"
        )
    return options


def _with_method(options: EditOptions, method: MethodOptions) -> EditOptions:
    """The same settings for a method that draws nothing by chance and is held to no region."""
    return replace(options, method=method, keep="off", candidates=1, best=False)
