"""Axes end and are labeled at round numbers, and labels never touch."""

import math
import time
from collections.abc import Iterator
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from heimdall_console.charts.axis import linear_ticks, log_ticks, place_labels, x_ticks
from heimdall_console.charts.number_text import value_text, x_text
from heimdall_console.charts.ranges import (
    fit_range,
    grown_end,
    grown_range,
    round_log_range,
    round_range,
)

NUMBERS = st.floats(allow_nan=True, allow_infinity=True)
NEW_YEAR = 1_767_225_600.0  # 2026-01-01 00:00 UTC


@pytest.fixture
def _in_berlin(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("TZ", "Europe/Berlin")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


def texts(unit: str, low: float, high: float, columns: int) -> list[str]:
    return [tick.text for tick in x_ticks(unit, (low, high), columns)]


def test_steps_have_separators_and_are_short_where_it_is_narrow() -> None:
    assert texts("step", 0, 1736, 50) == ["0", "500", "1,000", "1,500"]
    assert texts("step", 0, 4_000_000, 24) == ["0", "2M", "4M"]
    assert texts("epoch", 0, 3, 90) == ["0", "1", "2", "3"]


def test_elapsed_time_is_told_in_its_own_units() -> None:
    assert texts("time", 0, 300, 50)[1:] == ["1 min", "2 min", "3 min", "4 min", "5 min"]
    assert texts("time", 0, 8 * 3600, 40) == ["0", "2 h", "4 h", "6 h", "8 h"]
    assert "1 h 30" in texts("time", 0, 2 * 3600, 60)
    assert texts("time", 0, 40, 40)[-1] == "40 s"


@pytest.mark.usefixtures("_in_berlin")
def test_clock_time_is_local_and_names_a_new_day() -> None:
    assert texts("clock", NEW_YEAR - 2 * 3600, NEW_YEAR, 50)[0] == "23:00"
    assert "Jan 1" in texts("clock", NEW_YEAR - 2 * 3600, NEW_YEAR, 50)
    assert x_text(NEW_YEAR, "clock") == "01:00:00"


def test_values_are_written_alike_and_no_wider_than_their_place() -> None:
    assert [tick.text for tick in linear_ticks((0.1, 0.13), 3)] == ["0.10", "0.11", "0.12", "0.13"]
    assert [tick.text for tick in linear_ticks((0, 2e6), 2)] == ["0", "1M", "2M"]
    assert [tick.text for tick in log_ticks((1, 100), 3) if tick.text] == ["1", "10", "100"]
    assert [tick.text for tick in log_ticks((1, 20), 8)] == ["1", "2", "5", "10", "20"]
    assert [tick.text for tick in log_ticks((13, 16), 4)] == ["13", "14", "15", "16"]
    assert [tick.text for tick in log_ticks((1, 10), 4)] == ["1", "2", "5", "10"]
    assert value_text(132.40) == "132.4"
    assert value_text(math.nan) == "NaN"


@given(NUMBERS, NUMBERS, st.sampled_from(["step", "time", "clock", "m"]), st.integers(1, 120))
@settings(max_examples=150, deadline=None)
def test_labels_stay_inside_and_apart(low: float, high: float, unit: str, columns: int) -> None:
    bounds = fit_range(low, high)
    labels = place_labels(x_ticks(unit, bounds, columns), bounds, columns)
    for label in labels:
        assert 0 <= label.start <= label.start + len(label.text) <= columns
        assert 0 <= label.tick < columns
    for left, right in pairwise(labels):
        assert left.start + len(left.text) + 2 <= right.start


@given(NUMBERS, NUMBERS)
@settings(max_examples=150, deadline=None)
def test_ranges_hold_what_they_are_made_for(low: float, high: float) -> None:
    low, high = fit_range(low, high)
    assert low < high
    for least, greatest in (round_range(low, high), grown_range((0.0, 1.0), low, high)):
        unseen = (greatest - least) * 1e-6
        assert least - unseen <= low < high <= greatest + unseen
    if low > 1e-280:
        least, greatest = round_log_range(low, high)
        assert 0 < least <= low * 1.01
        assert greatest >= high * 0.99


def test_a_range_is_kept_until_it_is_left_or_nearly_empty() -> None:
    first = grown_range(None, 2.0, 9.0)
    assert grown_range(first, 3.0, 8.5) == first
    wider = grown_range(first, 2.0, first[1] + 1)
    assert wider[1] > first[1] + 1
    assert grown_range(wider, 3.0, 3.4)[1] < wider[1]
    assert grown_end(0, 1736) == 2000
    assert grown_end(0, 0) == 1
