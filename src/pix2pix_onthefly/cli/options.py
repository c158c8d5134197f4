"""The command line's options: those made from option records, those that several commands share, and `--like`."""

from __future__ import annotations

import dataclasses
import functools
import inspect
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Annotated, Any, cast

import typer

from ..errors import InputError, OptionError, OutputError
from ..models import families
from ..models.families import CUSTOM_ROLES, FOLDER_MARK
from ..options import REWRITER_OPTIONS, EditOptions, LoadOptions

Command = Callable[..., None]

PictureFile = Annotated[
    Path,
    # images.py looks whether it can be read, and says more than Typer would
    typer.Argument(metavar="IMAGE", readable=False, help="The picture.", show_default=False),
]
OutputFile = Annotated[
    Path | None,
    typer.Option("-o", "--output", metavar="FILE", help="Where the picture goes; in this folder if not given."),
]
Instruction = Annotated[
    str, typer.Argument(metavar="INSTRUCTION", help="What should change, in words.", show_default=False)
]
CaptionText = Annotated[str | None, typer.Option(metavar="TEXT", help="The picture's caption, if you know it.")]
BeforeTexts = Annotated[
    list[str] | None,
    typer.Option(metavar="TEXT", help="A caption before the edit, in place of the language model's; repeatable."),
]
AfterTexts = Annotated[list[str] | None, typer.Option(metavar="TEXT", help="A caption after the edit; repeatable.")]
DirectionFile = Annotated[
    Path | None, typer.Option(metavar="FILE", help="Use a saved edit direction in place of captions.")
]
NewDirectionFile = Annotated[Path | None, typer.Option(metavar="FILE", help="Save the edit direction, too.")]
LikePicture = Annotated[
    Path | None,
    typer.Option(metavar="PICTURE", help="Take all that is not given here from the recipe in an edited picture."),
]
Compare = Annotated[bool, typer.Option("--compare", help="Save original, reconstruction and edit side by side.")]
Overwrite = Annotated[bool, typer.Option("--overwrite", help="Replace files that exist already.")]
NoMetadata = Annotated[bool, typer.Option("--no-metadata", help="Keep the recipe out of the saved picture.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object instead of text.")]

_KINDS: dict[str, tuple[Any, str]] = {
    "bool": (bool, ""),
    "int": (int, "INTEGER"),
    "float": (float, "NUMBER"),
    "str": (str, "TEXT"),
}

Settings = Sequence[dataclasses.Field[Any]]


def settings_of(record: type[Any], names: Collection[str] = (), *, without: Collection[str] = ()) -> Settings:
    """Those fields of an option record that a command offers: the named ones, or all but some."""
    fields = dataclasses.fields(record)
    return [item for item in fields if (not names or item.name in names) and item.name not in without]


EDIT_SETTINGS = settings_of(EditOptions)
MODEL_SETTINGS = settings_of(LoadOptions, without=("batch", "map_memory"))
"""Both of those left out serve several edits of one call."""


def models_without(*names: str) -> Settings:
    """`MODEL_SETTINGS` without those that a command has no use for."""
    return [item for item in MODEL_SETTINGS if item.name not in names]


def settings(**groups: Settings) -> Callable[[Command], Command]:
    """Gives a command one option for every setting of one or more groups.

    The command takes what the user gave of a group as the keyword argument of the group's name: a mapping of setting
    to value, with nothing for the others.
    """
    fields = [item for group in groups.values() for item in group]

    def decorate(command: Command) -> Command:
        @functools.wraps(command)
        def wrapper(**arguments: Any) -> None:
            values = {item.name: arguments.pop(item.name) for item in fields}
            given = {name: value for name, value in values.items() if value is not None}
            split = {
                key: {item.name: given[item.name] for item in group if item.name in given}
                for key, group in groups.items()
            }
            command(**arguments, **split)

        signature = inspect.signature(command, eval_str=True)
        own = [parameter for parameter in signature.parameters.values() if parameter.name not in groups]
        parameters = own + [_parameter(item) for item in fields]
        made: Any = wrapper  # Typer reads both of these
        made.__signature__ = signature.replace(parameters=parameters)
        made.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
        return wrapper

    return decorate


def _parameter(item: dataclasses.Field[Any]) -> inspect.Parameter:
    """One option. Its default is None, which tells that it was not given: families set defaults of their own."""
    kind, metavar = _KINDS[str(item.type).split(" ")[0]]
    flag = item.name.replace("_", "-")
    names = [f"--{flag}/--no-{flag}" if kind is bool else f"--{flag}"]
    choices: tuple[str, ...] = item.metadata["choices"]
    option = typer.Option(*names, help=_help(item), metavar="|".join(choices) or metavar or None, show_default=False)
    annotation = Annotated[kind | None, option]
    return inspect.Parameter(item.name, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=annotation)


