"""Makes a batch of edits of a set: opens pictures, lets the editor's executor edit them, scores and saves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from PIL import Image

from ...errors import InputError, LanguageModelError, OnTheFlyError, OptionError
from ...methods.table import method_row
from ...options import MethodOptions
from ...pictures.digest import picture_digest
from ...pictures.opening import open_picture
from ...pictures.saving import save
from ...records import EditResult
from ...running.finishing import versions
from ...running.jobs import Job
from ..data.turns import MULTI, SETTINGS, Turn
from ..report.base_names import base_names
from ..report.thumbnails import thumbnail_path
from .batches import Slot
from .configurations import GOLD, Configuration
from .official_names import official_path
from .result_files import MASKS, PICTURES, RECONSTRUCTIONS, Result, as_dict, key_of
from .revision import revision
from .setup import Setup

_OF_ONE_EDIT = InputError, OptionError
"""Errors that are about one edit and do not end a run."""


@dataclass(frozen=True)
class _Opened:
    """An edit whose picture was opened; `error` says why it goes no further."""

    slot: Slot
    picture: Image.Image | None = None
    job: Job | None = None
    error: str | None = None


def title_of(options: MethodOptions) -> str:
    """The name of a method in tables."""
    return method_row(options).title or options.label


class EditMaker:
    """Works for one configuration.

    Args:
        setup: editor, set, metrics.
        configuration: what is made.
        name: of the configuration's files.
        known: earlier results by key, which chains go on from.
    """

    def __init__(
        self, setup: Setup, configuration: Configuration, name: str, known: Mapping[str, Result] | None = None
    ) -> None:
        self.setup, self.configuration, self.name = setup, configuration, name
        self.known: Mapping[str, Result] = {} if known is None else known

    def make(self, batch: Sequence[Slot]) -> list[Result]:
        """The results of a batch, one for each setting of each slot. Pictures are written, lines are not.

        Raises:
            ModelUnavailableError, OutputError: no edit can be made, or none can be kept; the language model's server
                has failed, so that all further edits would.
        """
        opened = [self._opened(slot) for slot in batch]
        jobs = {place: one.job for place, one in enumerate(opened) if one.job is not None}
        made = dict(zip(jobs, self.setup.editor.executor.map(list(jobs.values())), strict=True))
        for one in made.values():
            if isinstance(one, LanguageModelError):
                raise one
        return [
            result
            for place, one in enumerate(opened)
            for result in self._finish(one, made.get(place) or InputError(one.error or ""))
        ]

    def lost(self, slot: Slot, reason: str) -> list[Result]:
        """The results of an edit that nobody could make, one for each setting."""
        return self._finish(_Opened(slot), OnTheFlyError(reason))

    def _opened(self, slot: Slot) -> _Opened:
        picture = None
        try:
            picture = open_picture(self._source(slot))
            caption = _gold_caption(slot.turn) if self.configuration.caption_source == GOLD else None
            job = Job(picture, slot.turn.instruction, self.configuration.options, caption)
        except _OF_ONE_EDIT as error:
            return _Opened(slot, picture, error=str(error))
        return _Opened(slot, picture, job)

    def _source(self, slot: Slot) -> Path:
        if not slot.chained:
            return slot.turn.source
        before = self._before(slot)
        if before.picture is None:
            raise InputError(f"the edit before it in the chain failed ({before.error})")
        return self.setup.folder / before.picture

    def _before(self, slot: Slot) -> Result:
        return self.known[key_of(slot.turn.session, slot.turn.number - 1, MULTI)]

    def _finish(self, opened: _Opened, made: EditResult | OnTheFlyError) -> list[Result]:
        """Scores and saves an edit; its lines, one for each setting."""
        result = self._begun(opened)
        if isinstance(made, OnTheFlyError):
            result = replace(result, error=base_names(str(made)))
        else:
            try:
                result = self._scored(result, opened.slot, made)
                self._save(result, opened.slot, made)
            except _OF_ONE_EDIT as error:
                result = replace(self._begun(opened), error=base_names(str(error)))
        return [replace(result, setting=setting) for setting in opened.slot.settings]

    def _begun(self, opened: _Opened) -> Result:
        """All that is known without the edit."""
        slot, setup, configuration = opened.slot, self.setup, self.configuration
        turn, editor, options = slot.turn, setup.editor, configuration.options
        thumbnails = [thumbnail_path(setup.fingerprint, turn, path) for path in (turn.source, turn.target)]
        edit_type = turn.extra.get("type")
        return Result(
            configuration=self.name,
            dataset=setup.dataset.name,
            fingerprint=setup.fingerprint,
            rendered=setup.dataset.is_rendered,
            session=turn.session,
            turn=turn.number,
            setting=slot.settings[0],
            place=setup.places[turn.session, turn.number],
            final=slot.final,
            method=title_of(options.method),
            options=_shareable(options.flat()),
            settings=_shareable(options.method.flat()),
            caption_source=configuration.caption_source,
            seed=options.seed,
            family=editor.family_name,
            precision=str(editor.dtype).removeprefix("torch."),
            device=str(editor.device),
            batch=setup.batch(configuration),
            models=setup.models(configuration),
            versions=versions(),
            revision=revision(),
            instruction=turn.instruction,
            edit_type=None if edit_type is None else str(edit_type),
            blank=turn.is_blank,
            clip=str(setup.scorer.clip_row),
            source=self._before(slot).picture or thumbnails[0] if slot.chained else thumbnails[0],
            target=thumbnails[1],
            picture_sha256=None if opened.picture is None else picture_digest(opened.picture),
        )

    def _scored(self, result: Result, slot: Slot, made: EditResult) -> Result:
        scores, verdict = self.setup.scorer.score(slot.turn, made.image)
        name = official_path(Path(self.name), slot.turn, _filed(slot)).as_posix()
        return replace(
            result,
            caption=made.caption or None,
            captions=as_dict(made.captions) if made.captions.after else None,
            picture=f"{PICTURES}/{name}",
            reconstruction=None if made.reconstruction is None else f"{RECONSTRUCTIONS}/{name}",
            mask=None if made.mask is None else f"{MASKS}/{name}",
            reconstruction_psnr=made.reconstruction_psnr,
            scores=scores,
            verdict=verdict,
            seconds=made.seconds,
            warnings=list(made.warnings),
        )

    def _save(self, result: Result, slot: Slot, made: EditResult) -> None:
        assert result.picture is not None
        own = {"options": result.options, "source": slot.turn.source.name, "configuration": result.configuration}
        recipe = {**made.recipe(), **own}
        save(made.image, self.setup.folder / result.picture, recipe, overwrite=True)
        if made.reconstruction is not None and result.reconstruction is not None:
            save(made.reconstruction, self.setup.folder / result.reconstruction, None, overwrite=True)
        if made.mask is not None and result.mask is not None:
            save(made.mask, self.setup.folder / result.mask, None, overwrite=True)


def _shareable(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Settings without folders: results are shared, and paths tell about their owner."""
    return {name: base_names(value) if isinstance(value, str) else value for name, value in settings.items()}


def _gold_caption(turn: Turn) -> str:
    """The set's own caption of a turn's source.

    Raises:
        InputError: it has none.
    """
    if turn.source_caption is None or not turn.source_caption.strip():
        raise InputError(f"{turn.source.name} has no description; take the captioner's with --caption-source")
    return turn.source_caption


def _filed(slot: Slot) -> str:
    """The setting whose official name a picture bears."""
    return next(setting for setting in SETTINGS if setting in slot.settings)
