"""Carrying out units of an evaluation, in this process or another."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from ...editor import Editor
from ...errors import OptionError
from ...options import LoadOptions
from ..data.turns import Dataset
from ..report.thumbnails import keep_thumbnails
from .configurations import Configuration
from .edits import EditMaker
from .result_files import Result
from .setup import Setup
from .units import Unit, is_done, twins


class Carrier:
    """Carries out units.

    Args:
        setup: models, set, metrics.
        named: configurations by the names of their files.
    """

    def __init__(self, setup: Setup, named: Mapping[str, Configuration]) -> None:
        self.setup, self.named = setup, named

    def __call__(self, unit: Unit) -> Iterator[list[Result]]:
        """What is yet to be done of a unit: the results of one batch after another, whose pictures are written."""
        for name in unit.configurations:
            known = dict(unit.known.get(name, {}))
            maker = EditMaker(self.setup, self.named[name], name, known)
            for batch in unit.batches:
                if is_done(batch, known):
                    continue
                made = twins(batch, known)
                if not made:
                    keep_thumbnails(self.setup.folder, self.setup.fingerprint, [slot.turn for slot in batch])
                    made = maker.make(batch)
                known.update({result.key: result for result in made})
                yield made


@dataclass(frozen=True)
class Elsewhere:
    """Makes a `Carrier` in another process, with models of its own.

    Attributes:
        settings: of loading.
        dataset, folder, truncate: as of `Setup`.
        named: as of `Carrier`.
    """

    settings: LoadOptions
    dataset: Dataset
    folder: Path
    truncate: bool
    named: Mapping[str, Configuration]

    @classmethod
    def of(cls, setup: Setup, named: Mapping[str, Configuration]) -> Elsewhere:
        """Of what this process has."""
        return cls(setup.editor.settings, setup.dataset, setup.folder, setup.scorer.truncate, dict(named))

    def __call__(self) -> Carrier:
        """The carrier.

        Raises:
            OptionError: what it would make is something else than what was asked for here.
        """
        from ..rivals import register_rivals

        register_rivals()
        setup = Setup(Editor(self.settings), self.dataset, self.folder, truncate=self.truncate)
        if any(setup.name(configuration) != name for name, configuration in self.named.items()):
            precision = str(setup.editor.dtype).removeprefix("torch.")
            raise OptionError(
                f"a worker computes in {precision}, or has other weights or another version of this program than the "
                "machine that asks; give --precision, and install the same everywhere"
            )
        return Carrier(setup, self.named)
