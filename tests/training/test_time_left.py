"""How long a training still takes, by the clock of its own process."""

import pytest

from training_core.training.time_left import TrainingTime

INF = float("inf")


def trained(time: TrainingTime, until_s: int, step_s: float, *, step: int = 0) -> float | None:
    """Train up to a moment with a look each second; what is left of 1000 steps then."""
    left = None
    time.begin(0.0)
    for now_s in range(until_s + 1):
        left = time.left_s(float(now_s), step + int(now_s / step_s), 1000)
    return left


def test_the_rest_takes_what_the_later_half_took() -> None:
    time = TrainingTime(0.0)
    assert time.left_s(5.0, 0, 1000) is None, "the first batch has not ended"
    assert trained(time, 20, 0.5) == pytest.approx(480.0)
    # From here on ten times as fast: half of the time decides.
    for now_s in range(21, 41):
        left = time.left_s(float(now_s), 40 + 20 * (now_s - 20), 1000)
    assert left == pytest.approx((1000 - 440) * 0.05, rel=0.1)


def test_steps_done_before_a_resume_do_not_count() -> None:
    assert trained(TrainingTime(0.0), 20, 0.5, step=900) == pytest.approx(30.0)


def test_the_limit_on_time_ends_it_where_that_is_sooner() -> None:
    assert trained(TrainingTime(1.0), 20, 0.5) == pytest.approx(40.0)
    assert trained(TrainingTime(60.0), 20, 0.5) == pytest.approx(480.0)
    time = TrainingTime(1.0)
    time.begin(0.0)
    assert time.left_s(10.0, 5, INF) == pytest.approx(50.0), "the total is not known"
    assert not time.is_over(60.0)
    assert time.is_over(60.1)
    assert time.left_s(70.0, 5, INF) == 0.0


def test_a_pause_is_left_out_of_the_rate_and_of_the_limit() -> None:
    time = TrainingTime(1.0)
    trained(time, 20, 0.5)
    time.leave_out(1000.0)
    assert time.left_s(1020.0, 40, 1000) == pytest.approx(40.0)
    assert not time.is_over(1020.0)


def test_a_long_training_keeps_few_marks() -> None:
    time = TrainingTime(0.0)
    time.begin(0.0)
    for look in range(20_000):
        left = time.left_s(look / 4, look, 40_000)
    assert left == pytest.approx(20_001 / 4, rel=0.01)
    assert len(time._marks) < 1000
