"""Where the candidates of an edit and their masks go, and what is told of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import OptionError
from ..pictures.standard_streams import is_dash
from .console import complain

if TYPE_CHECKING:
    from PIL import Image

    from ..options import EditOptions
    from ..records import EditResult

Saved = tuple["Image.Image", Path, dict[str, object] | None]


@dataclass(frozen=True)
class Targets:
    """Files that an edit writes.

    Attributes:
        pictures: the first candidates' own, in their order; one that shows all of them where they are compared.
        masks: of the same candidates; empty where nobody asked.
    """

    pictures: tuple[Path, ...]
    masks: tuple[Path, ...] = ()

    def masks_of(self, results: Sequence[EditResult]) -> list[Saved]:
        """The masks to be saved; where an edit has none it is said."""
        found: list[Saved] = []
        for result, path in zip(results, self.masks, strict=False):
            if result.mask is None:
                complain(f"Warning: nothing held this edit, so that it has no mask; {path} was not written")
            else:
                found.append((result.mask, path, None))
        return found

    def as_plain(self, results: Sequence[EditResult]) -> list[dict[str, object]]:
        """All candidates as plain data; those beyond the saved ones have no output."""
        return [
            {
                "output": str(self.pictures[place]) if place < len(self.pictures) else None,
                "seed": result.options.seed,
                "agreement": result.agreement,
            }
            for place, result in enumerate(results)
        ]


def check_targets(
    output: Path,
    show_mask: Path | None,
    options: EditOptions,
    *,
    compare: bool,
    every: bool,
    masked: bool,
    overwrite: bool,
) -> Targets:
    """The files of an edit, which are sure to be writable before any work is done.

    One picture goes to `output`: the edit, the best of several, or several side by side. Else each candidate goes to a
    numbered file beside it.

    Args:
        compare: candidates are shown side by side.
        every: also those that are not the best.
        masked: the user gave a mask.

    Raises:
        OptionError, OutputError: what was asked for does not go together, or cannot be written.
    """
    from ..pictures.saving import check_output

    if every and not options.best:
        raise OptionError("--all goes with --best; without it all candidates are saved")
    if every and compare:
        raise OptionError("--compare shows all candidates in one picture; leave --all out")
    if show_mask is not None and options.keep == "off" and not masked:
        raise OptionError(
            "nothing holds this edit (keep is off), so that --show-mask has no mask; give --keep or --mask"
        )
    count = 1 if compare or (options.best and not every) else options.candidates
    if count > 1 and is_dash(output):
        raise OptionError("only one picture goes to standard output; take the best of them with --best, or name a file")
    made = Targets(*(_numbered(path, count) if path else () for path in (output, show_mask)))
    checked = [check_output(path, overwrite=overwrite) for path in (*made.pictures, *made.masks)]
    if len(set(checked)) < len(checked):
        raise OptionError("--show-mask and --output are the same file; give the mask another name")
    return made


def _numbered(path: Path, count: int) -> tuple[Path, ...]:
    if count == 1:
        return (path,)
    return tuple(path.with_name(f"{path.stem}-{number}{path.suffix}") for number in range(1, count + 1))
