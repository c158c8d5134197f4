"""What the page does when something is dropped, typed or pressed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import gradio as gr

from ..errors import InputError, OnTheFlyError
from ..pictures.opening import opened_of
from .editing import Editing
from .examples import Example
from .filling import Like, filled_from
from .showing import said
from .view import Updates, View, html
from .visit import Visits

_QUIET: dict[str, Any] = {"show_progress": "hidden", "api_visibility": "private"}


@dataclass(frozen=True)
class Events:
    """The page's actions.

    Attributes:
        view: of the page.
        editing: makes the edits.
        visits: of all who have the page open.
        like: reads a recipe.
        examples: with their files.
    """

    view: View
    editing: Editing
    visits: Visits
    like: Like
    examples: tuple[tuple[Example, Path], ...]

    def connect(self, page: Any) -> None:
        """Ties the parts of a page to what they do."""
        given, shown = self.view.parts.inputs, self.view.parts.outputs
        asked = {given.picture, given.instruction, given.brush, given.method, given.preset, *given.settings.values()}
        edits: dict[str, Any] = {"inputs": asked, "outputs": self.view.everything(), "concurrency_id": "models"}
        edits |= {"concurrency_limit": 1, **_QUIET}
        gr.on([given.edit.click, given.instruction.submit], self.edit, **edits)
        for number, button in enumerate(shown.answers):
            button.click(self.answering(number), **edits)
        edits["inputs"] = asked | {shown.caption, shown.before, shown.after}
        shown.again.click(self.again, **edits)
        given.stop.click(self.stop, queue=False, **_QUIET)
        given.picture.input(self.dropped, [given.picture], self.view.everything(), **_QUIET)
        given.picture.change(self.paint_on, [given.picture], [given.brush], **_QUIET)
        given.method.change(self.settings_of, [given.method], list(given.settings.values()), **_QUIET)
        shown.history.select(self.look_at, None, self.view.everything(), **_QUIET)
        shown.candidates.select(self.choose, None, self.view.everything(), **_QUIET)
        shown.undo.click(self.undo, None, self.view.everything(), **_QUIET)
        shown.go_on.click(self.go_on, None, self.view.everything(), **_QUIET)
        if given.examples is not None:
            given.examples.click(self.take_example, [given.examples], self.view.everything(), **_QUIET)
        page.unload(self.leave)

    def edit(self, form: dict[Any, Any], request: gr.Request) -> Iterator[Updates]:
        """Edits as the instruction says."""
        yield from self.editing.edit(form, _name(request))

    def answering(self, number: int) -> Callable[[dict[Any, Any], gr.Request], Iterator[Updates]]:
        """Edits with one of the answers to what was asked back."""

        def answer(form: dict[Any, Any], request: gr.Request) -> Iterator[Updates]:  # Gradio reads these types
            name = _name(request)
            entry = self.visits.of(name).entry
            asked = self.visits.asked(name) or (entry.result.captions if entry else None)
            if asked is not None and number < len(asked.candidates):
                yield from self.editing.edit(form, _name(request), answer=asked.candidates[number])

        return answer

    def again(self, form: dict[Any, Any], request: gr.Request) -> Iterator[Updates]:
        """Edits with the captions as they stand in their boxes."""
        yield from self.editing.edit(form, _name(request), again=True)

    def stop(self, request: gr.Request) -> None:
        """Stops the edit that is under way."""
        self.visits.stop(_name(request))

    def leave(self, request: gr.Request) -> None:
        """Forgets a visit whose page was closed."""
        self.visits.forget(_name(request))

    def dropped(self, path: str | None, request: gr.Request) -> Updates:
        """A picture was dropped, pasted or taken away: what was understood of another counts no more."""
        visit = self.visits.keep(_name(request), replace(self.visits.of(_name(request)), at=None))
        if path is None:
            return self.view.showing(visit)
        try:
            filled = filled_from(path, opened_of(path), self.view.parts.fields, self.like)
        except OnTheFlyError as error:
            return {**self.view.showing(visit), **self.view.failed(error)}
        return {**self.view.showing(visit), **self.view.filled(filled)}

    def take_example(self, number: int, request: gr.Request) -> Updates:
        """An example was chosen."""
        visit = self.visits.keep(_name(request), replace(self.visits.of(_name(request)), at=None))
        example, path = self.examples[number]
        given = self.view.parts.inputs
        return {
            **self.view.showing(visit),
            given.picture: str(path),
            given.instruction: gr.update(value=example.instruction),
        }

    def paint_on(self, path: str | None) -> Any:
        """The brush gets the picture, with nothing painted."""
        return None if path is None else {"background": path, "layers": [], "composite": None}

    def settings_of(self, method: str) -> list[Any]:
        """Those settings are shown that a way of editing has."""
        by_name = {field.name: field for field in self.view.parts.fields}
        return [gr.update(visible=by_name[name].belongs_to(method)) for name in self.view.parts.inputs.settings]

    def look_at(self, event: gr.SelectData, request: gr.Request) -> Updates:
        """Another edit of the history was chosen."""
        visit = self.visits.of(_name(request))
        try:
            return self.view.back_at(self.visits.keep(_name(request), visit.looking_at(int(event.index))))
        except OnTheFlyError as error:
            return self.view.failed(error)

    def choose(self, event: gr.SelectData, request: gr.Request) -> Updates:
        """Another candidate was chosen."""
        visit = self.visits.of(_name(request))
        try:
            return self.view.showing(self.visits.keep(_name(request), visit.choosing(int(event.index))))
        except OnTheFlyError as error:
            return self.view.failed(error)

    def undo(self, request: gr.Request) -> Updates:
        """Back to what was before the edit."""
        visit = self.visits.of(_name(request))
        undone, entry = visit.undone(), visit.entry
        self.visits.keep(_name(request), undone)
        shown = self.view.back_at(undone)
        return shown if entry is None else {**shown, self.view.parts.inputs.picture: entry.picture}

    def go_on(self, request: gr.Request) -> Updates:
        """The edit becomes the picture that is edited next."""
        visit, given = self.visits.of(_name(request)), self.view.parts.inputs
        if visit.entry is None:
            return self.view.failed(InputError("there is no edit to go on from; edit a picture first"))
        return {
            given.picture: visit.entry.result.image,
            given.instruction: "",
            given.status: html(said("The edit is the picture now.")),
        }


def _name(request: gr.Request) -> str:
    return str(request.session_hash)
