"""One edit that a visitor asks for: what the form says, how far it is, what came of it."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import gradio as gr
from PIL import Image
from torch import Tensor

from ..editor import Editor
from ..errors import InputError, NotUnderstoodError, OnTheFlyError
from ..pictures import fitting
from ..pictures.opening import OpenedPicture, opened_of
from ..records import EditCaptions, EditResult
from .brush import painted_mask
from .fields import changes_of
from .making import Wish, make
from .showing import progress_bar, said, told
from .texts import corrected
from .view import Updates, View, html
from .visit import Entry, Visit, Visits
from .watching import StoppedError, Watch, Watched

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Editing:
    """Makes the edits of the page, one at a time.

    Attributes:
        editor: which makes them.
        view: the page.
        visits: of all who have it open.
        stages: names of an edit's stages for people.
    """

    editor: Editor
    view: View
    visits: Visits
    stages: Mapping[str, str]

    def edit(
        self, form: dict[Any, Any], name: str, *, answer: str | None = None, again: bool = False
    ) -> Iterator[Updates]:
        """The page while an edit is made and after it, or what hindered it.

        Args:
            form: what stands in the parts of the page.
            name: of the visit.
            answer: to the question that was asked back.
            again: with the captions as they stand in their boxes.
        """
        view, status = self.view, self.view.parts.inputs.status
        try:
            yield from self._made(self._wish(form, self.visits.of(name), answer=answer, again=again), name)
        except StoppedError as stopped:
            yield {**view.idle(), status: html(said(str(stopped)))}
        except NotUnderstoodError as error:
            captions = error.captions if isinstance(error.captions, EditCaptions) else None
            self.visits.ask(name, captions)
            yield {**view.idle(), **view.failed(error), **view.understood(captions), **view.question(captions)}
        except OnTheFlyError as error:
            yield {**view.idle(), **view.failed(error)}
        except Exception:
            _log.exception("an edit failed")
            failure = OnTheFlyError("the edit failed for a reason that the program's output tells")
            yield {**view.idle(), **view.failed(failure)}

    def _made(self, wish: Wish, name: str) -> Iterator[Updates]:
        """Each step of an edit, and its result."""
        given, shown = self.view.parts.inputs, self.view.parts.outputs
        started = time.perf_counter()
        stop = self.visits.starting(name)
        watch = Watch(stop, self._decoded)

        def work(progress: Watch) -> EditResult:
            return make(self.editor, self.visits.of(name), wish, progress, partial(self.visits.keep, name))

        working = Watched(work, watch, stop)
        yield {
            given.edit: gr.update(interactive=False),
            given.stop: gr.update(interactive=True),
            shown.notices: html(""),
        }
        for seen in working:
            preview = {shown.preview: gr.update(value=seen.preview, visible=True)} if seen.preview else {}
            yield {given.status: html(progress_bar(seen, self.stages)), **preview}
        result = working.made
        visit = self.visits.keep(name, self.visits.of(name).added(result, wish.opened.rgba or wish.opened.image))
        self.visits.ask(name, None)
        yield {
            **self.view.idle(),
            **self.view.showing(visit, wish.opened.warnings),
            given.status: html(told(result, time.perf_counter() - started, watch.stages)),
        }

    def _wish(self, form: dict[Any, Any], visit: Visit, *, answer: str | None, again: bool) -> Wish:
        """What the form asks for.

        Raises:
            OnTheFlyError: it does not go together.
        """
        parts, given, shown = self.view.parts, self.view.parts.inputs, self.view.parts.outputs
        if not form[given.picture]:
            raise InputError("there is no picture yet; drop one, paste one, or take an example")
        opened = opened_of(form[given.picture])
        method = str(form[given.method])
        raw = {name: form[part] for name, part in given.settings.items()}
        changes = changes_of(parts.fields, raw, method)
        preset = str(form[given.preset] or "") or None
        options = self.editor.options(method=method, preset=preset, **changes)
        entry, captions, caption = visit.entry, None, _caption_of(visit.entry, opened)
        if again:
            known = entry.result.captions if entry is not None else None
            captions = corrected(known, form[shown.before], form[shown.after])
            caption = (form[shown.caption] or "").strip() or None
        mask = painted_mask(form[given.brush], opened.image.size)
        return Wish(opened, form[given.instruction] or "", options, caption, captions, answer, mask)

    def _decoded(self, latents: Tensor) -> Image.Image:
        """Latents of an edit under way as a picture; the thread that edits holds the model already."""
        with self.editor.models.using("diffusion") as backbone:
            return fitting.to_image(backbone.decode(latents))


def _caption_of(entry: Entry | None, opened: OpenedPicture) -> str | None:
    """The caption that the picture has already; None where it is another one."""
    if entry is None or entry.picture.size != opened.image.size:
        return None
    same = entry.picture.tobytes() == (opened.rgba or opened.image).tobytes()
    return entry.result.caption if same else None
