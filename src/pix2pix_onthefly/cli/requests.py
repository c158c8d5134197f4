"""What the user asked of an edit, and `--like`: taking from a picture's recipe what was not said."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, cast

from ..errors import InputError, OptionError, OutputError
from ..models.endpoints import is_endpoint
from ..models.families import CUSTOM_ROLES, FAMILIES, FOLDER_MARK, family_of, known_rows
from ..options import SEES_PICTURE, AttentionOptions, EditOptions, LoadOptions, RewritingOptions
from ..rewriting.instructions import check_instruction
from ..running.defaults import DEFAULT_METHOD, changed_settings, options_for

_TEXT_SETTINGS = {*RewritingOptions().flat(), "seed", "caption_for_instruction"}
"""What the language model's captions depend on."""


@dataclass(frozen=True)
class EditRequest:
    """What the user asked of an edit; empty or None where nothing was said.

    Attributes:
        instruction, caption, before, after: the texts.
        direction: file of an edit direction.
        mask: file of a mask.
        method, preset: names.
        changes: settings of the edit by flat name.
        models: settings of `LoadOptions` by name.
        record: how `before` and `after` came about, where they are a recipe's.
    """

    instruction: str = ""
    caption: str | None = None
    before: tuple[str, ...] = ()
    after: tuple[str, ...] = ()
    direction: Path | None = None
    method: str | None = None
    preset: str | None = None
    changes: dict[str, Any] = field(default_factory=dict[str, Any])
    models: dict[str, Any] = field(default_factory=dict[str, Any])
    record: dict[str, object] | None = None
    mask: Path | None = None

    @property
    def kind(self) -> str:
        """The kind of edit that a recipe's captions make; empty where they are the user's own."""
        kind = (self.record or {}).get("kind")
        return kind if isinstance(kind, str) else ""

    @property
    def family(self) -> str | None:
        """The family of models asked for."""
        return self.models.get("family")

    @property
    def roles(self) -> list[str]:
        """Of the models that are needed: a text that is given needs none that would write it."""
        writer = "captioner" if self.changes.get("rewriter") == SEES_PICTURE else "rewriter"
        needed = [*(["captioner"] if not self.caption else []), *([writer] if self.wants_captions else [])]
        return ["diffusion", *dict.fromkeys(needed)]

    @property
    def wants_captions(self) -> bool:
        """Whether captions before and after are still to be written."""
        return not (self.before or self.after or self.direction)

    def options(self) -> EditOptions:
        """The settings of the edit, checked without loading anything.

        Raises:
            InputError, OptionError: unknown names, bad values, texts that do not go together.
        """
        _, family = family_of(LoadOptions().with_changes(**self.models))
        check_caption(self.caption)
        if bool(self.before) != bool(self.after):
            raise InputError("captions must be given for both sides: at least one before and one after the edit")
        if self.direction is not None and self.before:
            raise OptionError("--direction takes the place of --before and --after; leave one of them out")
        if not self.before and self.direction is None:
            check_instruction(self.instruction)
        method = self.method
        if self.direction is not None and method is None and self.preset is None:
            method = AttentionOptions.name  # the only kind of edit that goes along a direction
        return options_for(family, method=method, named=self.preset, changes=self.changes)

    def like(self, recipe: Mapping[str, object], name: str, *, same_picture: bool) -> EditRequest:
        """This request, with what it leaves open taken from the recipe of a picture called `name`.

        The recipe's caption, and captions that a language model wrote, are about the picture it was made from: another
        picture gets its own. On the same picture its captions serve as long as nothing they were written from is given
        anew. With another family only those settings count that somebody had asked for.

        Args:
            same_picture: whether the picture to edit is the one that the recipe's edit started from.

        Raises:
            InputError: the recipe is not that of an edit, or the edit needs a file, a folder or a model that the user
                must name.
        """
        old = _request_of(recipe, name)
        same_family = self.family in (None, old.family)
        home = FAMILIES.get(old.family or "")
        settings = old.changes if same_family or home is None else changed_settings(old.changes, home, old.method)
        method = self.method or old.method
        if method != old.method:  # settings of another way of editing mean nothing to this one
            known = _names_of(method)
            settings = {key: value for key, value in settings.items() if key in known}
        caption = self.caption
        if caption is None and same_picture and not self._asks_for_a_new_caption(old):
            caption = old.caption
        new = replace(
            self,
            instruction=self.instruction or old.instruction,
            caption=caption,
            method=method,
            changes={**settings, **self.changes},
            models={**(old.models if same_family else {}), **self.models},
        )
        _check_models({key: value for key, value in new.models.items() if key not in self.models}, name)
        if old.mask and same_picture and self.mask is None:  # another picture has another mask, or none
            raise InputError(f"{name} was made with the mask {old.mask}; give it with --mask")
        if self.direction or self.before or self.after or self._asks_for_new_captions(old, same_picture):
            return new
        if old.direction:
            raise InputError(f"{name} was made with the direction file {old.direction}; give it with --direction")
        return replace(new, before=old.before, after=old.after, record=old.record)

    def _asks_for_a_new_caption(self, old: EditRequest) -> bool:
        """Whether the captioner is told another instruction than before, or is told one now."""
        name = "caption_for_instruction"
        told, was_told = self.changes.get(name, old.changes.get(name, False)), old.changes.get(name, False)
        return told != was_told or bool(told and self.instruction and self.instruction != old.instruction)

    def _asks_for_new_captions(self, old: EditRequest, same_picture: bool) -> bool:
        if self.instruction and self.instruction != old.instruction:
            return True
        if old.record and old.record.get("outcome") == "given":  # by the user: no setting had a part in them
            return False
        asked = self.changes.keys() | ({"captions", "shots"} if self.preset else set())
        return not same_picture or self.caption is not None or not _TEXT_SETTINGS.isdisjoint(asked)


