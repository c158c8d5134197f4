"""Many edits in this process: all captions first, then all inversions, all rewrites and all edits, so that where memory
is short each model is loaded once however many pictures there are."""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import torch
from PIL import Image

from ..backbones.backbone import Backbone
from ..errors import OnTheFlyError, OptionError
from ..methods.direction import check_direction, edit_direction
from ..methods.method import Method, Need, refusal_of
from ..methods.reference import keep_reference
from ..methods.source_predictions import keep_predictions
from ..methods.table import make_method
from ..models.residency import Models
from ..options import EditOptions, LoadOptions, MethodOptions
from ..pictures import fitting
from ..records import Case, Edited, EditResult, InversionKey, Prepared, Progress, no_progress
from ..rewriting.full_stop import without_full_stop
from ..rewriting.lexicon import Lexicon, load_lexicon
from ..rewriting.understanding import with_kind
from .cache import Cache, NoCache
from .clock import Clock
from .drafts import Draft
from .finishing import result_of
from .holding import allowed_cells, held
from .jobs import Job
from .ranking import ranked
from .stages import OF_ONE_JOB, Stages, grouped, parts


class LocalExecutor:
    """An `Executor` of this process; several threads may use one.

    Args:
        family: name of the models' family, for results.
        models: what edits run on; each is used by one thread at a time.
        settings: of loading; `batch` and `map_memory` count here.
        cache: where captions, noise and rewrites are kept; nowhere if not given.
    """

    def __init__(self, family: str, models: Models, settings: LoadOptions, cache: Cache | None = None) -> None:
        self.family, self.models, self.settings = family, models, settings
        self.stages = Stages(models, settings.batch, cache or NoCache())
        self._methods: dict[MethodOptions, Method] = {}

    def keep_in(self, cache: Cache) -> None:
        """Keeps captions, noise and rewrites in a cache from now on."""
        self.stages.cache = cache

    def map(self, jobs: Sequence[Job], progress: Progress = no_progress) -> list[EditResult | OnTheFlyError]:
        """The results in the order of the jobs; for a job that cannot be done the reason.

        Raises:
            OnTheFlyError: no job can be done, for want of models or memory.
        """
        methods = [self.method(job.options.method) for job in jobs]
        with told_of_memory(min(len(jobs), self.settings.batch)):
            drafts = self.prepared([self.begun(job) for job in jobs], methods, progress)
            alive = [place for place, draft in enumerate(drafts) if draft.error is None]
            going = self.stages.rewritten(
                [drafts[place] for place in alive], [methods[place] for place in alive], progress
            )
            found = self._candidates(dict(zip(alive, going, strict=True)), methods, progress)
        return [
            found.get(place) or draft.error or OnTheFlyError("nothing was made") for place, draft in enumerate(drafts)
        ]

    def _candidates(
        self, drafts: Mapping[int, Draft], methods: Sequence[Method], progress: Progress
    ) -> dict[int, EditResult | OnTheFlyError]:
        """For each draft the first or the best of its candidates, which are edited side by side."""
        each = [(place, one) for place, draft in drafts.items() for one in draft.candidates()]
        made = self._edited([one for _, one in each], [methods[place] for place, _ in each], progress)
        groups = grouped((place, one) for (place, _), one in zip(each, made, strict=True))
        return {place: self._chosen(drafts[place], some) for place, some in groups.items()}

    def _chosen(self, draft: Draft, made: Sequence[EditResult | OnTheFlyError]) -> EditResult | OnTheFlyError:
        """The first of the candidates, which knows the others; the best one where they are to be ranked."""
        results = [one for one in made if isinstance(one, EditResult)]
        if not results:
            return made[0]
        if draft.options.best:
            with self.models.using("captioner") as captioner:
                results = ranked(results, captioner)
        return replace(results[0], others=tuple(results[1:]))

    def begun(self, job: Job) -> Draft:
        """A job's draft; a picture or a method that does not fit the models is refused with the draft's error."""
        if job.direction is not None and Need.DIRECTION not in self.method(job.options.method).needs:
            error = OptionError(
                f"the method {job.options.method.name} goes by captions; a direction is for the method attention"
            )
            return replace(Draft.begun(job, job.original), error=error)
        if isinstance(job.picture, Prepared):
            return self._agreed(Draft.begun(job))
        try:
            self._check_method(self.method(job.options.method))
            return Draft.begun(job, self.fit(job.picture, job.options))
        except OF_ONE_JOB as error:
            return replace(Draft.begun(job, job.picture), error=error)

    def fit(self, picture: Image.Image, options: EditOptions) -> Image.Image:
        """The picture at the size it is worked on: the long side as asked for, or what the model was trained at."""
        native, multiple = self.models.sizes
        return fitting.fit(picture, options.size or native, multiple)

    def prepared(self, drafts: Sequence[Draft], methods: Sequence[Method], progress: Progress) -> list[Draft]:
        """Drafts with all that edits of a picture share: caption, latents and, where methods need it, inversion."""
        captioned = _of_living(drafts, methods, lambda some, ways: self.stages.captioned(some, ways, progress))
        encoded = _of_living(captioned, methods, self.stages.encoded)
        return _of_living(encoded, methods, lambda some, ways: self.stages.inverted(some, ways, progress))

    def with_reference(self, draft: Draft, progress: Progress) -> Draft:
        """An inverted draft with its unedited regeneration and maps, where those fit into `map_memory`."""
        assert draft.inverted is not None
        clock, most = Clock(progress), self.settings.map_memory * 2**30
        with told_of_memory(1), clock.stage("reconstruct"), self.models.using("diffusion") as backbone:
            kept = keep_reference(backbone, draft.inverted, progress, most_bytes=most)
        return replace(draft.timed("reconstruct", clock.seconds["reconstruct"]), reference=kept)

    def with_predictions(self, draft: Draft, progress: Progress) -> Draft:
        """An encoded draft with what the backbone predicts for the unedited picture."""
        clock = Clock(progress)
        with told_of_memory(1), clock.stage("reconstruct"), self.models.using("diffusion") as backbone:
            kept = keep_predictions(backbone, draft.prepared(), draft.options, progress)
        return replace(draft.timed("reconstruct", clock.seconds["reconstruct"]), predictions=kept)

    def method(self, options: MethodOptions) -> Method:
        """The method of some options, made once.

        Raises:
            OptionError, ModelUnavailableError: as of `methods.table.make_method`.
        """
        if options not in self._methods:
            self._methods[options] = make_method(options, self.models)
        return self._methods[options]

    @contextmanager
    def _backbone(self, method: Method) -> Generator[Any]:
        """What a method works on; nothing where it brings its own."""
        if "diffusion" in method.models:
            yield None
        else:
            with self.models.using("diffusion") as backbone:
                yield backbone

    def _check_method(self, method: Method) -> None:
        """Makes sure, before anything is loaded, that the diffusion model has what a method works with.

        Raises:
            OptionError: it predicts a flow, and the method needs noise.
        """
        if "diffusion" in method.models or not refusal_of(method.needs, predicts_noise=False):
            return
        if refusal := refusal_of(method.needs, predicts_noise=self.models.predicts_noise):
            raise OptionError(refusal)

    def _agreed(self, draft: Draft) -> Draft:
        """A prepared picture's draft, refused where it was prepared otherwise than its edit needs."""
        assert isinstance(draft.job.picture, Prepared)
        ready, job = draft.job.picture, draft.job
        wanted = InversionKey.of(self.models.weights, str(self.models.dtype), job.options)
        try:
            self._check_method(self.method(job.options.method))
            if ready.inverted is not None:
                ready.inverted.key.check(wanted)
        except OF_ONE_JOB as error:
            return replace(draft, error=error)
        return draft

    def _edited(
        self, drafts: Sequence[Draft], methods: Sequence[Method], progress: Progress
    ) -> list[EditResult | OnTheFlyError]:
        """The edits, in batches of one size and one way; a picture's edits side by side."""
        made: dict[int, EditResult | OnTheFlyError] = {
            place: draft.error for place, draft in enumerate(drafts) if draft.error is not None
        }
        first: dict[str, int] = {}
        for place, draft in enumerate(drafts):
            first.setdefault(draft.digest, place)
        order = sorted(range(len(drafts)), key=lambda place: (first[drafts[place].digest], place))
        alike = grouped((_manner(drafts[place]), place) for place in order if place not in made)
        for places in alike.values():
            method = methods[places[0]]
            for batch in parts(places, method.batch or self.settings.batch):
                made.update(zip(batch, self._batch([drafts[place] for place in batch], method, progress), strict=True))
        return [made[place] for place in range(len(drafts))]

    def _batch(self, drafts: Sequence[Draft], method: Method, progress: Progress) -> list[EditResult | OnTheFlyError]:
        """One batch; where it fails for the sake of one edit, each alone."""
        try:
            return list(self._made(drafts, method, progress))
        except OF_ONE_JOB as error:
            if len(drafts) == 1:
                return [error]
            return [result for draft in drafts for result in self._batch([draft], method, progress)]

    def _made(self, drafts: Sequence[Draft], method: Method, progress: Progress) -> list[EditResult]:
        clock = Clock(progress)
        with clock.stage("edit"), self._backbone(method) as backbone:
            cases = [self._case(draft, method, backbone) for draft in drafts]
            keep = drafts[0].options.keep
            made = method.edit(backbone, cases, drafts[0].options, progress)
            edited = [held(one, case, keep) for one, case in zip(made, cases, strict=True)]
            pictures = [self._decoded(backbone, one) for one in edited]
            through = self._through(backbone, drafts, edited)
        share = clock.seconds["edit"] / len(drafts)
        shared: dict[str, Any] = {"name": self.family, "family": self.models.family, "method": method}
        return [
            result_of(draft.timed("edit", share), *pair, one.mask, through=plain, **shared)
            for draft, one, pair, plain in zip(drafts, edited, pictures, through, strict=True)
        ]

    def _through(
        self, backbone: Backbone, drafts: Sequence[Draft], edited: Sequence[Edited]
    ) -> list[Image.Image | None]:
        """Each picture through the autoencoder, where that is to tell whether the models know its like; decoded once
        for all its edits."""
        if self.models.family.reconstruction_floor is None:
            return [None] * len(drafts)
        asked = [None if one.unedited is not None else draft.latents for draft, one in zip(drafts, edited, strict=True)]
        different = {draft.digest: latents for draft, latents in zip(drafts, asked, strict=True) if latents is not None}
        pictures = {digest: fitting.to_image(backbone.decode(latents)) for digest, latents in different.items()}
        return [
            None if latents is None else pictures[draft.digest] for draft, latents in zip(drafts, asked, strict=True)
        ]

    @staticmethod
    def _decoded(backbone: Backbone, edited: Edited) -> tuple[Image.Image, Image.Image | None]:
        """The edit and the unedited regeneration as pictures at the working size."""
        made = edited.made
        if isinstance(made, torch.Tensor):
            made = fitting.to_image(backbone.decode(made))
        return made, None if edited.unedited is None else fitting.to_image(backbone.decode(edited.unedited))

    def _case(self, draft: Draft, method: Method, backbone: Backbone) -> Case:
        """A draft as a method takes it (paper Eq. 1 and 2 where it goes along a direction)."""
        assert draft.captions is not None
        direction, captions = draft.job.direction, with_kind(draft.captions, draft.job.instruction, self._lexicon)
        if not draft.options.rewriting.full_stops:  # the record keeps them as written
            before, after = (tuple(map(without_full_stop, side)) for side in (captions.before, captions.after))
            captions = replace(captions, before=before, after=after)
        if Need.DIRECTION in method.needs:
            if direction is None:
                direction = edit_direction(backbone, captions.before, captions.after)
            else:
                check_direction(direction, backbone)
                direction = direction.on(backbone.device)
        mask = draft.job.mask
        allowed = None if mask is None or draft.latents is None else allowed_cells(mask, draft.latents)
        return Case(draft.prepared(), draft.job.instruction, captions, direction, draft.options.seed, allowed)

    @property
    def _lexicon(self) -> Lexicon | None:
        """The closed vocabulary of the family, if it has one."""
        name = self.models.family.lexicon
        return None if name is None else load_lexicon(name)


