"""The reference pass: alone, kept, and beside an edit."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from torch import Tensor

from pix2pix_onthefly.backbones.stable_diffusion import LatentDiffusion
from pix2pix_onthefly.methods.reference import keep_reference, reconstruct
from pix2pix_onthefly.options import AttentionOptions, EditOptions
from pix2pix_onthefly.records import Inverted, Reconstruction
from tests.helpers import CROSS_LAYERS, difference, guided, guided_edits, inversion_of, random_latents

STEPS = 3
OPTIONS = EditOptions.of(AttentionOptions(), steps=STEPS)


@pytest.fixture(scope="module")
def inversion() -> Inverted:
    return inversion_of(random_latents(), STEPS)


def kept(diffusion: LatentDiffusion, inversion: Inverted, most_bytes: float = float("inf")) -> Reconstruction:
    reconstruction = keep_reference(diffusion, inversion, most_bytes=most_bytes)
    assert reconstruction is not None
    return reconstruction


def test_every_map_is_kept(diffusion: LatentDiffusion, inversion: Inverted) -> None:
    """As many map sets as steps, a map for each layer, one row, no graph."""
    maps = kept(diffusion, inversion).maps
    assert [len(layers) for layers in maps] == [CROSS_LAYERS] * STEPS
    assert all(layer.shape[0] == 1 and not layer.requires_grad for layers in maps for layer in layers)


def test_an_edit_on_kept_maps_is_the_same(diffusion: LatentDiffusion, inversion: Inverted, direction: Tensor) -> None:
    """Maps kept beforehand against maps made beside the edit: edit and regeneration within 1e-5; and the kept ones
    serve a second edit unchanged."""
    reference = kept(diffusion, inversion)
    (beside,) = guided_edits(diffusion, [guided(inversion, direction)], OPTIONS)
    for _ in range(2):
        (after,) = guided_edits(diffusion, [guided(inversion, direction, reference)], OPTIONS)
        assert difference(after.edited, beside.edited) < 1e-5
        assert difference(after.unedited, beside.unedited) < 1e-5
    assert difference(reconstruct(diffusion, [inversion]), beside.unedited) < 1e-5


def test_maps_are_kept_within_a_limit(diffusion: LatentDiffusion, inversion: Inverted) -> None:
    """Their size is known after one step: exactly the limit is kept, a byte less is not."""
    size = sum(layer.nbytes for layers in kept(diffusion, inversion).maps for layer in layers)
    kept(diffusion, inversion, most_bytes=size)
    steps: list[int] = []
    made = keep_reference(diffusion, inversion, lambda stage, done, total: steps.append(done), most_bytes=size - 1)
    assert (made, steps) == (None, [])


def test_maps_of_other_steps_are_refused(diffusion: LatentDiffusion, inversion: Inverted, direction: Tensor) -> None:
    """Maps of another number of steps cannot guide silently."""
    short = Reconstruction(inversion.noise, ())
    with pytest.raises(ValueError, match="0 steps cannot guide an edit of 3"):
        guided_edits(diffusion, [guided(inversion, direction, short)], OPTIONS)


@pytest.mark.parametrize("run", [lambda d, i, tell: reconstruct(d, [i], tell), keep_reference])
def test_progress_is_told(diffusion: LatentDiffusion, inversion: Inverted, run: Callable[..., object]) -> None:
    """Both ways of running it alone tell each step once."""
    told: list[tuple[str, int, int]] = []
    run(diffusion, inversion, lambda *step: told.append(step))
    assert told == [("reconstruct", done, STEPS) for done in range(1, STEPS + 1)]