def _names_of(method: str | None) -> set[str]:
    from ..methods.table import method_options

    return set(EditOptions.of(method_options(method or DEFAULT_METHOD)).flat())


def _request_of(recipe: Mapping[str, object], name: str) -> EditRequest:
    """The request that repeats an edit."""
    try:
        captions = cast("dict[str, object]", recipe["captions"])
        options = dict(cast("dict[str, object]", recipe["options"]).items())
        direction = recipe.get("direction")
        method = options.pop("method", AttentionOptions.name)  # of the times when there was no other
        return EditRequest(
            instruction=_text(recipe["instruction"]),
            caption=_text(recipe["caption"]),
            before=_texts(captions["before"]),
            after=_texts(captions["after"]),
            models=_models_of(recipe),
            direction=None if direction is None else Path(_text(direction)),
            method=_text(method),
            changes={option: value for option, value in options.items() if value is not None},
            record=captions,
            mask=_mask_of(recipe),
        )
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise InputError(f"the recipe in {name} is not that of an edit; give a picture that `edit` made") from error


def _mask_of(recipe: Mapping[str, object]) -> Path | None:
    """The name of the mask; of an edit made in Python only that there was one is known."""
    if "mask" in recipe:
        return Path(_text(recipe["mask"]))
    return Path("whose digest it holds") if "mask_sha256" in recipe else None


def _models_of(recipe: Mapping[str, object]) -> dict[str, Any]:
    """The family, and those of its models that others had been put in place of."""
    name = _text(recipe["family"])
    used = cast("dict[str, object]", recipe.get("models", {}))
    family = FAMILIES.get(name)
    rows = {role: str(getattr(family, role)) for role in CUSTOM_ROLES} if family else {}
    others = {role: _text(used[role]) for role, row in rows.items() if used.get(role, row) != row}
    return {"family": name, **{CUSTOM_ROLES[role]: source for role, source in others.items()}}


def _check_models(models: Mapping[str, Any], name: str) -> None:
    """Makes sure that a stranger's recipe makes nobody download, open or ask what the table of models does not name.

    Args:
        models: those of the recipe that the user has not named.
        name: of the picture with the recipe.
    """
    known = {str(row) for _, row in known_rows()}
    for option in CUSTOM_ROLES.values():
        source = models.get(option)
        if source is None or source in known:
            continue
        flag = f"--{option.replace('_', '-')}"
        if source.startswith(FOLDER_MARK):
            folder = source.removeprefix(FOLDER_MARK)
            raise InputError(f"{name} was made with a model in the folder {folder}; give it with {flag}")
        if is_endpoint(source):
            address, _, model = source.rpartition("@")
            raise InputError(
                f"{name} was made with the language model {model!r} behind {address}, which is not asked unless you "
                f"name it yourself with {flag} and {flag}-name"
            )
        raise InputError(
            f"{name} was made with the model {source!r}, which is none of those in 'onthefly models'; if you trust it, "
            f"name it yourself with {flag}"
        )


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError
    return value


def _texts(value: object) -> tuple[str, ...]:
    if not isinstance(value, list):
        raise TypeError
    return tuple(_text(entry) for entry in cast("list[object]", value))


def check_direction_target(path: Path | None, request: EditRequest, *, overwrite: bool) -> None:
    """Makes sure, before any work is done, that a direction can be saved: `saving.check_output` for directions.

    Raises:
        OptionError, OutputError: it cannot.
    """
    if path is None:
        return
    if request.direction is not None:
        raise OptionError("--save-direction would only copy the file given with --direction; leave one of them out")
    if path.is_dir() or not path.parent.is_dir():
        raise OutputError(f"{path} is not a file name in an existing folder; choose another place for the direction")
    if path.exists() and not overwrite:
        raise OutputError(f"{path} exists already; give another name or allow it to be replaced with --overwrite")


def check_caption(caption: str | None) -> None:
    """Makes sure that a caption, if given, says something.

    Raises:
        InputError: it is blank.
    """
    if caption is not None and not caption.strip():
        raise InputError("the caption is empty; say what the picture shows, or leave --caption out")
