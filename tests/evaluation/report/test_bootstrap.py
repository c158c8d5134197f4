"""The interval of a difference: right on data whose answer is known."""

from __future__ import annotations

import numpy as np
import pytest

from pix2pix_onthefly.evaluation.report.bootstrap import paired_interval

Figures = dict[tuple[str, int], float]


def figures(values: np.ndarray, turns: int = 1) -> Figures:
    """Values [sessions * turns] as a row's figures."""
    return {(f"{place // turns:04d}", place % turns + 1): float(value) for place, value in enumerate(values)}


def test_equal_rows_differ_by_nothing() -> None:
    row = figures(np.arange(20.0), turns=2)
    interval = paired_interval(row, row)
    assert interval is not None
    assert (interval.difference, interval.low, interval.high) == (0, 0, 0)
    assert (interval.turns, interval.sessions) == (20, 10)
    assert not interval.is_sure


def test_what_rounding_leaves_is_no_difference() -> None:
    row = np.full(20, 0.1 + 0.2)
    interval = paired_interval(figures(row), figures(np.full(20, 0.3)))
    assert interval is not None
    assert (interval.low, interval.high, interval.is_sure) == (0, 0, False)


def test_one_session_makes_nothing_sure() -> None:
    interval = paired_interval(figures(np.array([0.5, 0.6]), turns=2), figures(np.zeros(2), turns=2))
    assert interval is not None
    assert interval.low == interval.high > 0
    assert not interval.is_sure


def test_a_constant_difference_is_sure() -> None:
    row = np.random.default_rng(1).normal(size=30)
    interval = paired_interval(figures(row + 0.25), figures(row))
    assert interval is not None
    assert [interval.difference, interval.low, interval.high] == pytest.approx([0.25] * 3)
    assert interval.is_sure


def test_it_agrees_with_the_normal_interval_where_sessions_have_one_turn() -> None:
    difference = np.random.default_rng(2).normal(0.1, 1.0, size=400)
    interval = paired_interval(figures(difference), figures(np.zeros(400)))
    assert interval is not None
    half = 1.96 * difference.std() / np.sqrt(400)
    assert interval.low == pytest.approx(difference.mean() - half, abs=0.012)
    assert interval.high == pytest.approx(difference.mean() + half, abs=0.012)


def test_turns_that_repeat_their_session_add_nothing() -> None:
    alone = np.random.default_rng(3).normal(size=100)
    repeated = np.repeat(alone, 3)
    one = paired_interval(figures(alone), figures(np.zeros(100)))
    three = paired_interval(figures(repeated, turns=3), figures(np.zeros(300), turns=3))
    assert one is not None
    assert three is not None
    assert [three.low, three.high] == pytest.approx([one.low, one.high])
    independent = paired_interval(figures(repeated), figures(np.zeros(300)))
    assert independent is not None
    assert independent.high - independent.low < 0.7 * (one.high - one.low)


def test_it_covers_the_truth_as_often_as_it_says() -> None:
    rng, hits = np.random.default_rng(4), 0
    for _ in range(200):
        sessions = np.repeat(rng.normal(size=60), 2) + rng.normal(size=120)
        interval = paired_interval(figures(sessions, turns=2), figures(np.zeros(120), turns=2), resamples=400)
        assert interval is not None
        hits += interval.low <= 0 <= interval.high
    assert 0.88 <= hits / 200 <= 0.99


def test_only_shared_turns_count_in_whatever_order() -> None:
    row, other = figures(np.arange(6.0), turns=2), figures(np.zeros(6), turns=2)
    del other["0001", 1]
    interval = paired_interval(row, other)
    assert interval is not None
    assert (interval.turns, interval.sessions) == (5, 3)
    assert interval.difference == pytest.approx((0 + 1 + 3 + 4 + 5) / 5)
    assert paired_interval(dict(reversed(list(row.items()))), other) == interval
    assert paired_interval(row, {("other", 1): 1.0}) is None


def test_another_seed_gives_another_interval() -> None:
    row, other = figures(np.random.default_rng(5).normal(size=40)), figures(np.zeros(40))
    assert paired_interval(row, other) == paired_interval(row, other, seed=0)
    assert paired_interval(row, other) != paired_interval(row, other, seed=1)
