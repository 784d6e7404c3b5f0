"""Names and thinning of published metrics."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from training_core.publishing.metric_points import Point, Thinner, safe_name


def record(step: int, time_s: float, **values: Any) -> dict[str, Any]:
    return {"kind": "metrics", "step": step, "t": time_s, "values": values}


def published(thinner: Thinner) -> list[Point]:
    points = [point for _, point in thinner.take(10**9)]
    thinner.sent(len(points))
    return points


@given(st.lists(st.text(min_size=1, max_size=300), unique=True, max_size=20))
def test_names_are_accepted_by_mlflow_and_never_meet(names: list[str]) -> None:
    from mlflow.utils.validation import path_not_unique, validate_param_and_metric_name

    taken: dict[str, str] = {}
    for name in names:
        taken[name] = safe_name(name, taken)
        assert validate_param_and_metric_name(taken[name])  # type: ignore[no-untyped-call]
        assert not path_not_unique(taken[name])  # type: ignore[no-untyped-call]
        assert len(taken[name]) <= 250
        assert safe_name(name, taken) == taken[name]
    assert len(set(taken.values())) == len(names)


def test_ordinary_names_stay() -> None:
    for name in ("train/loss", "val/position_error_m", "lr-AdamW", "a b.c:d"):
        assert safe_name(name, {}) == name


@given(
    st.lists(
        st.tuples(st.floats(0.0, 0.5), st.floats(allow_nan=False, width=32)),
        min_size=1,
        max_size=200,
    ),
    st.floats(0.5, 1000.0),
)
def test_thinning_keeps_first_last_and_extremes_in_order(
    steps: list[tuple[float, float]], rate: float
) -> None:
    thinner = Thinner(rate, {}, {})
    time_s = 0.0
    for step, (pause, value) in enumerate(steps):
        time_s += pause
        raw = (
            "Infinity"
            if value == float("inf")
            else "-Infinity"
            if value == -float("inf")
            else value
        )
        thinner.add(record(step, time_s, loss=raw), offset=step)
    thinner.close_all()
    points = published(thinner)
    values = [value for _, value in steps]
    assert [p.step for p in points] == sorted({p.step for p in points})
    assert (points[0].step, points[-1].step) == (0, len(steps) - 1)
    assert max(p.value for p in points) == max(values)
    assert min(p.value for p in points) == min(values)
    assert all(values[p.step] == p.value for p in points)
    assert len(points) + thinner.thinned == len(steps)


def test_a_slow_run_is_not_thinned() -> None:
    thinner = Thinner(500.0, {}, {})
    for step in range(1000):
        thinner.add(record(step, step / 50, a=1.0, b=2.0), offset=step)
    thinner.close_all()
    assert len(published(thinner)) == 2000
    assert thinner.thinned == 0


def test_the_last_point_is_kept_though_its_window_was_closed_long_ago() -> None:
    thinner = Thinner(1.0, {}, {})
    for step in range(10):
        thinner.add(record(step, step / 100, loss=float(step % 3)), offset=step * 100)
    thinner.close_older_than(1e9)
    assert published(thinner)[-1].step < 9
    assert thinner.oldest_offset == 900, "a restart must read it again"
    thinner.close_all()
    assert [p.step for p in published(thinner)] == [9]
    assert thinner.oldest_offset is None


def test_published_steps_are_never_published_again() -> None:
    highest: dict[str, int] = {}
    names: dict[str, str] = {}
    first = Thinner(1e9, highest, names)
    for step in range(5):
        first.add(record(step, float(step), loss=1.0), offset=0)
    first.close_all()
    first.sent(3)
    assert highest == {"loss": 2}
    second = Thinner(1e9, highest, names)
    for step in range(8):
        second.add(record(step, float(step), loss=1.0, other=0.0), offset=0)
    second.close_all()
    steps = [(p.name, p.step) for p in published(second)]
    assert sorted(steps) == [("loss", s) for s in range(3, 8)] + [("other", s) for s in range(8)]


def test_records_that_are_no_metrics_are_left_out() -> None:
    thinner = Thinner(1e9, {}, {})
    for bad in (
        {"kind": "metrics"},
        {"kind": "metrics", "step": "1", "t": 1.0, "values": {"a": 1.0}},
        {"kind": "metrics", "step": 1, "t": None, "values": {"a": 1.0}},
        {"kind": "metrics", "step": 1, "t": 1.0, "values": [1.0]},
        {"kind": "metrics", "step": 1, "t": 1.0, "values": {"a": True, "b": "x", "c": None}},
    ):
        thinner.add(bad, 0)
    thinner.close_all()
    assert published(thinner) == []
