"""No spike is lost between a series and the columns of a chart."""

import math
from itertools import pairwise

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from heimdall_console.charts.pyramid import Pyramid, PyramidView

NUMBERS = st.floats(allow_nan=True, allow_infinity=True)
# A piece is a few drawn values repeated, so that long series come cheap.
PIECES = st.lists(
    st.tuples(st.lists(NUMBERS, min_size=1, max_size=5), st.integers(1, 400)), max_size=4
)


def piece(values: list[float], length: int) -> list[float]:
    return (values * length)[:length]


def brute_force(values: list[float], first: int, last: int) -> tuple[float, float]:
    finite = [value for value in values[first:last] if math.isfinite(value)]
    return (min(finite), max(finite)) if finite else (math.nan, math.nan)


def check(view: PyramidView, values: list[float], edges: list[int]) -> None:
    low, high = view.min_max(np.array(edges, np.int64))
    expected = [brute_force(values, a, b) for a, b in pairwise(edges)]
    np.testing.assert_array_equal(low, [least for least, _ in expected])
    np.testing.assert_array_equal(high, [greatest for _, greatest in expected])


@settings(max_examples=60, deadline=None)
@given(PIECES, st.lists(st.integers(0, 1700), min_size=2, max_size=9), st.integers(0, 900))
def test_columns_are_those_of_brute_force(
    pieces: list[tuple[list[float], int]], edges: list[int], kept: int
) -> None:
    pyramid = Pyramid()
    values: list[float] = []
    seen = []
    for part in pieces:
        new = piece(*part)
        pyramid.extend(new)
        values += new
        seen.append((pyramid.view(), list(values)))
    pyramid.truncate(kept)
    values = values[:kept]
    for part in pieces:
        new = [-value for value in piece(*part)]
        pyramid.extend(new)
        values += new
    seen.append((pyramid.view(), values))
    # Every view still shows what was there when it was taken.
    for view, expected in seen:
        check(view, expected, sorted(edges))
        np.testing.assert_array_equal(view.values, expected)
        missing = sum(map(math.isnan, expected))
        infinite = sum(map(math.isinf, expected))
        assert view.odd_between(0, len(expected)) == (missing, infinite)


def test_a_single_spike_among_many_is_found_wherever_it_is() -> None:
    length = 70_000
    for place in (0, 15, 16, 4095, 4096, 65_535, 65_536, length - 1):
        values = np.zeros(length)
        values[place] = 9.0
        edges = np.linspace(0, length, 101).astype(np.int64)
        _, high = PyramidView.of(values).min_max(edges)
        assert np.flatnonzero(high == 9.0).tolist() == [
            int(np.searchsorted(edges, place, side="right")) - 1
        ]


def test_taking_values_away_is_told() -> None:
    pyramid = Pyramid()
    pyramid.extend([1.0, 2.0, 3.0])
    pyramid.truncate(5)
    assert pyramid.view().generation == 0
    pyramid.truncate(1)
    assert pyramid.view().generation == 1
    assert pyramid.view().values.tolist() == [1.0]