def _of_living(
    drafts: Sequence[Draft],
    methods: Sequence[Method],
    stage: Callable[[Sequence[Draft], Sequence[Method]], Sequence[Draft]],
) -> list[Draft]:
    """All drafts, those without an error after a stage."""
    alive = [place for place, draft in enumerate(drafts) if draft.error is None]
    going = stage([drafts[place] for place in alive], [methods[place] for place in alive])
    found = dict(zip(alive, going, strict=True))
    return [found.get(place, draft) for place, draft in enumerate(drafts)]


def _manner(draft: Draft) -> tuple[EditOptions, tuple[int, int]]:
    """What edits of one batch have in common: all settings but the seed, and the size."""
    return replace(draft.options, seed=0), draft.size


@contextmanager
def told_of_memory(edits: int) -> Generator[None]:
    """Turns a lack of memory into a sentence.

    Raises:
        OnTheFlyError: there was too little.
    """
    try:
        yield
    except (torch.OutOfMemoryError, MemoryError, RuntimeError) as error:
        plain = isinstance(error, RuntimeError) and not isinstance(error, torch.OutOfMemoryError)
        if plain and "not enough memory" not in str(error):  # what torch's allocator for the CPU says
            raise
        several = f" for {edits} edits at a time; choose a smaller --batch, or" if edits > 1 else "; choose"
        raise OnTheFlyError(
            f"the device has too little memory{several} --low-vram, a smaller --size, or half precision with "
            "--precision float16 or bfloat16"
        ) from error
