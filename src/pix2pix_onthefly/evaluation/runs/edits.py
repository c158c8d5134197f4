"""Makes a batch of edits: texts, edit, scores, files, lines."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from PIL import Image

from ...errors import InputError, OptionError
from ...pictures import fitting
from ...pictures.digest import picture_digest
from ...pictures.opening import open_picture
from ...pictures.saving import save
from ...records import EditCaptions
from ...running.clock import Clock
from ...running.notices import versions, warnings_of
from ..data.turns import MULTI, SETTINGS
from ..report.thumbnails import thumbnail_path
from .batches import Slot
from .captions import Texts
from .configurations import Configuration
from .method import Case, Made, Method
from .official_names import official_path
from .result_files import PICTURES, RECONSTRUCTIONS, Plain, Result, ResultFile, as_dict, key_of
from .revision import revision
from .setup import Bench

_OF_ONE_EDIT = InputError, OptionError
"""Errors that are about one edit and do not end a run."""


@dataclass(frozen=True)
class _Draft:
    """An edit on its way; `error` says why it goes no further."""

    slot: Slot
    picture: Image.Image | None = None
    caption: str | None = None
    captions: EditCaptions | None = None
    seconds: dict[str, float] = field(default_factory=dict[str, float])
    error: str | None = None


class Workshop:
    """Works for one configuration.

    Args:
        bench: set, models, metrics.
        configuration: what is made.
        method: what edits.
        file: earlier results, which chains go on from.
    """

    def __init__(self, bench: Bench, configuration: Configuration, method: Method, file: ResultFile) -> None:
        self.bench, self.configuration, self.method, self.file = bench, configuration, method, file
        self.texts = Texts(bench.editor, configuration.options, configuration.caption_source, bench.cache)

    def make(self, batch: Sequence[Slot]) -> list[Result]:
        """The results of a batch, one for each setting of each slot. Pictures are written, lines are not.

        Raises:
            ModelUnavailableError, OutputError: no edit can be made, or none can be kept.
        """
        drafts = [self._opened(slot) for slot in batch]
        for write in (self._captioned, self._rewritten):  # all of one kind first: models may have to take turns
            drafts = [draft if draft.error else write(draft) for draft in drafts]
        made = self._edited(drafts)
        return [result for draft, outcome in zip(drafts, made, strict=True) for result in self._finish(draft, outcome)]

    def _opened(self, slot: Slot) -> _Draft:
        try:
            return _Draft(slot, open_picture(self._source(slot)))
        except _OF_ONE_EDIT as error:
            return _Draft(slot, error=str(error))

    def _source(self, slot: Slot) -> Path:
        if not slot.chained:
            return slot.turn.source
        before = self._before(slot)
        if before.picture is None:
            raise InputError(f"the edit before it in the chain failed ({before.error})")
        return self.bench.folder / before.picture

    def _before(self, slot: Slot) -> Result:
        return self.file.known[key_of(slot.turn.session, slot.turn.number - 1, MULTI)]

    def _captioned(self, draft: _Draft) -> _Draft:
        assert draft.picture is not None
        clock = Clock()
        try:
            with clock.stage("caption"):
                caption = self.texts.caption(draft.slot.turn, draft.picture)
        except _OF_ONE_EDIT as error:
            return replace(draft, error=str(error))
        return replace(draft, caption=caption, seconds=clock.seconds)

    def _rewritten(self, draft: _Draft) -> _Draft:
        assert draft.caption is not None
        clock = Clock()
        try:
            with clock.stage("rewrite"):
                captions = self.texts.rewritten(draft.slot.turn.instruction, draft.caption)
        except _OF_ONE_EDIT as error:
            return replace(draft, error=str(error))
        return replace(draft, captions=captions, seconds={**draft.seconds, **clock.seconds})

    def _edited(self, drafts: Sequence[_Draft]) -> list[Made | str]:
        """For each draft what was made of it, or why nothing was."""
        cases = {place: case for place, draft in enumerate(drafts) if (case := self._case(draft)) is not None}
        try:
            made: list[Made | str] = list(self.method.edit(list(cases.values()))) if cases else []
        except _OF_ONE_EDIT:
            made = [self._edited_alone(case) for case in cases.values()]
        found = dict(zip(cases, made, strict=True))
        return [found.get(place, draft.error or "") for place, draft in enumerate(drafts)]

    def _edited_alone(self, case: Case) -> Made | str:
        try:
            return self.method.edit([case])[0]
        except _OF_ONE_EDIT as error:
            return str(error)

    def _case(self, draft: _Draft) -> Case | None:
        if draft.picture is None or draft.caption is None or draft.captions is None:
            return None
        turn = draft.slot.turn
        key = key_of(turn.session, turn.number, draft.slot.settings[0])
        seed = self.configuration.options.seed
        return Case(key, draft.picture, turn.instruction, draft.caption, draft.captions, seed)

    def _finish(self, draft: _Draft, outcome: Made | str) -> list[Result]:
        """Scores and saves an edit; its lines, one for each setting."""
        result = self._begun(draft)
        if isinstance(outcome, str):
            result = replace(result, error=outcome)
        else:
            try:
                result = self._scored(result, draft, outcome)
                self._save(result, draft.slot, outcome)
            except _OF_ONE_EDIT as error:
                result = replace(self._begun(draft), error=str(error))
        return [replace(result, setting=setting) for setting in draft.slot.settings]

    def _begun(self, draft: _Draft) -> Result:
        """All that is known without the edit."""
        slot, bench, configuration = draft.slot, self.bench, self.configuration
        turn, editor = slot.turn, bench.editor
        thumbnails = [thumbnail_path(bench.fingerprint, turn, path) for path in (turn.source, turn.target)]
        edit_type = turn.extra.get("type")
        return Result(
            configuration=self.file.configuration,
            dataset=bench.dataset.name,
            fingerprint=bench.fingerprint,
            rendered=bench.dataset.is_rendered,
            session=turn.session,
            turn=turn.number,
            setting=slot.settings[0],
            place=bench.places[turn.session, turn.number],
            final=slot.final,
            method=self.method.name,
            options=as_dict(configuration.options),
            settings=self.method.settings(),
            caption_source=configuration.caption_source,
            seed=configuration.options.seed,
            family=editor.family,
            precision=str(editor.dtype).removeprefix("torch."),
            device=str(editor.device),
            batch=self.method.batch,
            models=bench.models(self.method),
            versions=versions(),
            revision=revision(),
            instruction=turn.instruction,
            edit_type=None if edit_type is None else str(edit_type),
            blank=turn.is_blank,
            clip=str(bench.scorer.clip_row),
            source=self._before(slot).picture or thumbnails[0] if slot.chained else thumbnails[0],
            target=thumbnails[1],
            picture_sha256=None if draft.picture is None else picture_digest(draft.picture),
            caption=draft.caption,
            captions=None if draft.captions is None else as_dict(draft.captions),
            seconds=draft.seconds,
        )

    def _scored(self, result: Result, draft: _Draft, made: Made) -> Result:
        assert draft.picture is not None
        assert draft.captions is not None
        scores, verdict = self.bench.scorer.score(draft.slot.turn, made.image)
        agreement, warnings = None, [draft.captions.note] if draft.captions.note else []
        if made.reconstruction is not None:
            fitted = fitting.restore(draft.picture, made.reconstruction.size)
            agreement = fitting.psnr(fitted, made.reconstruction)
            editor = self.bench.editor
            warnings = list(warnings_of(editor.family, editor.row, agreement, draft.captions))
        name = official_path(Path(self.file.configuration), draft.slot.turn, _filed(draft.slot)).as_posix()
        return replace(
            result,
            picture=f"{PICTURES}/{name}",
            reconstruction=None if made.reconstruction is None else f"{RECONSTRUCTIONS}/{name}",
            reconstruction_psnr=agreement,
            scores=scores,
            verdict=verdict,
            seconds={**draft.seconds, "edit": made.seconds},
            warnings=warnings,
        )

    def _save(self, result: Result, slot: Slot, made: Made) -> None:
        assert result.picture is not None
        recipe = _recipe(result, slot)
        save(made.image, self.bench.folder / result.picture, recipe, overwrite=True)
        if made.reconstruction is not None and result.reconstruction is not None:
            save(made.reconstruction, self.bench.folder / result.reconstruction, None, overwrite=True)


def _filed(slot: Slot) -> str:
    """The setting whose official name a picture bears."""
    return next(setting for setting in SETTINGS if setting in slot.settings)


_RECIPE = (
    "instruction",
    "caption",
    "captions",
    "options",
    "family",
    "models",
    "versions",
    "reconstruction_psnr",
    "warnings",
    "method",
    "settings",
    "configuration",
)


def _recipe(result: Result, slot: Slot) -> Plain:
    """What a saved picture carries, as one that `edit` saves."""
    plain = dataclasses.asdict(result)
    return {**{name: plain[name] for name in _RECIPE}, "source": slot.turn.source.name}
