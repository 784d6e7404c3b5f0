"""Names and thinning of published metrics."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from training_core.publishing.metric_points import Point, Thinner, safe_name


def record(step: int, time_s: float, **values: Any) -> dict[str, Any]:
    return {"kind": "metrics", "step": step, "t": time_s, "values": values}


def published(thinner: Thinner) -> list[Point]:
    points = thinner.take(10**9)
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
    thinner = Thinner(rate)
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
    thinner = Thinner(500.0)
    for step in range(1000):
        thinner.add(record(step, step / 50, a=1.0, b=2.0), offset=step)
    thinner.close_all()
    assert len(published(thinner)) == 2000
    assert thinner.thinned == 0


def test_the_last_point_is_kept_though_its_window_was_closed_long_ago() -> None:
    thinner = Thinner(1.0)
    for step in range(10):
        thinner.add(record(step, step / 100, loss=float(step % 3)), offset=step * 100)
    thinner.close_older_than(1e9)
    assert published(thinner)[-1].step < 9
    assert thinner.oldest_offset is None
    again = Thinner(1.0, thinner.closed, thinner.names, thinner.left)
    for closing in (thinner, again):
        closing.close_all()
        assert [(p.step, p.value, p.time_ms) for p in published(closing)] == [(9, 0.0, 90)]
        assert closing.left == {}


def test_decided_steps_are_never_published_again() -> None:
    first = Thinner(1e9)
    for step in range(5):
        first.add(record(step, float(step), loss=1.0), offset=0)
    first.close_all()
    assert first.closed == {"loss": 4}
    second = Thinner(1e9, first.closed, first.names)
    for step in range(8):
        second.add(record(step, float(step), loss=1.0, other=0.0), offset=0)
    second.close_all()
    steps = [(p.name, p.step) for p in published(second)]
    assert sorted(steps) == [("loss", s) for s in range(5, 8)] + [("other", s) for s in range(8)]


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["a", "b", "ab", "end"]),
            st.integers(-3, 3),
            st.floats(0.0, 0.4),
            st.sampled_from([0.0, 1.0, -1.0, float("nan")]),
        ),
        max_size=120,
    ),
    st.floats(1.0, 100.0),
    st.sets(st.integers(0, 120), max_size=5),
)
def test_who_begins_again_anywhere_chooses_the_same_points(
    lines: list[tuple[str, int, float, float]], rate: float, deaths: set[int]
) -> None:
    """Each line stands for one piece of a log; a death forgets all that was not remembered."""
    step, time_s, log = 5, 0.0, []
    for names, move, pause, value in lines:
        step, time_s = max(0, step + move), time_s + pause
        log.append((names, record(step, time_s, **{n: value for n in names if n in "ab"})))

    def feed(thinner: Thinner, begin: int, end: int) -> list[Point]:
        for offset in range(begin, end):
            names, line = log[offset]
            if names == "end":
                thinner.close_all()
            else:
                thinner.add(line, offset)
        return published(thinner)

    undisturbed = Thinner(rate)
    expected = feed(undisturbed, 0, len(log))
    undisturbed.close_all()
    expected += published(undisturbed)

    found: list[Point] = []
    thinner, begin = Thinner(rate), 0
    for death in [*sorted(d for d in deaths if d < len(log)), len(log)]:
        found += feed(thinner, begin, death)
        oldest = thinner.oldest_offset
        begin = death if oldest is None else oldest
        thinner = Thinner(rate, thinner.closed, thinner.names, thinner.left)
    found += feed(thinner, begin, len(log))
    thinner.close_all()
    found += published(thinner)

    def key(p: Point) -> tuple[str, int, int, str]:
        return (p.name, p.step, p.time_ms, str(p.value))

    assert sorted(map(key, found)) == sorted(map(key, expected))
    assert len({(p.name, p.step) for p in found}) == len(found)


def test_a_clock_that_jumps_back_withholds_nothing() -> None:
    thinner = Thinner(1.0)
    for step, time_s in enumerate([5000.0, 5000.1, 10.0, 10.1, 10.2, 13.0]):
        thinner.add(record(step, time_s, loss=float(step)), offset=step)
    assert [p.step for p in published(thinner)] == [0, 1, 2, 4]
    thinner.close_older_than(5.0)
    assert [(p.step, p.time_ms) for p in published(thinner)] == [(5, 13_000)]


def test_a_diverged_run_is_thinned_too() -> None:
    thinner = Thinner(10.0)
    for step in range(1000):
        thinner.add(record(step, step / 100, loss="NaN" if step >= 500 else 1.0), offset=0)
    thinner.close_all()
    points = published(thinner)
    assert len(points) < 150
    assert next(p.step for p in points if p.value != p.value) == 500


def test_records_that_are_no_metrics_are_left_out() -> None:
    thinner = Thinner(1e9)
    for bad in (
        {"kind": "metrics"},
        {"kind": "metrics", "step": "1", "t": 1.0, "values": {"a": 1.0}},
        {"kind": "metrics", "step": 1, "t": None, "values": {"a": 1.0}},
        {"kind": "metrics", "step": True, "t": 1.0, "values": {"a": 1.0}},
        {"kind": "metrics", "step": 2**63, "t": 1.0, "values": {"a": 1.0}},
        {"kind": "metrics", "step": -1, "t": 1.0, "values": {"a": 1.0}},
        {"kind": "metrics", "step": 1, "t": -1.0, "values": {"a": 1.0}},
        {"kind": "metrics", "step": 1, "t": 1e300, "values": {"a": 1.0}},
        {"kind": "metrics", "step": 1, "t": 1.0, "values": [1.0]},
        {"kind": "metrics", "step": 1, "t": 1.0, "values": {"a": True, "b": "x", "c": None}},
    ):
        thinner.add(bad, 0)
    thinner.close_all()
    assert published(thinner) == []
