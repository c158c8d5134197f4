"""What the table of ways of editing compares: one row a way, each with its settings and seeds."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from pix2pix_onthefly.evaluation.runs.configurations import Configuration
from pix2pix_onthefly.models.families import Family
from pix2pix_onthefly.running.defaults import options_for

SEEDS = 0, 1, 2
BEST_SEEDS = 0, 4, 8
"""Of the first of four candidates, whose seeds follow one another: no candidate is drawn twice."""
FIRST_DRAW = 0


@dataclass(frozen=True)
class Row:
    """One way of editing.

    Attributes:
        name: in the table.
        method: its name for `--method`; empty with a preset that names one.
        changes: settings by flat name.
        seeds: it is run with each; figures are means over them.
        preset: named settings below the changes.
        is_ours: drawn apart from what it is compared with.
    """

    name: str
    method: str
    changes: dict[str, Any] = field(default_factory=dict[str, Any])
    seeds: tuple[int, ...] = (FIRST_DRAW,)
    preset: str | None = None
    is_ours: bool = False

    def configurations(self, family: Family) -> list[Configuration]:
        """One for each seed. What was not understood is edited all the same, and judged."""
        return [
            Configuration(
                options_for(
                    family,
                    method=self.method or None,
                    named=self.preset,
                    changes={"force": True, **self.changes, "seed": seed},
                )
            )
            for seed in self.seeds
        ]


_TWENTY = {"steps": 20}
DEFAULT, BEST = "flow", "flow, best of 4"
ROWS: tuple[Row, ...] = (
    Row(DEFAULT, "flow", seeds=SEEDS, is_ours=True),
    Row(BEST, "flow", {"candidates": 4, "best": True}, seeds=BEST_SEEDS, is_ours=True),
    Row("flow, no mask", "flow", {"keep": "off"}, is_ours=True),
    Row("flow, not refined", "flow", {"refine": 0.0}, is_ours=True),
    Row("flow, one route", "flow", {"route": "flow"}, is_ours=True),
    Row("flow, 8 steps", "flow", {"steps": 8}, is_ours=True),
    Row("chord", "", preset="quick", is_ours=True),
    Row("edit-friendly", "edit-friendly", _TWENTY),
    Row("edit-friendly, masked", "edit-friendly", {**_TWENTY, "keep": "hard"}),
    Row("SDEdit 0.5", "sdedit-0.5", _TWENTY),
    Row("SDEdit 0.5, masked", "sdedit-0.5", {**_TWENTY, "keep": "hard"}),
    Row("DDIM inversion", "ddim", _TWENTY),
    Row("prompt-to-prompt", "prompt-to-prompt", _TWENTY),
    Row("prompt-to-prompt, null-text", "prompt-to-prompt", {**_TWENTY, "inversion": "null-text"}),
    Row("LEDITS++", "ledits++", _TWENTY),
    Row("paper's preset, 20 steps", "", _TWENTY, preset="paper"),
    Row("paper's preset", "", preset="paper"),
    Row("diffusers' pix2pix-zero, 20 steps", "pix2pix-zero-diffusers", _TWENTY),
    Row("diffusers' pix2pix-zero", "pix2pix-zero-diffusers", {"steps": 50}),
)
