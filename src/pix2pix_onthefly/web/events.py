"""What the page does when something is dropped, typed or pressed."""

# pyright: reportUnknownParameterType=false
# Gradio's types are unknown where it is not installed: it needs an older Pillow than the rest is tested with.

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import gradio as gr  # pyright: ignore[reportMissingImports]
from PIL import Image
from torch import Tensor

from ..editor import Editor
from ..errors import InputError, NotUnderstoodError, OnTheFlyError
from ..pictures import fitting
from ..pictures.opening import OpenedPicture, opened_of
from ..records import EditCaptions
from .brush import painted_mask
from .examples import Example
from .fields import changes_of
from .filling import Filled, Like, filled_from
from .making import Wish, make
from .parts import Parts
from .showing import Labelled, candidates_of, notices, progress_bar, said, side_by_side, told
from .texts import as_lines, corrected
from .visit import Entry, Visit, Visits, saved
from .watching import StoppedError, Watch, Watched

if TYPE_CHECKING:  # so that types are checked where Gradio is not installed, too
    Request = SelectData = Any
else:  # by these types of parameters Gradio knows what to hand over
    Request, SelectData = gr.Request, gr.SelectData

Updates = dict[Any, Any]
_log = logging.getLogger(__name__)
_QUIET: dict[str, Any] = {"show_progress": "hidden", "api_visibility": "private"}


