"""Intervals against distributions whose spread is known."""

import numpy as np
import pytest

from training_core.models.bootstrap import DRAWS, Resampling, interval, resampling


def test_a_draw_says_what_numpy_says_of_the_repeated_values() -> None:
    generator = np.random.default_rng(3)
    errors = generator.exponential(100.0, 57)
    block = np.arange(57) % 9
    weight = generator.integers(0, 4, (20, 9))
    found = Resampling(block, weight).statistics(errors)
    for row, times in zip(found, weight, strict=True):
        drawn = np.repeat(errors, times[block])
        expected = [np.median(drawn), drawn.mean(), np.percentile(drawn, 90)]
        assert row == pytest.approx(expected)


def test_the_interval_of_a_mean_is_that_of_theory() -> None:
    errors = np.random.default_rng(0).normal(100.0, 20.0, 2_500)
    draws = resampling(np.arange(2_500), seed=1)
    assert draws is not None
    low, high = interval(draws.statistics(errors))[:, 1]
    half = 1.96 * errors.std() / np.sqrt(2_500)
    assert (low + high) / 2 == pytest.approx(errors.mean(), abs=0.1 * half)
    assert (high - low) / 2 == pytest.approx(half, rel=0.12)


def test_intervals_hold_the_truth_as_often_as_they_say() -> None:
    # Blocks share an error of their own, so intervals that take rows for independent fail.
    generator = np.random.default_rng(7)
    block = np.repeat(np.arange(40), 25)
    held = {"blocks": 0, "rows": 0}
    for seed in range(60):
        errors = 100.0 + generator.normal(0, 10, 40)[block] + generator.normal(0, 10, 1_000)
        for name, of in (("blocks", block), ("rows", np.arange(1_000))):
            draws = resampling(of, seed)
            assert draws is not None
            low, high = interval(draws.statistics(errors))[:, 1]
            held[name] += low <= 100.0 <= high
    assert 52 <= held["blocks"] <= 60
    assert held["rows"] < 40


def test_the_same_seed_draws_the_same() -> None:
    one, other, third = (resampling(np.arange(30), seed) for seed in (1, 1, 2))
    assert one is not None
    assert other is not None
    assert third is not None
    assert one.weight.shape == (DRAWS, 30)
    assert (one.weight == other.weight).all()
    assert (one.weight != third.weight).any()


def test_few_blocks_say_nothing() -> None:
    assert resampling(np.array([0, 0, 1, 1, 2, 3])) is None
    assert resampling(np.array([], np.int64)) is None
