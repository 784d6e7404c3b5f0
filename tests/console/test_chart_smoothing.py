"""Smoothing follows distance along x, whatever the pieces in which points come."""

import math
from itertools import pairwise

import numpy as np
import pytest

from heimdall_console.charts.pyramid import Floats, Pyramid
from heimdall_console.charts.smoothing import SmoothedSeries, TimeWeightedAverage
from heimdall_console.charts.sparkline import sparkline


def one_by_one(x: Floats, values: Floats, smoothing: float, reach: float) -> Floats:
    """The definition, a point at a time."""
    weight = min(math.sqrt(smoothing), 0.999)
    total = weights = 0.0
    before = None
    smoothed = []
    for place, value in zip(x, values, strict=True):
        if not math.isfinite(value):
            smoothed.append(value)
            continue
        kept = weight ** ((place - (place if before is None else before)) / reach * 1000)
        total, weights, before = total * kept + value, weights * kept + 1, place
        smoothed.append(total / weights)
    return np.array(smoothed)


@pytest.mark.parametrize("smoothing", [0.01, 0.6, 0.99])
@pytest.mark.parametrize("reach", [10.0, 40_000.0])
def test_it_is_the_average_by_its_definition(smoothing: float, reach: float) -> None:
    random = np.random.default_rng(1)
    x = np.cumsum(random.integers(0, 50, size=1500)).astype(float)
    values = random.normal(size=1500)
    values[[0, 7, 8, 900]] = [math.nan, math.inf, math.nan, -math.inf]
    average = TimeWeightedAverage(smoothing, reach)
    cuts = [0, 1, 2, 9, 700, 701, 1500]
    got = [average.extend(x[a:b], values[a:b]) for a, b in pairwise(cuts)]
    expected = one_by_one(x, values, smoothing, reach)
    np.testing.assert_allclose(np.concatenate(got), expected, atol=1e-9)


def test_a_smoothed_series_keeps_up_with_additions_and_with_a_resume() -> None:
    pyramid = Pyramid()
    series = SmoothedSeries(0.8)
    pyramid.extend([1.0, 5.0, 3.0])
    series.follow(np.arange(3), pyramid.view(), 100.0)
    pyramid.truncate(1)
    pyramid.extend([7.0, 9.0, 2.0])
    got = series.follow(np.arange(4), pyramid.view(), 100.0)
    expected = one_by_one(np.arange(4.0), np.array([1.0, 7, 9, 2]), 0.8, 100.0)
    np.testing.assert_allclose(got.values, expected)
    assert SmoothedSeries(0.0).follow(np.arange(4), pyramid.view(), 100.0).values[2] == 9.0


def test_a_sparkline_fits_its_cell() -> None:
    assert sparkline([0.0, 1.0], 9) == "▁█"
    assert sparkline([0.0, math.nan, 1.0], 9) == "▁ █"
    assert sparkline([2.0, 2.0], 9, ascii_only=True).isascii()
    assert sparkline([math.nan], 9) == " "
    assert sparkline([], 9) == ""
    falling = sparkline([-float(k) for k in range(1000)], 8)
    assert falling == "█▇▆▅▄▃▂▁"
    assert len(sparkline([1e308, -1e308, 5e-324] * 40, 20)) == 20
