"""What all configurations of a run share: editor, set, metrics, and the names of their files."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path

from ... import __version__
from ...code_digest import code_digest
from ...editor import Editor
from ...files import clear_unfinished
from ...inversions import ddim
from ...methods import direction
from ...methods.method import Method
from ...methods.table import method_row
from ...models.families import EDIT_ROLES
from ...models.identity import weights_key
from ...rewriting import formats, rewriter
from ...rewriting.pool import load_pool
from ...running.cache import Cache, digest
from ...running.finishing import models_of
from ..data.turns import Dataset
from ..metrics.scoring import Scorer
from .configurations import GOLD, Configuration
from .result_files import CACHE

_ID_DIGITS = 8


class Setup:
    """All that the configurations of a run share.

    Args:
        editor: the family's models; its captions, noise and rewrites are kept in the folder's cache from now on.
        dataset: the set.
        folder: where results go.
        truncate: cut descriptions that are too long for CLIP.
    """

    def __init__(self, editor: Editor, dataset: Dataset, folder: Path, *, truncate: bool = False) -> None:
        self.editor, self.dataset, self.folder = editor, dataset, folder
        clear_unfinished(folder)
        editor.executor.keep_in(Cache(folder / CACHE))
        self.scorer = Scorer(dataset, editor.device, truncate=truncate)

    @cached_property
    def fingerprint(self) -> str:
        """Hash of what is written in the set."""
        pictures = [[turn.source.name, turn.target.name] for turn in self.dataset.turns]
        texts = [
            [turn.session, turn.number, turn.instruction, turn.source_caption, turn.global_caption, turn.local_caption]
            for turn in self.dataset.turns
        ]
        facts = [dict(turn.extra) for turn in self.dataset.turns]
        return digest([self.dataset.name, pictures, texts, facts])

    @cached_property
    def places(self) -> dict[tuple[str, int], int]:
        """The place of each turn in the set."""
        return {(turn.session, turn.number): place for place, turn in enumerate(self.dataset.turns)}

    def method(self, configuration: Configuration) -> Method:
        """The method of a configuration, the same object at every call.

        Raises:
            OptionError: no such method.
            ModelUnavailableError: its weights are not on this machine.
        """
        return self.editor.executor.method(configuration.options.method)

    def batch(self, configuration: Configuration) -> int:
        """How many edits run side by side."""
        return self.method(configuration).batch or self.editor.settings.batch

    def models(self, configuration: Configuration) -> dict[str, str]:
        """The rows that take part: those that write the texts, and the method's own or the family's."""
        return models_of(self.editor.family, self.method(configuration))

    def name(self, configuration: Configuration) -> str:
        """The name of a configuration's files: what the results depend on stands in it or in its hash, by content."""
        family = self.editor.family
        facts = {
            "version": __version__,
            "set": self.fingerprint,
            "family": self.editor.family_name,
            "precision": str(self.editor.dtype),
            "models": self.models(configuration),
            "weights": [weights_key(getattr(family, role)) for role in EDIT_ROLES],
            "method": method_row(configuration.options.method).source_digest,
            # By content: a folder's name says nothing of what lies in it today.
            "own weights": getattr(self.method(configuration), "weights", None),
            # What the executor makes for methods.
            "stages": code_digest(ddim, direction),
            "texts": prompts_digest(family.pool),
        }
        return name_of(configuration, facts)


def prompts_digest(pool: str) -> str:
    """Hash of all that decides how an instruction becomes captions, beside the model and the settings: the prompt's
    wording, the examples, and how a reply is asked for and read."""
    examples = [[example.instruction, example.before, example.after] for example in load_pool(pool)]
    return digest([code_digest(rewriter), formats.WORDINGS, examples])


def name_of(configuration: Configuration, facts: Mapping[str, object]) -> str:
    """A name for files: what people look for, and a hash of all that the results depend on.

    Args:
        facts: what else they depend on: the set, models, precision.
    """
    options = configuration.options
    texts = options.rewriting
    parts = (
        re.sub(r"[^a-z0-9]+", "-", options.method.label.lower()).strip("-"),
        f"{texts.shots}shot",
        f"{texts.captions}caption",
        *(() if texts.lock_first_caption else ("free",)),
        *((texts.rewriter,) if texts.sees_picture else ()),
        texts.wording,
        *((GOLD,) if configuration.caption_source == GOLD else ()),
        f"{options.steps}steps",
        digest({"configuration": configuration.plain(), "facts": dict(facts)})[:_ID_DIGITS],
    )
    return "-".join(parts)