def _help(item: dataclasses.Field[Any]) -> str:
    limits: list[str] = []
    if isinstance(item.default, bool):
        limits.append(f"default: {'yes' if item.default else 'no'}")
    elif item.default not in (None, ""):
        limits.append(f"default: {item.default}")
    low, high = item.metadata["minimum"], item.metadata["maximum"]
    if low is not None:
        limits.append(f"at least {low:g}" if high >= 2**63 - 1 else f"{low:g} to {high:g}")
    text = str(item.metadata["help"]).replace("`", "'")
    return f"{text} [{'; '.join(limits)}]" if limits else text


@dataclass(frozen=True)
class EditRequest:
    """What the user asked of an edit; empty or None where nothing was said.

    Attributes:
        instruction, caption, before, after: the texts.
        direction: file of an edit direction.
        changes: settings of the edit by name.
        models: settings of `LoadOptions` by name.
        record: how `before` and `after` came about, where they are a recipe's.
    """

    instruction: str = ""
    caption: str | None = None
    before: tuple[str, ...] = ()
    after: tuple[str, ...] = ()
    direction: Path | None = None
    changes: dict[str, Any] = field(default_factory=dict[str, Any])
    models: dict[str, Any] = field(default_factory=dict[str, Any])
    record: dict[str, object] | None = None

    @property
    def family(self) -> str | None:
        """The family of models asked for."""
        return self.models.get("family")

    @property
    def roles(self) -> list[str]:
        """Of the models that are needed: a text that is given needs none that would write it."""
        written = {"captioner": self.caption, "rewriter": self.before or self.after or self.direction}
        return ["diffusion", *(role for role, text in written.items() if not text)]

    def like(self, recipe: Mapping[str, object], name: str) -> EditRequest:
        """This request, with what it leaves open taken from the recipe of a picture called `name`.

        The recipe's captions serve as long as nothing they were written from is given anew.

        Raises:
            InputError: the recipe is not that of an edit, or the edit needs a file or folder that it does not name.
        """
        old = _request_of(recipe, name)
        same_family = self.family in (None, old.family)
        new = replace(
            self,
            instruction=self.instruction or old.instruction,
            caption=old.caption if self.caption is None else self.caption,
            changes={**old.changes, **self.changes},
            models={**(old.models if same_family else {}), **self.models},
        )
        _check_folders(new.models, name)
        if self.direction or self.before or self.after or self._asks_for_new_captions(old):
            return new
        if old.direction:
            raise InputError(f"{name} was made with the direction file {old.direction}; give it with --direction")
        return replace(new, before=old.before, after=old.after, record=old.record)

    def _asks_for_new_captions(self, old: EditRequest) -> bool:
        if self.instruction and self.instruction != old.instruction:
            return True
        if old.record and old.record.get("outcome") == "given":  # by the user: no setting had a part in them
            return False
        return self.caption is not None or not self.changes.keys().isdisjoint(REWRITER_OPTIONS)


def _request_of(recipe: Mapping[str, object], name: str) -> EditRequest:
    """The request that repeats an edit."""
    try:
        captions = cast("dict[str, object]", recipe["captions"])
        options = cast("dict[str, object]", recipe["options"])
        direction = recipe.get("direction")
        return EditRequest(
            instruction=_text(recipe["instruction"]),
            caption=_text(recipe["caption"]),
            before=_texts(captions["before"]),
            after=_texts(captions["after"]),
            models=_models_of(recipe),
            direction=None if direction is None else Path(_text(direction)),
            changes={option: value for option, value in options.items() if value is not None},
            record=captions,
        )
    except (KeyError, TypeError, AttributeError) as error:
        raise InputError(f"the recipe in {name} is not that of an edit; give a picture that `edit` made") from error


def _models_of(recipe: Mapping[str, object]) -> dict[str, Any]:
    """The family, and those of its models that others had been put in place of."""
    name = _text(recipe["family"])
    used = cast("dict[str, object]", recipe.get("models", {}))
    family = families.FAMILIES.get(name)
    rows = {role: str(getattr(family, role)) for role in CUSTOM_ROLES} if family else {}
    others = {role: _text(used[role]) for role, row in rows.items() if used.get(role, row) != row}
    return {"family": name, **{CUSTOM_ROLES[role]: source for role, source in others.items()}}


def _check_folders(models: Mapping[str, Any], name: str) -> None:
    for option, source in models.items():
        if isinstance(source, str) and source.startswith(FOLDER_MARK):
            folder, flag = source.removeprefix(FOLDER_MARK), option.replace("_", "-")
            raise InputError(f"{name} was made with a model in the folder {folder}; give it with --{flag}")


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
        raise OutputError(f"{path} exists already; give another name or allow overwriting")


def check_caption(caption: str | None) -> None:
    """Makes sure that a caption, if given, says something.

    Raises:
        InputError: it is blank.
    """
    if caption is not None and not caption.strip():
        raise InputError("the caption is empty; say what the picture shows, or leave --caption out")
