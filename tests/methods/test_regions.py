"""Regions over the cells of latents."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from pix2pix_onthefly.methods.regions import both, found_region, grow, merged, otsu_threshold


def _best_parting(values: np.ndarray) -> float:
    """The variance between classes of the best of all possible partings."""
    found = 0.0
    for level in np.unique(values)[:-1]:
        low, high = values[values <= level], values[values > level]
        found = max(found, len(low) * len(high) * (high.mean() - low.mean()) ** 2)
    return found


def test_otsus_threshold_parts_as_well_as_any_other() -> None:
    generator = np.random.default_rng(0)
    for _ in range(5):
        values = np.concatenate([generator.normal(1, 0.3, 150), generator.normal(generator.uniform(2, 5), 0.5, 60)])
        threshold = otsu_threshold(torch.from_numpy(values).float())
        low, high = values[values <= threshold], values[values > threshold]
        parted = len(low) * len(high) * (high.mean() - low.mean()) ** 2
        assert parted == pytest.approx(_best_parting(values), rel=0.03)


def test_a_change_of_a_part_is_found_and_grown_by_one_cell() -> None:
    change = torch.zeros(1, 4, 12, 12)
    change[..., 4:8, 4:8] = 1.0
    region = found_region(change + 0.01 * torch.randn(change.shape, generator=torch.Generator().manual_seed(0)))
    assert region[..., 4:8, 4:8].all()
    assert not region[..., :2, :].any()
    assert not region[..., 10:].any()


def test_no_change_is_no_region_and_the_same_change_everywhere_is_all() -> None:
    assert not found_region(torch.zeros(1, 4, 8, 8)).any()
    assert found_region(torch.ones(1, 4, 8, 8)).all()


def test_merging_keeps_the_source_to_the_bit_outside() -> None:
    source, edited = torch.randn(2, 1, 4, 6, 6).unbind(0)
    region = torch.zeros(1, 1, 6, 6)
    region[..., 2:4, 2:4] = 1
    made = merged(source, edited, region)
    assert torch.equal(made[..., :2, :], source[..., :2, :])
    assert torch.allclose(made[..., 2:4, 2:4], edited[..., 2:4, 2:4])
    assert merged(source, edited, None) is edited


def test_both_is_what_lies_in_all() -> None:
    one, other = torch.tensor([[[[1.0, 1.0, 0.0]]]]), torch.tensor([[[[0.0, 1.0, 1.0]]]])
    both_of_them = both(one, None, other)
    assert both_of_them is not None
    assert both_of_them.flatten().tolist() == [0.0, 1.0, 0.0]
    assert both(None, None) is None


def test_growing_reaches_as_many_cells_in_every_direction() -> None:
    region = torch.zeros(1, 1, 7, 7)
    region[..., 3, 3] = 1
    assert grow(region, 2).sum() == 25
    assert torch.equal(grow(region, 0), region)
