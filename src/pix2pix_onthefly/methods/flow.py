"""The default way of editing: FlowEdit's step with a mask that the edit finds itself, routed by the kind of edit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from ..backbones.backbone import Backbone
from ..options import FLOW_BY_KIND, EditOptions, FlowOptions
from ..records import Case, Edited, Progress, no_progress
from .flow_steps import Flowing, texts_of, timesteps_from
from .method import Need
from .redrawing import redraw
from .regions import both, found_region, merged
from .removal import remove

_REMOVAL, _FLOW = "remove", "flow"


@dataclass(frozen=True)
class Route:
    """How the edits of one kind are made.

    Attributes:
        name: `flow` or `remove`.
        start, refine: shares of the schedule.
    """

    name: str
    start: float
    refine: float


def route_of(case: Case, own: FlowOptions) -> Route:
    """The route of a case: what was asked for, and the rest by its kind.

    A removal beside other changes goes with the flow, which makes them all.
    """
    kind = case.captions.kind
    usual = FLOW_BY_KIND.get(kind, FLOW_BY_KIND["other"])
    name = own.route if own.route != "auto" else _REMOVAL if kind == _REMOVAL else _FLOW
    start, refine = (
        usual[key] if given is None else given for key, given in (("start", own.start), ("refine", own.refine))
    )
    return Route(name, start, refine)


class FlowEditing:
    """A `method.Method` on predictions alone."""

    needs = frozenset([Need.CAPTIONS])
    batch: int | None = None

    def __init__(self, options: FlowOptions, models: object = None) -> None:
        self.models: dict[str, str] = {}

    @torch.no_grad()
    def edit(
        self, backbone: Backbone, cases: Sequence[Case], options: EditOptions, progress: Progress = no_progress
    ) -> list[Edited]:
        """Edits pictures of one size, those of one route side by side."""
        own = options.method
        assert isinstance(own, FlowOptions)
        routes: dict[Route, list[int]] = {}
        for place, case in enumerate(cases):
            routes.setdefault(route_of(case, own), []).append(place)
        made: dict[int, Edited] = {}
        for route, places in routes.items():
            some = [cases[place] for place in places]
            edited = (
                self._removed(backbone, some, options)
                if route.name == _REMOVAL
                else self._flown(backbone, some, options, route, progress)
            )
            made.update(zip(places, edited, strict=True))
        return [made[place] for place in range(len(cases))]

    @staticmethod
    def _removed(backbone: Backbone, cases: Sequence[Case], options: EditOptions) -> list[Edited]:
        made, regions = remove(backbone, backbone.path(options.steps), cases)
        return [Edited(latents, mask=region) for latents, region in zip(made.split(1), regions.split(1), strict=True)]

    @staticmethod
    def _flown(
        backbone: Backbone, cases: Sequence[Case], options: EditOptions, route: Route, progress: Progress
    ) -> list[Edited]:
        own = options.method
        assert isinstance(own, FlowOptions)
        path = backbone.path(options.steps)
        texts = [texts_of(backbone, case, own.average) for case in cases]
        flowing = Flowing(backbone, path, cases, texts, backbone.condition([""]), own.guidance_scale, own.draws)
        edited = [case.latents for case in cases]
        timesteps = timesteps_from(path, route.start)
        for done, timestep in enumerate(timesteps, 1):
            edited = [
                merged(case.latents, moved, case.allowed)
                for case, moved in zip(cases, flowing.step(edited, timestep), strict=True)
            ]
            progress("edit", done, len(timesteps))
        regions = [
            None if options.keep == "off" else found_region(moved - case.latents)
            for case, moved in zip(cases, edited, strict=True)
        ]
        if route.refine:
            edited = _refined(backbone, cases, edited, regions, route.refine, options)
        return [Edited(moved, mask=region) for moved, region in zip(edited, regions, strict=True)]


def _refined(
    backbone: Backbone,
    cases: Sequence[Case],
    edited: Sequence[Tensor],
    regions: Sequence[Tensor | None],
    share: float,
    options: EditOptions,
) -> list[Tensor]:
    """The changed regions drawn again from a little noise, which gives new objects their edges back."""
    own = options.method
    assert isinstance(own, FlowOptions)
    everywhere = torch.ones_like(cases[0].latents[:, :1])
    inside = [both(region, case.allowed) for region, case in zip(regions, cases, strict=True)]
    masks = torch.cat([everywhere if region is None else region for region in inside])
    towards = backbone.condition([case.captions.after[0] for case in cases])
    made = redraw(
        backbone,
        backbone.path(options.steps),
        cases,
        torch.cat(list(edited)),
        masks,
        towards,
        start=share,
        scale=own.guidance_scale,
    )
    return list(made.split(1))
