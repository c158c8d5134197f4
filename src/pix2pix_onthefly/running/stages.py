"""The stages of an edit for many jobs at once: each does what is shared once, and keeps it in the cache.

A stage takes drafts and gives as many back, in the same order. Errors that are about one job stay with it.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Generator, Hashable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from types import ModuleType
from typing import Any, TypeVar

import torch

from .. import __version__
from ..code_digest import code_digest
from ..errors import InputError, LanguageModelError, NotUnderstoodError, OptionError, RefusedAnswerError
from ..inversions import ddim, null_text
from ..inversions.inversion import Inversion
from ..language.prompts import as_text
from ..methods.method import Method, Need
from ..models.identity import weights_key
from ..models.residency import Models, Role
from ..pictures import fitting
from ..records import EditCaptions, InversionKey, Inverted, Progress
from ..rewriting import rewriter as rewriting
from ..rewriting.formats import FORMATS
from ..rewriting.full_stop import without_full_stop
from ..rewriting.instructions import check_instruction
from ..rewriting.lexicon import load_lexicon
from ..rewriting.pool import load_pool
from ..rewriting.request import build_request
from ..rewriting.rewriter import Rewriter
from ..rewriting.understanding import check_understood, forced, read_wish
from .cache import Cache, KeptNoise, NoCache
from .clock import Clock
from .drafts import Draft
from .seeing import rewriter_seeing

OF_ONE_JOB = InputError, OptionError, NotUnderstoodError, RefusedAnswerError
"""Errors that are about one job and do not end the others."""
INVERSIONS: dict[str, tuple[Inversion, ModuleType]] = {
    "aligned": (ddim.DdimInversion(), ddim),
    "reference": (ddim.DdimInversion(), ddim),
    "null-text": (null_text.NullTextInversion(), null_text),
}
"""By `InversionOptions.kind`, each with its code, which counts for what is kept."""
_Key = TypeVar("_Key", bound=Hashable)
_Item = TypeVar("_Item")


def grouped(items: Iterable[tuple[_Key, _Item]]) -> dict[_Key, list[_Item]]:
    """Items by key; keys and items in the order in which they came."""
    groups: dict[_Key, list[_Item]] = {}
    for key, item in items:
        groups.setdefault(key, []).append(item)
    return groups


def parts(items: Sequence[_Item], length: int) -> Iterator[Sequence[_Item]]:
    """Runs of at most so many."""
    for start in range(0, len(items), length):
        yield items[start : start + length]


class Stages:
    """Captions, inversions and rewrites of drafts.

    Args:
        models: what they run on.
        batch: how many pictures go through the backbone together, at most.
        cache: where captions, noise and rewrites are kept.
    """

    def __init__(self, models: Models, batch: int, cache: Cache | NoCache) -> None:
        self.models, self.batch, self.cache = models, batch, cache

    def captioned(self, drafts: Sequence[Draft], methods: Sequence[Method], progress: Progress) -> list[Draft]:
        """Every draft with a caption: its own, or the captioner's (paper 3.1). Equal pictures are captioned once, or
        once for each instruction that the captioner is told; for methods that need nothing of the kind the caption is
        empty. Where the captioner writes all captions of an edit they are here as well."""
        made = [
            draft if draft.caption is not None or method.needs else replace(draft, caption="")
            for draft, method in zip(drafts, methods, strict=True)
        ]
        made = [
            self._with_seen(draft, progress) if _sees(draft, method) else draft
            for draft, method in zip(made, methods, strict=True)
        ]
        made = [_with_first_caption(draft) for draft in made]
        waiting = grouped(
            ((draft.digest, _told(draft)), place)
            for place, draft in enumerate(made)
            if draft.caption is None and draft.error is None
        )
        for (_, told), places in waiting.items():
            clock, first = Clock(progress), drafts[places[0]]
            with clock.stage("caption"):
                asked = {} if told is None else {"instruction": told}
                key = {**self._common("captioner"), "picture": first.digest, **asked}
                kept = self.cache.record("captions", key)
                if kept is None or not isinstance(kept.get("caption"), str):
                    with self.models.using("captioner") as captioner:
                        kept = {"caption": captioner.describe(first.source, progress, **asked)}
                    self.cache.keep_record("captions", key, {**kept, "model": str(self.models.family.captioner)})
            for place in places:
                timed = drafts[place].timed("caption", clock.seconds["caption"] / len(places))
                made[place] = replace(timed, caption=kept["caption"])
        return made

    def encoded(self, drafts: Sequence[Draft], methods: Sequence[Method]) -> list[Draft]:
        """Every draft whose method works on the backbone with its picture's latents, equal ones encoded once."""
        made = list(drafts)
        pairs = enumerate(zip(drafts, methods, strict=True))
        waiting = grouped(
            (draft.digest, place)
            for place, (draft, method) in pairs
            if draft.latents is None and "diffusion" not in method.models
        )
        if not waiting:
            return made
        with self.models.using("diffusion") as backbone:
            for places in waiting.values():
                latents = backbone.encode(fitting.to_tensor(drafts[places[0]].source))
                for place in places:
                    made[place] = replace(drafts[place], latents=latents)
        return made

    def inverted(self, drafts: Sequence[Draft], methods: Sequence[Method], progress: Progress) -> list[Draft]:
        """Every draft whose method needs it with its picture's noise (paper 3.1).

        Pictures of one size are inverted together. Where the cache lacks one of such a batch the whole batch is
        inverted again and what was kept stays, so that a run that was cut off ends with the noise of one that was not.
        """
        made = list(drafts)
        wanted = [place for place, method in enumerate(methods) if Need.INVERSION in method.needs]
        waiting = [place for place in wanted if drafts[place].inverted is None]
        by_picture = grouped(((self._picture_key(drafts[place])), place) for place in waiting)
        alike = grouped(
            ((drafts[places[0]].size, self._inversion_key(drafts[places[0]])), places) for places in by_picture.values()
        )
        for group in alike.values():
            for batch in parts(group, self.batch):
                clock = Clock(progress)
                with clock.stage("invert"):
                    found = self._noises([drafts[places[0]] for places in batch], progress)
                share = clock.seconds["invert"] / sum(map(len, batch))
                for places, inverted in zip(batch, found, strict=True):
                    for place in places:
                        made[place] = replace(drafts[place].timed("invert", share), inverted=inverted)
        return made

    def rewritten(self, drafts: Sequence[Draft], methods: Sequence[Method], progress: Progress) -> list[Draft]:
        """Every draft with captions before and after its edit: its own, or the language model's (paper 3.2, 5).

        Where its server fails it is asked no more: this job and those that still need it end with the error, while
        those that have their captions go on.
        """
        made = list(drafts)
        failure: LanguageModelError | None = None
        for place, (draft, method) in enumerate(zip(drafts, methods, strict=True)):
            if draft.error is not None:
                continue
            if draft.captions is not None:
                made[place] = self._accepted(draft)
                continue
            if draft.job.direction is not None or Need.CAPTIONS not in method.needs:
                made[place] = replace(draft, captions=EditCaptions((), (), "given"))
                continue
            clock = Clock(progress)
            try:
                with clock.stage("rewrite"):
                    captions = self._captions(draft, failure, progress)
                made[place] = replace(draft.timed("rewrite", clock.seconds["rewrite"]), captions=captions)
            except OF_ONE_JOB as error:
                made[place] = replace(draft, error=error)
            except LanguageModelError as error:
                failure = error
                made[place] = replace(draft, error=error)
        return made

    def _with_seen(self, draft: Draft, progress: Progress) -> Draft:
        """A draft with the captions that the captioner writes, which sees the picture."""
        clock = Clock(progress)
        try:
            with clock.stage("rewrite"):
                captions = self._captions(draft, None, progress)
        except OF_ONE_JOB as error:
            return replace(draft, error=error)
        return replace(draft.timed("rewrite", clock.seconds["rewrite"]), captions=captions)

    def _captions(self, draft: Draft, failure: LanguageModelError | None, progress: Progress) -> EditCaptions:
        """The language model's captions, where something was understood or the edit is forced.

        Args:
            failure: of the language model's server at a job before; what the cache holds needs no server.

        Raises:
            InputError, OptionError, NotUnderstoodError, RefusedAnswerError: about this job.
            LanguageModelError: the language model's server has failed.
        """
        options = draft.options.rewriting
        key = self._captions_key(draft)
        kept = _captions_of(self.cache.record("rewritten", key))
        if kept is None:
            if failure is not None:
                raise failure
            with self._rewriter(draft) as rewriter:
                kept = rewriter.rewrite(
                    draft.job.instruction,
                    draft.caption,
                    options,
                    seed=draft.options.seed,
                    answer=draft.job.answer,
                    progress=progress,
                )
            content = {**dataclasses.asdict(kept), "model": str(getattr(self.models.family, _writer(draft)))}
            self.cache.keep_record("rewritten", key, content)
        return _usable(kept, force=options.force)

    @contextmanager
    def _rewriter(self, draft: Draft) -> Generator[Rewriter]:
        """Who writes a draft's captions, lent."""
        if draft.options.rewriting.sees_picture:
            with self.models.using("captioner") as captioner:
                yield rewriter_seeing(captioner, draft.source, self.models.family)
        else:
            with self.models.using("rewriter") as rewriter:
                yield rewriter

    @staticmethod
    def _accepted(draft: Draft) -> Draft:
        """A draft whose captions were handed over, which may be those of an instruction that was not understood."""
        assert draft.captions is not None
        try:
            return replace(draft, captions=_usable(draft.captions, force=draft.options.rewriting.force))
        except OF_ONE_JOB as error:
            return replace(draft, error=error)

    def _captions_key(self, draft: Draft) -> dict[str, object]:
        """All that the captions depend on; the prompt by its text, examples included: another wording or pool makes
        other captions."""
        options, seed, family = draft.options.rewriting, draft.options.seed, self.models.family
        lexicon = None if family.lexicon is None else load_lexicon(family.lexicon)
        instruction = check_instruction(draft.job.instruction)
        wish = read_wish(instruction, draft.caption, lexicon, draft.job.answer, as_typed=options.as_typed)
        asked = build_request(
            wish.text, draft.caption, options, seed=seed, examples=load_pool(family.pool), format="paper"
        )
        settings = {name: value for name, value in options.flat().items() if name not in ("force", "full_stops")}
        seen = {"picture": draft.digest, "layout": FORMATS["picture"].of_picture} if options.sees_picture else {}
        return {
            **self._common(_writer(draft)),
            **seen,
            "settings": settings,
            "seed": seed,
            "texts": [instruction, draft.caption, draft.job.answer],
            "prompt": as_text(asked.prompt),
            "code": code_digest(rewriting),
        }

    @torch.no_grad()
    def _noises(self, drafts: Sequence[Draft], progress: Progress) -> list[Inverted]:
        """The noise of different pictures of one size."""
        keys = [self._noise_key(draft) for draft in drafts]
        kept = [self.cache.noise(key) for key in keys]
        with self.models.using("diffusion") as backbone:
            if all(one is not None for one in kept):
                found, texts = self._inversion_key(drafts[0]), [draft.caption or "" for draft in drafts]
                return [
                    _on_device(Inverted(text, one.noise, found), one, backbone.device)
                    for text, one in zip(texts, (one for one in kept if one is not None), strict=True)
                ]
            latents = torch.cat([draft.latents for draft in drafts if draft.latents is not None])
            captions = [draft.caption or "" for draft in drafts]
            inversion, _ = INVERSIONS[drafts[0].options.inversion.kind]
            made = inversion.invert(backbone, latents, captions, drafts[0].options, progress)
            for place, one in enumerate(kept):
                if one is None:
                    self.cache.keep_noise(keys[place], KeptNoise(made[place].noise, made[place].empty_texts))
                else:
                    made[place] = _on_device(made[place], one, backbone.device)
            return made

    def _picture_key(self, draft: Draft) -> tuple[str, str, InversionKey]:
        return draft.digest, draft.caption or "", self._inversion_key(draft)

    def _inversion_key(self, draft: Draft) -> InversionKey:
        return InversionKey.of(self.models.weights, str(self.models.dtype), draft.options)

    def _noise_key(self, draft: Draft) -> dict[str, object]:
        """All that the noise depends on."""
        own = self._inversion_key(draft)
        return {
            **self._common("diffusion"),
            "picture": draft.digest,
            "caption": draft.caption,
            "steps": own.steps,
            "options": own.options.flat(),
            "seed": own.seed,
            "guidance": own.guidance,
            "code": code_digest(INVERSIONS[own.options.kind][1]),
        }

    def _common(self, role: str) -> dict[str, object]:
        row = getattr(self.models.family, role)
        return {"version": __version__, "model": weights_key(row), "precision": str(self.models.dtype)}