@dataclass(frozen=True)
class Events:
    """The page's actions.

    Attributes:
        editor: makes the edits, one at a time.
        parts: of the page.
        stages: names of an edit's stages for people.
        like: reads a recipe.
        folder: where files for downloading lie.
        examples: with their files.
        visits: of all who have the page open.
    """

    editor: Editor
    parts: Parts
    stages: Mapping[str, str]
    like: Like
    folder: Path
    examples: tuple[tuple[Example, Path], ...]
    visits: Visits

    def connect(self, page: Any) -> None:
        """Ties the parts of a page to what they do."""
        given, shown = self.parts.inputs, self.parts.outputs
        asked = {given.picture, given.instruction, given.brush, given.method, given.preset, *given.settings.values()}
        edits: dict[str, Any] = {"inputs": asked, "outputs": self._all(), "concurrency_id": "models"}
        edits |= {"concurrency_limit": 1, **_QUIET}
        gr.on([given.edit.click, given.instruction.submit], self.edit, **edits)
        for number, button in enumerate(shown.answers):
            button.click(self.answering(number), **edits)
        edits["inputs"] = asked | {shown.caption, shown.before, shown.after}
        shown.again.click(self.again, **edits)
        given.stop.click(self.stop, queue=False, **_QUIET)
        given.picture.input(self.dropped, [given.picture], self._all(), **_QUIET)
        given.picture.change(self.paint_on, [given.picture], [given.brush], **_QUIET)
        given.method.change(self.settings_of, [given.method], list(given.settings.values()), **_QUIET)
        shown.history.select(self.look_at, None, self._all(), **_QUIET)
        shown.candidates.select(self.choose, None, self._all(), **_QUIET)
        shown.undo.click(self.undo, None, self._all(), **_QUIET)
        shown.go_on.click(self.go_on, None, self._all(), **_QUIET)
        if given.examples is not None:
            given.examples.click(self.take_example, [given.examples], self._all(), **_QUIET)
        page.unload(self.leave)

    def edit(self, form: dict[Any, Any], request: Request) -> Iterator[Updates]:
        """Edits as the instruction says."""
        yield from self._editing(form, request)

    def answering(self, number: int) -> Callable[[dict[Any, Any], Request], Iterator[Updates]]:
        """Edits with one of the answers to what was asked back."""

        def answer(form: dict[Any, Any], request: Request) -> Iterator[Updates]:  # Gradio reads these types
            name = _name(request)
            entry = self.visits.of(name).entry
            asked = self.visits.asked(name) or (entry.result.captions if entry else None)
            if asked is not None and number < len(asked.candidates):
                yield from self._editing(form, request, answer=asked.candidates[number])

        return answer

    def again(self, form: dict[Any, Any], request: Request) -> Iterator[Updates]:
        """Edits with the captions as they stand in their boxes."""
        yield from self._editing(form, request, again=True)

    def stop(self, request: Request) -> None:
        """Stops the edit that is under way."""
        self.visits.stop(_name(request))

    def leave(self, request: Request) -> None:
        """Forgets a visit whose page was closed."""
        self.visits.forget(_name(request))

    def dropped(self, path: str | None, request: Request) -> Updates:
        """A picture was dropped, pasted or taken away: what was understood of another counts no more."""
        visit = self.visits.keep(_name(request), replace(self.visits.of(_name(request)), at=None))
        if path is None:
            return self._showing(visit)
        try:
            filled = filled_from(path, opened_of(path), self.parts.fields, self.like)
        except OnTheFlyError as error:
            return {**self._showing(visit), **self._failed(error)}
        return {**self._showing(visit), **self._filled(filled)}

    def take_example(self, number: int, request: Request) -> Updates:
        """An example was chosen."""
        visit = self.visits.keep(_name(request), replace(self.visits.of(_name(request)), at=None))
        example, path = self.examples[number]
        given = self.parts.inputs
        return {
            **self._showing(visit),
            given.picture: str(path),
            given.instruction: gr.update(value=example.instruction),
        }

    def paint_on(self, path: str | None) -> Any:
        """The brush gets the picture, with nothing painted."""
        return None if path is None else {"background": path, "layers": [], "composite": None}

    def settings_of(self, method: str) -> list[Any]:
        """Those settings are shown that a way of editing has."""
        return [gr.update(visible=field.belongs_to(method)) for field in self._fields_in_order()]

    def look_at(self, event: SelectData, request: Request) -> Updates:
        """Another edit of the history was chosen."""
        visit = self.visits.of(_name(request))
        try:
            return self._back_at(self.visits.keep(_name(request), visit.looking_at(int(event.index))))
        except OnTheFlyError as error:
            return self._failed(error)

    def choose(self, event: SelectData, request: Request) -> Updates:
        """Another candidate was chosen."""
        visit = self.visits.of(_name(request))
        try:
            return self._showing(self.visits.keep(_name(request), visit.choosing(int(event.index))))
        except OnTheFlyError as error:
            return self._failed(error)

    def undo(self, request: Request) -> Updates:
        """Back to what was before the edit."""
        visit = self.visits.of(_name(request))
        undone, entry = visit.undone(), visit.entry
        self.visits.keep(_name(request), undone)
        shown = self._back_at(undone)
        return shown if entry is None else {**shown, self.parts.inputs.picture: entry.picture}

    def go_on(self, request: Request) -> Updates:
        """The edit becomes the picture that is edited next."""
        visit, given = self.visits.of(_name(request)), self.parts.inputs
        if visit.entry is None:
            return self._failed(InputError("there is no edit to go on from; edit a picture first"))
        return {
            given.picture: visit.entry.result.image,
            given.instruction: "",
            given.status: _html(said("The edit is the picture now.")),
        }

    def _editing(
        self, form: dict[Any, Any], request: Request, *, answer: str | None = None, again: bool = False
    ) -> Iterator[Updates]:
        given, shown, name = self.parts.inputs, self.parts.outputs, _name(request)
        started = time.perf_counter()
        try:
            wish = self._wish(form, self.visits.of(name), answer=answer, again=again)
            stop = self.visits.starting(name)
            watch = Watch(stop, self._decoded)

            def work(progress: Watch) -> Any:
                keep = partial(self.visits.keep, name)
                return make(self.editor, self.visits.of(name), wish, progress, keep)

            working = Watched(work, watch, stop)
            yield {
                given.edit: gr.update(interactive=False),
                given.stop: gr.update(interactive=True),
                shown.notices: _html(""),
            }
            for seen in working:
                preview = {shown.preview: gr.update(value=seen.preview, visible=True)} if seen.preview else {}
                yield {given.status: _html(progress_bar(seen, self.stages)), **preview}
            result = working.made
            visit = self.visits.keep(name, self.visits.of(name).added(result, wish.opened.rgba or wish.opened.image))
            self.visits.ask(name, None)
            yield {
                **self._showing(visit, wish.opened.warnings),
                given.status: _html(told(result, time.perf_counter() - started, watch.stages)),
            }
        except StoppedError:
            yield {**self._idle(), given.status: _html(said("Stopped."))}
        except NotUnderstoodError as error:
            captions = error.captions if isinstance(error.captions, EditCaptions) else None
            self.visits.ask(name, captions)
            yield {**self._failed(error), **self._understood(captions), **self._question(captions)}
        except OnTheFlyError as error:
            yield self._failed(error)
        except Exception:
            _log.exception("an edit failed")
            yield self._failed(OnTheFlyError("the edit failed for a reason that the program's output tells"))

    def _wish(self, form: dict[Any, Any], visit: Visit, *, answer: str | None, again: bool) -> Wish:
        """What the form asks for.

        Raises:
            OnTheFlyError: it does not go together.
        """
        given, shown = self.parts.inputs, self.parts.outputs
        if not form[given.picture]:
            raise InputError("there is no picture yet; drop one, paste one, or take an example")
        opened = opened_of(form[given.picture])
        method = str(form[given.method])
        raw = {name: form[part] for name, part in given.settings.items()}
        changes = changes_of(self.parts.fields, raw, method)
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

    def _idle(self) -> Updates:
        """After an edit, whatever came of it."""
        given, shown = self.parts.inputs, self.parts.outputs
        return {
            given.edit: gr.update(interactive=True),
            given.stop: gr.update(interactive=False),
            shown.preview: gr.update(value=None, visible=False),
            given.status: _html(""),
        }

    def _failed(self, error: OnTheFlyError) -> Updates:
        return {**self._idle(), self.parts.outputs.notices: _html(notices([str(error)], kind="error"))}

    def _showing(self, visit: Visit, more: tuple[str, ...] = ()) -> Updates:
        """All that is seen of the edit that a visit looks at."""
        shown, entry = self.parts.outputs, visit.entry
        result = None if entry is None else entry.result
        several = [] if result is None else candidates_of(result)
        there = result is not None
        before = None if entry is None else entry.picture.convert("RGB")
        return {
            **self._idle(),
            shown.notices: _html(notices([*more, *(result.warnings if result else ())])),
            shown.slider: None if result is None else (before, result.image),
            shown.pictures: _pictures([] if result is None or before is None else side_by_side(result, before)),
            shown.candidates: _pictures(several),
            shown.download: gr.update(
                value=None if result is None else str(saved(result, self.folder)), interactive=there
            ),
            shown.go_on: gr.update(interactive=there),
            shown.undo: gr.update(interactive=there),
            shown.caption: "" if result is None else result.caption,
            shown.history: _pictures(
                [(one.result.image, one.result.instruction or "captions") for one in visit.entries]
            ),
            shown.recipe_box: gr.update(visible=there),
            shown.recipe: None if result is None else result.recipe(),
            **self._understood(None if result is None else result.captions),
            **self._question(None if result is None else result.captions),
        }

    def _back_at(self, visit: Visit) -> Updates:
        """The page as it was when an edit of the history had been made."""
        entry, given = visit.entry, self.parts.inputs
        if entry is None:
            return self._showing(visit)
        return {
            **self._showing(visit),
            given.picture: entry.picture,
            given.instruction: entry.result.instruction,
        }

    def _understood(self, captions: EditCaptions | None) -> Updates:
        shown = self.parts.outputs
        return {
            shown.before: "" if captions is None else as_lines(captions.before),
            shown.after: "" if captions is None else as_lines(captions.after),
        }

    def _question(self, captions: EditCaptions | None) -> Updates:
        """The question that is open, with a button for each answer."""
        shown = self.parts.outputs
        candidates = () if captions is None else captions.candidates[: len(shown.answers)]
        asked = captions is not None and bool(captions.question) and bool(candidates)
        buttons = {
            button: gr.update(value=candidates[place], visible=True)
            if asked and place < len(candidates)
            else gr.update(visible=False)
            for place, button in enumerate(shown.answers)
        }
        text = notices([captions.question], kind="question") if asked and captions is not None else ""
        return {shown.question_box: gr.update(visible=asked), shown.question: text, **buttons}

    def _filled(self, filled: Filled) -> Updates:
        given, shown = self.parts.inputs, self.parts.outputs
        updates: Updates = {shown.notices: _html(notices(filled.notices))}
        if filled.instruction is not None:
            updates[given.instruction] = filled.instruction
        if filled.method is not None:
            updates[given.method] = filled.method
        for name, part in given.settings.items() if filled.settings is not None else ():
            updates[part] = gr.update(value=(filled.settings or {}).get(name, ""))
        return {**updates, shown.caption: filled.caption, shown.before: filled.before, shown.after: filled.after}

    def _fields_in_order(self) -> list[Any]:
        by_name = {field.name: field for field in self.parts.fields}
        return [by_name[name] for name in self.parts.inputs.settings]

    def _all(self) -> list[Any]:
        """Everything that an action may change."""
        given, shown = self.parts.inputs, self.parts.outputs
        seen = [part for part in vars(shown).values() if not isinstance(part, list)]
        return [
            given.picture,
            given.instruction,
            given.edit,
            given.stop,
            given.status,
            given.method,
            *given.settings.values(),
            *seen,
            *shown.answers,
        ]


def _name(request: Request) -> str:
    return str(request.session_hash)


def _html(text: str) -> Any:
    """A text, or no room for it where it is empty."""
    return gr.update(value=text, visible=bool(text))


def _pictures(labelled: list[Labelled]) -> Any:
    return gr.update(value=labelled, visible=bool(labelled), selected_index=None)


def _caption_of(entry: Entry | None, opened: OpenedPicture) -> str | None:
    """The caption that the picture has already; None where it is another one."""
    if entry is None or entry.picture.size != opened.image.size:
        return None
    same = entry.picture.tobytes() == (opened.rgba or opened.image).tobytes()
    return entry.result.caption if same else None
