"""Metric records become columns, whatever order and state they come in."""

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from heimdall_console.series import Series, SeriesStore
from training_core.contract.records import decode_number, encode_values
from training_core.contract.run_log import RunLogReader, RunLogWriter


def metrics(step: Any, epoch: Any = 0, t: Any = None, **values: Any) -> dict[str, Any]:
    return {"v": 1, "t": step if t is None else t, "kind": "metrics", "step": step,
            "epoch": epoch, "values": values}  # fmt: skip


def resumed(step: Any) -> dict[str, Any]:
    return {"v": 1, "t": 0.0, "kind": "resumed", "step": step, "epoch": 0}


def points(series: Series) -> list[tuple[int, float]]:
    return list(zip(series.steps.tolist(), series.values.tolist(), strict=True))


def folded(records: list[dict[str, Any]], piece: int = 1000) -> SeriesStore:
    store = SeriesStore()
    for start in range(0, len(records), piece):
        store.take(records[start : start + piece])
    return store


def test_a_metric_becomes_columns() -> None:
    store = folded([metrics(n, n // 10, 100.5 + n, loss=n / 7) for n in range(1, 1001)], piece=7)
    series = store.series["loss"]
    assert len(series) == 1000
    assert series.steps.dtype == np.int64
    assert series.values.dtype == np.float64
    np.testing.assert_array_equal(series.steps, np.arange(1, 1001))
    np.testing.assert_array_equal(series.epochs, np.arange(1, 1001) // 10)
    np.testing.assert_array_equal(series.times_s, 100.5 + np.arange(1, 1001))
    np.testing.assert_array_equal(series.values, np.arange(1, 1001) / 7)


def test_numbers_that_are_not_finite_are_points_and_other_values_are_none() -> None:
    store = folded(
        [
            metrics(1, a="NaN", b=1, c=None),
            metrics(2, a="Infinity", b="2", c=[]),
            metrics(3, a="-Infinity", b=True, c={}),
            metrics(4, a=2**64 - 1, b=4.0, c="x"),
        ]
    )
    assert math.isnan(store.series["a"].values[0])
    assert store.series["a"].values[1:].tolist() == [math.inf, -math.inf, 2.0**64]
    assert points(store.series["b"]) == [(1, 1.0), (4, 4.0)]
    assert len(store.series["c"]) == 0


def test_a_resumed_run_goes_on_from_its_step_and_the_curves_join() -> None:
    first = [metrics(n, loss=1.0) for n in range(1, 101)] + [metrics(100, val=1.0)]
    again = [metrics(n, loss=2.0) for n in range(61, 81)]
    store = folded([*first, resumed(60), *again])
    loss = store.series["loss"]
    assert loss.steps.tolist() == list(range(1, 81))
    assert loss.values.tolist() == [1.0] * 60 + [2.0] * 20
    assert len(store.series["val"]) == 0


def test_a_test_metric_keeps_the_step_of_its_checkpoint() -> None:
    store = folded(
        [*(metrics(n, loss=1.0) for n in range(1, 51)), metrics(30, **{"test/median_m": 9.0}),
         resumed(50), *(metrics(n, loss=1.0) for n in range(51, 91)),
         metrics(30, **{"test/median_m": 8.0}), metrics(80, **{"test/median_m": 7.0})]
    )  # fmt: skip
    assert points(store.series["test/median_m"]) == [(30, 8.0), (80, 7.0)]
    assert len(store.series["loss"]) == 90


@pytest.mark.parametrize("step", [None, -1, "7", 2**63, True, 1.5, [], {}])
def test_a_step_that_is_none_has_no_place(step: Any) -> None:
    store = folded([metrics(1, loss=1.0), metrics(step, t=5.0, loss=2.0), metrics(2, loss=3.0)])
    assert points(store.series["loss"]) == [(1, 1.0), (2, 3.0)]
    assert store.skipped == 1
    store.take([resumed(step)])
    assert len(store.series["loss"]) == 2


@pytest.mark.parametrize("broken", [{"values": None}, {"values": [1]}, {"values": {}}])
def test_records_without_values_add_nothing(broken: dict[str, Any]) -> None:
    store = folded([metrics(1, loss=1.0), {**metrics(2), **broken}])
    assert points(store.series["loss"]) == [(1, 1.0)]


def test_an_epoch_or_a_time_that_is_none_does_not_cost_the_point() -> None:
    store = folded(
        [metrics(1, 3, 1.0, a=1.0), metrics(2, "x", "y", a=2.0), metrics(3, 4, 5, a=3.0)]
    )
    series = store.series["a"]
    assert series.epochs.tolist() == [3, 3, 4]
    assert [math.isnan(t) for t in series.times_s.tolist()] == [False, True, False]


def test_metrics_part_ways_when_they_are_recorded_apart() -> None:
    records = [metrics(n, a=n, b=-n) for n in range(1, 11)]
    records += [metrics(n, a=n) for n in range(11, 21)]
    records += [metrics(n, a=n, b=-n, c=0) for n in range(21, 31)]
    for piece in (1, 5, 7, 30):
        store = folded(records, piece)
        assert store.series["a"].steps.tolist() == list(range(1, 31))
        assert store.series["b"].steps.tolist() == [*range(1, 11), *range(21, 31)]
        assert (store.series["b"].values == -store.series["b"].steps).all()
        assert store.series["c"].steps.tolist() == list(range(21, 31))


def test_a_series_stays_the_same_object() -> None:
    store = folded([metrics(1, a=1.0, b=1.0)])
    series = store.series["b"]
    store.take([metrics(n, b=float(n)) for n in range(2, 500)])
    assert store.series["b"] is series
    assert len(series) == 499
    assert len(store.series["a"]) == 1


NAMES = st.sampled_from(["a", "b", "c"])
VALUES = st.one_of(st.integers(0, 9), st.sampled_from(["NaN", "Infinity", None, "x", True]))
RECORDS = st.one_of(
    st.builds(
        lambda step, values: metrics(step, **values),
        st.one_of(st.integers(0, 30), st.none()),
        st.dictionaries(NAMES, VALUES),
    ),
    st.integers(0, 30).map(resumed),
)


@given(st.lists(RECORDS, max_size=40), st.integers(1, 40))
def test_columns_hold_what_a_plain_reading_gives(records: list[dict[str, Any]], piece: int) -> None:
    expected: dict[str, dict[int, float]] = {}
    for record in records:
        step = record["step"]
        if step is None:
            continue
        if record["kind"] == "resumed":
            for known in expected.values():
                for late in [s for s in known if s > step]:
                    del known[late]
            continue
        for name, value in record["values"].items():
            number = decode_number(value)
            if number is not None:
                expected.setdefault(name, {})[step] = number

    store = folded(records, piece)

    for name, known in expected.items():
        steps = sorted(known)
        assert store.series[name].steps.tolist() == steps
        np.testing.assert_array_equal(store.series[name].values, [known[s] for s in steps])


def test_a_log_that_is_followed_gives_what_a_log_that_is_read_gives(tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"
    followed, reader = SeriesStore(), RunLogReader(path)
    with RunLogWriter(path) as log:
        for step in range(1, 400):
            values = {"train/loss": 1 / step} | ({"val/loss": math.nan} if step % 50 == 0 else {})
            log.append("metrics", step=step, epoch=0, values=encode_values(values))
            if step % 3 == 0:
                followed.take(reader.read_new())
        followed.take(reader.read_new())
    read = SeriesStore()
    read.take(RunLogReader(path).read_new())
    for name in ("train/loss", "val/loss"):
        np.testing.assert_array_equal(followed.series[name].steps, read.series[name].steps)
        np.testing.assert_array_equal(followed.series[name].values, read.series[name].values)
    assert read.series["val/loss"].steps.tolist() == list(range(50, 400, 50))


def test_the_golden_run_joins_its_curves(repository: Path) -> None:
    store = SeriesStore()
    store.take(RunLogReader(repository / "tests/data/golden_run/log.jsonl").read_new())
    loss = store.series["train/loss"]
    assert loss.steps.tolist() == list(range(1, 81))
    assert np.isfinite(loss.values).all()
    assert store.series["val/loss"].steps.tolist() == [20, 38, 40, 60, 80]
    assert store.series["val/nll"].values.tolist() == [math.inf]
    assert points(store.series["test/median_m"]) == [(80, 201.4)]
    assert store.skipped == 0
