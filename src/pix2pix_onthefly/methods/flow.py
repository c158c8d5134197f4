"""The default way of editing: FlowEdit's step within a region that the edit finds, routed by the kind of edit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from jaxtyping import Float
from torch import Tensor

from ..backbones.backbone import Backbone, path_for
from ..options import FLOW_BY_KIND, EditOptions, FlowDefaults, FlowOptions
from ..records import Case, Edited, Progress, no_progress, show_latents
from .flow_steps import Flowing, texts_of, timesteps_from
from .method import Need
from .redrawing import redraw
from .regions import both, found_region, merged
from .removal import remove
from .source_predictions import kept_for

REMOVAL = "remove"


def route_of(kind: str, own: FlowOptions) -> FlowDefaults:
    """How edits of a kind are made: as was asked for, and the rest as the kind usually has it.

    A removal beside other changes goes with the flow, which makes them all.
    """
    usual = FLOW_BY_KIND.get(kind, FLOW_BY_KIND["other"])
    if own.route not in ("auto", usual.route):
        usual = FLOW_BY_KIND[REMOVAL if own.route == REMOVAL else "other"]
    return replace(
        usual,
        start=usual.start if own.start is None else own.start,
        refine=usual.refine if own.refine is None else own.refine,
    )


class FlowEditing:
    """A `method.Method` on predictions alone: no inversion, no attention maps, no gradients."""

    needs = frozenset([Need.CAPTIONS, Need.SOURCE])
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
        routes: dict[FlowDefaults, list[int]] = {}
        for place, case in enumerate(cases):
            routes.setdefault(route_of(case.captions.kind, own), []).append(place)
        made: dict[int, Edited] = {}
        for route, places in routes.items():
            ride = _Ride(backbone, [cases[place] for place in places], options, own, route, progress)
            made.update(zip(places, ride.removed() if route.route == REMOVAL else ride.flown(), strict=True))
        return [made[place] for place in range(len(cases))]


@dataclass(frozen=True)
class _Ride:
    """Cases of one route, and how they are edited."""

    backbone: Backbone
    cases: Sequence[Case]
    options: EditOptions
    own: FlowOptions
    route: FlowDefaults
    progress: Progress

    def removed(self) -> list[Edited]:
        made, regions = remove(
            self.backbone,
            path_for(self.backbone, self.cases[0].latents, self.options.steps),
            self.cases,
            start=self.route.start,
            scale=self.own.guidance_scale,
            progress=self.progress,
        )
        return [Edited(latents, mask=region) for latents, region in zip(made.split(1), regions.split(1), strict=True)]

    def flown(self) -> list[Edited]:
        backbone, cases = self.backbone, self.cases
        path, empty = path_for(backbone, cases[0].latents, self.options.steps), backbone.condition([""])
        texts = [texts_of(backbone, case, self.own.average) for case in cases]
        kept = [kept_for(case, backbone, self.options.steps) for case in cases]
        flowing = Flowing(backbone, path, cases, texts, kept, empty, self.own.guidance_scale, self.own.draws)
        edited = [case.latents for case in cases]
        timesteps = timesteps_from(path, self.route.start)
        for done, timestep in enumerate(timesteps, 1):
            moved = flowing.step(edited, timestep)
            edited = [merged(case.latents, one, case.allowed) for case, one in zip(cases, moved, strict=True)]
            self.progress("edit", done, len(timesteps))
            show_latents(self.progress, edited)
        regions = [self._region(case, one) for case, one in zip(cases, edited, strict=True)]
        if self.route.refine:
            edited = self._refined(torch.cat(edited), regions)
        return [Edited(one, mask=region) for one, region in zip(edited, regions, strict=True)]

    def _region(self, case: Case, edited: Tensor) -> Float[Tensor, "1 1 h w"] | None:
        if self.options.keep == "off":
            return None
        return torch.ones_like(edited[:, :1]) if self.route.everywhere else found_region(edited - case.latents)

    def _refined(
        self, edited: Float[Tensor, "rows channels h w"], regions: Sequence[Float[Tensor, "1 1 h w"] | None]
    ) -> list[Float[Tensor, "1 channels h w"]]:
        """The changed regions drawn again from a little noise, which gives new objects their edges back."""
        everywhere = torch.ones_like(edited[:1, :1])
        inside = [both(region, case.allowed) for region, case in zip(regions, self.cases, strict=True)]
        made = redraw(
            self.backbone,
            path_for(self.backbone, self.cases[0].latents, self.options.steps),
            self.cases,
            edited,
            torch.cat([everywhere if region is None else region for region in inside]),
            self.backbone.condition([case.captions.after[0] for case in self.cases]),
            start=self.route.refine,
            scale=1.0,  # guidance doubles the rows and makes nothing crisper here (docs/log.md)
        )
        return list(made.split(1))