def _on_device(inverted: Inverted, kept: KeptNoise, device: torch.device) -> Inverted:
    """An inversion with the tensors that were kept of it."""
    texts = None if kept.empty_texts is None else kept.empty_texts.to(device)
    return replace(inverted, noise=kept.noise.to(device), empty_texts=texts)


def _told(draft: Draft) -> str | None:
    """The instruction that the captioner is told, if it is."""
    return draft.job.instruction.strip() or None if draft.options.caption_for_instruction else None


def _sees(draft: Draft, method: Method) -> bool:
    """Whether the captioner is to write a draft's captions."""
    wanted = draft.captions is None and draft.job.direction is None and Need.CAPTIONS in method.needs
    return wanted and draft.options.rewriting.sees_picture


def _with_first_caption(draft: Draft) -> Draft:
    """A draft whose picture has a caption, where who wrote all captions of the edit saw it: the first one."""
    written = draft.captions is not None and bool(draft.captions.replies)
    if draft.caption is not None or not written or not draft.options.rewriting.sees_picture:
        return draft
    assert draft.captions is not None
    return replace(draft, caption=without_full_stop(draft.captions.before[0]))


def _writer(draft: Draft) -> Role:
    """The role of the model that writes a draft's captions."""
    return "captioner" if draft.options.rewriting.sees_picture else "rewriter"


def _usable(captions: EditCaptions, *, force: bool) -> EditCaptions:
    """Captions that an edit can be made with.

    Raises:
        NotUnderstoodError: nothing was understood, and the edit is not forced.
    """
    if force:
        return forced(captions)
    check_understood(captions)
    return captions


def _captions_of(kept: dict[str, Any] | None) -> EditCaptions | None:
    if kept is None:
        return None
    fields = {field.name: kept[field.name] for field in dataclasses.fields(EditCaptions) if field.name in kept}
    lists = {name: tuple(fields.get(name) or ()) for name in ("before", "after", "replies", "candidates")}
    made: Any = {**fields, **lists}
    return EditCaptions(**made) if made["before"] and made["after"] else None
