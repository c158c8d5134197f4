"""What the paper's grid costs on so many workers: an arithmetic over measured rows of the UNet a second.

    python -m benchmarks.grid_cost                                            # by the table of docs/performance.md
    python -m benchmarks.grid_cost --rows-per-second 40 --other-seconds 2     # by what `make scaling` printed elsewhere

The grid is MagicBrush's test set, 1,053 edits in 24 configurations: 25,272 edits. A unit of work is the pictures that
go through the models side by side, in all configurations; a worker has one after another, so that the last ones leave
some workers idle.
"""

from __future__ import annotations

import argparse
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from .scaling import ROWS_OF_EDIT, ROWS_OF_INVERSION, Speed, speed_of

PAGE = Path(__file__).parents[1] / "docs" / "performance.md"
WORKERS = (1, 8, 64)


@dataclass(frozen=True)
class Grid:
    """A grid of configurations over a set.

    Attributes:
        pictures: how many edits each configuration makes, each of a picture of its own.
        configurations: which share a picture's caption and inversion.
        steps: of the inversion and of an edit.
        side_by_side: pictures of a unit.
    """

    pictures: int = 1053
    configurations: int = 24
    steps: int = 100
    side_by_side: int = 1

    @property
    def edits(self) -> int:
        """All of them."""
        return self.pictures * self.configurations

    @property
    def rows(self) -> int:
        """Rows of the UNet."""
        return self.pictures * self.steps * (ROWS_OF_INVERSION + self.configurations * ROWS_OF_EDIT)

    def busy_hours(self, speed: Speed) -> float:
        """What all workers compute together, loading aside."""
        return (self.rows / speed.rows_per_second + self.edits * speed.other_seconds) / 3600

    def hours(self, speed: Speed, workers: int) -> float:
        """From begin to end, units being whole."""
        units = math.ceil(self.pictures / self.side_by_side)
        return self.busy_hours(speed) / units * math.ceil(units / workers)


def speed_on_page(page: str) -> Speed:
    """What the scaling table of docs/performance.md says."""
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in _table(page)]
    first = rows[0]
    return speed_of([(float(row[0]), float(row[5])) for row in rows if row[1:5] == first[1:5]])


def _table(page: str) -> list[str]:
    found = re.search(r"^\| steps \| size \|.*\n\|[-|]+\|\n((?:\|.*\n)+)", page, re.MULTILINE)
    assert found, "the page has no scaling table"
    return found[1].splitlines()


def table(grid: Grid, speed: Speed, workers: Sequence[int]) -> str:
    """Hours as Markdown."""
    lines = ["| workers | hours | worker-hours paid for |", "|---|---|---|"]
    for count in workers:
        hours = grid.hours(speed, count)
        lines.append(f"| {count} | {hours:,.1f} | {hours * count:,.0f} |")
    return "\n".join(lines)


def main() -> None:
    """Reads the command line and prints."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows-per-second", type=float, help="of a worker; docs/performance.md's if not given")
    parser.add_argument("--other-seconds", type=float, default=0.0, help="of an edit beside the rows")
    parser.add_argument("--steps", type=int, default=Grid.steps)
    parser.add_argument("--batch", type=int, default=Grid.side_by_side, help="pictures of a unit")
    parser.add_argument("--workers", type=int, nargs="+", default=WORKERS)
    given = parser.parse_args()
    read = given.rows_per_second is None
    speed = speed_on_page(PAGE.read_text("utf-8")) if read else Speed(given.rows_per_second, given.other_seconds)
    grid = Grid(steps=given.steps, side_by_side=given.batch)
    print(f"{grid.edits:,} edits of {grid.steps} steps, {grid.rows:,} rows of the UNet; a worker makes", end=" ")
    print(
        f"{speed.rows_per_second:.1f} rows a second and takes {speed.other_seconds:.2f} seconds an edit beside them\n"
    )
    print(table(grid, speed, given.workers))


if __name__ == "__main__":
    main()
