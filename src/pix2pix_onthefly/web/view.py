"""What the page's parts become: after an edit, at an error, when another edit is looked at."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gradio as gr

from ..errors import OnTheFlyError
from ..records import EditCaptions
from .filling import Filled
from .parts import Parts
from .showing import Labelled, candidates_of, notices, side_by_side
from .texts import as_lines
from .visit import Visit, saved

Updates = dict[Any, Any]
"""New values of parts."""


@dataclass(frozen=True)
class View:
    """Parts of the page with what they are to show.

    Attributes:
        parts: of the page.
        folder: where files for downloading lie.
    """

    parts: Parts
    folder: Path

    def everything(self) -> list[Any]:
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

    def idle(self) -> Updates:
        """After an edit, whatever came of it."""
        given, shown = self.parts.inputs, self.parts.outputs
        return {
            given.edit: gr.update(interactive=True),
            given.stop: gr.update(interactive=False),
            shown.preview: gr.update(value=None, visible=False),
            given.status: html(""),
        }

    def failed(self, error: OnTheFlyError) -> Updates:
        return {self.parts.outputs.notices: html(notices([str(error)], kind="error"))}

    def showing(self, visit: Visit, more: tuple[str, ...] = ()) -> Updates:
        """All that is seen of the edit that a visit looks at; one that is under way goes on and can be stopped."""
        shown, entry = self.parts.outputs, visit.entry
        result = None if entry is None else entry.result
        several = [] if result is None else candidates_of(result)
        there = result is not None
        before = None if entry is None else entry.picture.convert("RGB")
        return {
            self.parts.inputs.status: html(""),
            shown.notices: html(notices([*more, *(result.warnings if result else ())])),
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
            **self.understood(None if result is None else result.captions),
            **self.question(None if result is None else result.captions),
        }

    def back_at(self, visit: Visit) -> Updates:
        """The page as it was when an edit of the history had been made."""
        entry, given = visit.entry, self.parts.inputs
        if entry is None:
            return self.showing(visit)
        return {
            **self.showing(visit),
            given.picture: entry.picture,
            given.instruction: entry.result.instruction,
        }

    def understood(self, captions: EditCaptions | None) -> Updates:
        shown = self.parts.outputs
        return {
            shown.before: "" if captions is None else as_lines(captions.before),
            shown.after: "" if captions is None else as_lines(captions.after),
        }

    def question(self, captions: EditCaptions | None) -> Updates:
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

    def filled(self, filled: Filled) -> Updates:
        given, shown = self.parts.inputs, self.parts.outputs
        updates: Updates = {shown.notices: html(notices(filled.notices))}
        if filled.instruction is not None:
            updates[given.instruction] = filled.instruction
        if filled.method is not None:
            updates[given.method] = filled.method
        for name, part in given.settings.items() if filled.settings is not None else ():
            updates[part] = gr.update(value=(filled.settings or {}).get(name, ""))
        return {**updates, shown.caption: filled.caption, shown.before: filled.before, shown.after: filled.after}


def html(text: str) -> Any:
    """A text, or no room for it where it is empty."""
    return gr.update(value=text, visible=bool(text))


def _pictures(labelled: list[Labelled]) -> Any:
    return gr.update(value=labelled, visible=bool(labelled), selected_index=None)
