"""FlowEdit's step, its routes, and what it shares."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest
import torch

from pix2pix_onthefly.editor import Editor
from pix2pix_onthefly.methods.flow import route_of
from pix2pix_onthefly.methods.flow_steps import Flowing, noise_of, texts_of, timesteps_from
from pix2pix_onthefly.methods.removal import filled_from_around, removed_regions
from pix2pix_onthefly.methods.source_predictions import kept_for
from pix2pix_onthefly.options import FLOW_BY_KIND, FlowOptions
from pix2pix_onthefly.records import Case, EditCaptions
from tests.helpers import AFTER, BEFORE, networks_of
from tests.methods.cases import CAPTIONS, INSTRUCTION, PICTURE, case_of, difference_in_levels, edited, job, made, quick

SAME = EditCaptions((BEFORE[0],), (BEFORE[0],), "given")
PAIRS = EditCaptions(tuple(BEFORE[:2]), tuple(AFTER[:2]), "given")


def _flowing(editor: Editor, cases: Sequence[Case], scale: float = 1.0, average: str = "predictions") -> Flowing:
    backbone = networks_of(editor)
    texts = [texts_of(backbone, case, average) for case in cases]
    kept = [kept_for(case, backbone, 10) for case in cases]
    return Flowing(backbone, backbone.path(10), cases, texts, kept, backbone.condition([""]), scale, 1)


def test_a_step_is_flowedits_in_the_coordinates_of_ddims_ode(editor: Editor) -> None:
    """Both pictures take the same DDIM step from the same noise; what their clean parts then differ in more than before
    is what the source is moved by."""
    backbone = networks_of(editor)
    case = case_of(backbone, quick(editor, "flow"))
    flowing = _flowing(editor, [case], scale=3.0)
    path = backbone.path(10)
    timestep = path.timesteps[4]
    moved = case.latents + 0.1 * torch.randn(case.latents.shape, generator=torch.Generator().manual_seed(1))
    (found,) = flowing.step([moved], timestep)

    noise = noise_of(case.latents, case.seed, timestep)
    of_source, of_edit = (path.noised(clean, noise, timestep) for clean in (case.latents, moved))
    before, empty, after = backbone.condition([BEFORE[0], "", AFTER[0]]).split(1)
    away = backbone.predict(of_edit, timestep, empty)
    guided = away + 3.0 * (backbone.predict(of_edit, timestep, after) - away)
    ends = path.denoise(of_edit, guided, timestep) - path.denoise(
        of_source, backbone.predict(of_source, timestep, before), timestep
    )
    following = path.level(timestep - path.stride)
    assert torch.allclose(found - case.latents, ends / following**0.5, atol=1e-5)


def test_equal_captions_without_guidance_move_nothing(editor: Editor) -> None:
    backbone = networks_of(editor)
    case = case_of(backbone, quick(editor, "flow"), captions=SAME)
    flowing = _flowing(editor, [case])
    (moved,) = flowing.step([case.latents], backbone.path(10).timesteps[3])
    assert torch.allclose(moved, case.latents, atol=1e-6)


def test_edits_of_one_picture_and_seed_share_the_sources_predictions(
    editor: Editor, monkeypatch: pytest.MonkeyPatch
) -> None:
    backbone = networks_of(editor)
    rows: list[int] = []
    predict = backbone.predict

    def counted(latents: torch.Tensor, *arguments: object) -> torch.Tensor:
        rows.append(len(latents))
        return predict(latents, *arguments)  # pyright: ignore[reportArgumentType]

    monkeypatch.setattr(backbone, "predict", counted)
    case = case_of(backbone, quick(editor, "flow"))
    other = replace(case, captions=EditCaptions(CAPTIONS.before, (AFTER[1],), "given"))
    _flowing(editor, [case, other], scale=2.0).step([case.latents] * 2, backbone.path(10).timesteps[3])
    _flowing(editor, [case, replace(case, seed=9)], scale=2.0).step([case.latents] * 2, backbone.path(10).timesteps[3])
    _flowing(editor, [case]).step([case.latents], backbone.path(10).timesteps[3])
    assert rows == [1 + 2 * 2, 2 * 3, 2]


def test_predictions_of_several_pairs_are_averaged_and_embeddings_if_asked_for(editor: Editor) -> None:
    backbone = networks_of(editor)
    case = case_of(backbone, quick(editor, "flow"), captions=PAIRS)
    timestep = backbone.path(10).timesteps[3]
    (mean,) = _flowing(editor, [case]).step([case.latents], timestep)
    each = [
        _flowing(editor, [replace(case, captions=EditCaptions((before,), (after,), "given"))]).step(
            [case.latents], timestep
        )[0]
        for before, after in zip(PAIRS.before, PAIRS.after, strict=True)
    ]
    assert torch.allclose(mean, torch.stack(each).mean(0), atol=1e-5)
    (embedded,) = _flowing(editor, [case], average="embeddings").step([case.latents], timestep)
    assert not torch.allclose(embedded, mean, atol=1e-5)


def test_noise_is_the_same_whatever_a_run_begins_with(editor: Editor) -> None:
    path = networks_of(editor).path(20)
    latents = torch.zeros(1, 4, 8, 8)
    assert timesteps_from(path, 0.65) == path.timesteps[7:]
    assert len(timesteps_from(path, 0.01)) == 1
    assert torch.equal(noise_of(latents, 3, 401), noise_of(latents, 3, 401))
    draws = [
        noise_of(latents, seed, timestep, draw)
        for seed, timestep, draw in ((3, 401, 0), (3, 401, 1), (3, 451, 0), (4, 401, 0))
    ]
    assert all(not torch.equal(one, other) for place, one in enumerate(draws) for other in draws[:place])


def test_routes_follow_the_kind_and_what_is_asked_for_wins() -> None:
    own = FlowOptions()
    for kind, usual in FLOW_BY_KIND.items():
        assert route_of(kind, own) == usual
    assert route_of("replace+remove", own) == route_of("", own) == FLOW_BY_KIND["other"]
    asked = replace(own, start=0.4, refine=0.0, route="flow")
    assert route_of("remove", asked) == replace(FLOW_BY_KIND["other"], start=0.4, refine=0.0)
    assert route_of("add", replace(own, route="remove")) == FLOW_BY_KIND["remove"]


def test_a_change_of_style_is_held_to_nothing(editor: Editor) -> None:
    options = quick(editor, "flow", steps=4)
    styled = edited(editor, options, captions=replace(CAPTIONS, kind="style"))
    assert styled.mask is not None
    assert styled.mask.getextrema() == (255, 255)
    assert edited(editor, options).mask is not None
    assert edited(editor, options.with_changes(keep="off")).mask is None


def test_a_filled_region_solves_laplaces_equation() -> None:
    latents = torch.randn(1, 2, 8, 8, generator=torch.Generator().manual_seed(0))
    region = torch.zeros(1, 1, 8, 8)
    region[..., 2:6, 3:6] = 1
    filled = filled_from_around(latents, region)
    around = torch.nn.functional.avg_pool2d(filled, 3, 1, 1, count_include_pad=False)
    inside = region.bool().expand_as(latents)
    assert torch.allclose(filled[inside], around[inside], atol=1e-4)
    assert torch.equal(filled[~inside], latents[~inside])
    assert torch.isfinite(filled_from_around(latents, torch.ones(1, 1, 8, 8))).all()


def test_the_regions_of_a_batch_are_those_of_its_edits_alone(editor: Editor) -> None:
    backbone = networks_of(editor)
    case = case_of(backbone, quick(editor, "flow"))
    other = replace(case, captions=EditCaptions((BEFORE[1],), (AFTER[1],), "given"), seed=4)
    path = backbone.path(10)
    together = removed_regions(backbone, path, [case, other])
    for one, found in zip((case, other), together.split(1), strict=True):
        assert torch.equal(removed_regions(backbone, path, [one]), found)


def test_nothing_changes_outside_the_users_mask(editor: Editor) -> None:
    backbone = networks_of(editor)
    for kind in ("replace", "remove"):
        allowed = torch.zeros_like(case_of(backbone, quick(editor, "flow")).latents[:, :1])
        allowed[..., :3, :3] = 1
        options = quick(editor, "flow", steps=4)
        case = case_of(backbone, options, captions=replace(CAPTIONS, kind=kind), allowed=allowed)
        (result,) = editor.executor.method(options.method).edit(backbone, [case], options)
        assert isinstance(result.made, torch.Tensor)
        outside = (allowed == 0).expand_as(case.latents)
        assert torch.equal(result.made[outside], case.latents[outside])


def test_candidates_are_what_their_seeds_make_alone(editor: Editor) -> None:
    options = quick(editor, "flow", steps=4, candidates=3, seed=7)
    several = edited(editor, options)
    pictures = [several, *several.others]
    assert [one.options.seed for one in pictures] == [7, 8, 9]
    assert len({one.image.tobytes() for one in pictures}) == 3
    alone = edited(editor, pictures[2].options)
    assert alone.options.candidates == 1
    difference = torch.tensor(list(alone.image.tobytes())).int() - torch.tensor(list(pictures[2].image.tobytes())).int()
    assert difference.abs().max() <= 1


def test_the_best_comes_first(editor: Editor) -> None:
    best = edited(editor, quick(editor, "flow", steps=4, candidates=3, best=True))
    ranks = [one.agreement for one in (best, *best.others)]
    assert all(isinstance(rank, float) for rank in ranks)
    assert ranks == sorted(ranks, key=lambda rank: -(rank or 0.0))


def test_jobs_of_several_candidates_keep_their_order(editor: Editor) -> None:
    options = quick(editor, "flow", steps=4, candidates=2)
    first, second = made(editor, job(options), job(options, captions=PAIRS))
    assert (first.captions, second.captions) == (CAPTIONS, PAIRS)
    assert len(first.others) == len(second.others) == 1
    assert first.instruction == INSTRUCTION


def test_a_second_edit_of_a_prepared_picture_needs_the_edited_rows_alone(
    editor: Editor, monkeypatch: pytest.MonkeyPatch
) -> None:
    options = quick(editor, "flow", steps=4, refine=0.0)
    prepared = editor.prepare(PICTURE, options=options, caption=BEFORE[0])
    backbone = networks_of(editor)
    rows: list[int] = []
    predict = backbone.predict

    def counted(latents: torch.Tensor, *arguments: object) -> torch.Tensor:
        rows.append(len(latents))
        return predict(latents, *arguments)  # pyright: ignore[reportArgumentType]

    alone = edited(editor, options)
    monkeypatch.setattr(backbone, "predict", counted)
    again = edited(editor, options, picture=prepared, caption=None)
    assert set(rows) == {2}
    assert difference_in_levels(alone.image, again.image) <= 1
    rows.clear()
    edited(editor, replace(options, seed=options.seed + 1), picture=prepared, caption=None)
    assert set(rows) == {3}, "what was kept is of another seed"


def test_given_captions_take_the_route_of_their_kind(editor: Editor) -> None:
    """What no language model has written is read for its kind: here a thing is gone."""
    gone = EditCaptions(("a red cat next to a dog on the table",), ("a dog on the table",), "given")
    options = quick(editor, "flow", steps=6)
    read = edited(editor, options, captions=gone)
    assert read.captions == gone
    assert read.image.tobytes() == edited(editor, options, captions=replace(gone, kind="remove")).image.tobytes()
    assert read.image.tobytes() != edited(editor, options, captions=replace(gone, kind="other")).image.tobytes()
