"""What all configurations of a run share: models, set, cache, metrics."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path

from ... import __version__
from ...editor import Editor
from ...files import clear_unfinished
from ...models.families import EDIT_ROLES
from ..data.turns import Dataset
from ..metrics.scoring import Scorer
from .cache import Cache, digest
from .captions import row_key
from .configurations import GOLD, OURS, Configuration
from .method import Method
from .ours import Ours
from .result_files import CACHE

_ID_DIGITS = 8


class Bench:
    """All that the configurations of a run share.

    Args:
        editor: the family's models.
        dataset: the set.
        folder: where results go.
        truncate: cut descriptions that are too long for CLIP.
    """

    def __init__(self, editor: Editor, dataset: Dataset, folder: Path, *, truncate: bool = False) -> None:
        self.editor, self.dataset, self.folder = editor, dataset, folder
        clear_unfinished(folder)
        self.cache = Cache(folder / CACHE)
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

    def make_method(self, configuration: Configuration) -> Method:
        """The method of a configuration.

        Raises:
            OptionError: no such method or setting, or a bad value.
            ModelUnavailableError: its weights are not on this machine.
        """
        if configuration.method == OURS:
            return Ours(self.editor, configuration.options, self.cache)
        from ..rivals import make_method

        own = dict(configuration.method_settings)
        return make_method(configuration.method, self.editor, configuration.options, **own)

    def models(self, method: Method) -> dict[str, str]:
        """The rows that take part: the method's own, and those that write the texts."""
        rows = self.editor.models()
        return {**{role: rows[role] for role in ("captioner", "rewriter")}, **method.models()}

    def name(self, configuration: Configuration, method: Method) -> str:
        """The name of a configuration's files."""
        facts = {
            "version": __version__,
            "set": self.fingerprint,
            "family": self.editor.family,
            "precision": str(self.editor.dtype),
            "models": self.models(method),
            "weights": [row_key(getattr(self.editor.row, role)) for role in EDIT_ROLES],
            "settings": method.settings(),
        }
        return name_of(configuration, facts)


def name_of(configuration: Configuration, facts: Mapping[str, object]) -> str:
    """A name for files: what people look for, and a hash of all that the results depend on.

    Args:
        facts: what else they depend on: the set, models, precision.
    """
    options = configuration.options
    parts = (
        re.sub(r"[^a-z0-9]+", "-", configuration.method.lower()).strip("-"),
        f"{options.shots}shot",
        f"{options.captions}caption",
        *(() if options.lock_first_caption else ("free",)),
        options.wording,
        *((GOLD,) if configuration.caption_source == GOLD else ()),
        f"{options.steps}steps",
        digest({"configuration": configuration.plain(), "facts": dict(facts)})[:_ID_DIGITS],
    )
    return "-".join(parts)
