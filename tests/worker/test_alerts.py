import math
import random
from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from training_core.contract.errors import OutOfMemoryError
from training_core.training.activity import Progress
from training_core.training.alerts import (
    GIB,
    Alert,
    DiskDetector,
    NonFiniteDetector,
    SpikeDetector,
    out_of_memory_alert,
)
from training_core.training.progress_alerts import StallDetector, StarvationDetector

USUAL = [1.0 + 0.01 * math.sin(7.0 * step) for step in range(200)]


def outcomes(alerts: Sequence[Alert | None]) -> list[bool]:
    """Of the alerts that there are, whether each says that an earlier one is over."""
    return [alert.cleared for alert in alerts if alert is not None]


def test_a_spike_is_told_once_however_long_and_cleared_once() -> None:
    detector = SpikeDetector()
    steps = [*USUAL, 9.0, 12.0, 1.0, 8.0, *USUAL]
    alerts = [detector.look([loss]) for loss in steps]
    assert outcomes(alerts) == [False, True]
    told = next(alert for alert in alerts if alert)
    assert "9" in told.text
    assert told.advice


def test_the_end_of_a_spike_tells_the_loss_of_now() -> None:
    detector = SpikeDetector()
    looks = (USUAL, [9.0], [1.0 + loss / 5.0 for loss in USUAL])
    *_, over = [detector.look(losses) for losses in looks]
    assert over is not None
    assert over.text.endswith("around 1.2")


def test_a_spike_and_its_end_within_one_look_are_told() -> None:
    detector = SpikeDetector()
    detector.look(USUAL)
    looks = ([*USUAL, 50.0, *USUAL], USUAL, USUAL)
    assert outcomes([detector.look(losses) for losses in looks]) == [False, True]


def test_a_loss_that_stays_high_becomes_usual() -> None:
    detector = SpikeDetector()
    detector.look(USUAL)
    high = [5.0 + loss for loss in USUAL]
    alerts = [detector.look(high) for _ in range(6)]
    assert outcomes(alerts) == [False, True]
    assert "stays around" in next(a.text for a in alerts if a and a.cleared)


def test_a_new_spike_after_the_old_one_is_told_again() -> None:
    detector = SpikeDetector()
    looks = (USUAL, [30.0], USUAL, [30.0], USUAL)
    assert outcomes([detector.look(look) for look in looks]) == [False, True, False, True]


@given(
    st.floats(-1e6, 1e6),
    st.floats(1e-6, 1e3),
    st.lists(st.floats(-1.0, 1.0), min_size=400, max_size=400),
)
def test_ordinary_noise_is_no_spike(level: float, width: float, noise: list[float]) -> None:
    detector = SpikeDetector()
    # Spread by a fixed pattern: noise that hypothesis makes constant has no spread at all.
    losses = [level + width * (x + 2.0 * (-1) ** i) for i, x in enumerate(noise)]
    looks = [losses[i : i + 25] for i in range(0, 400, 25)]
    assert outcomes([detector.look(look) for look in looks]) == []


def test_the_long_tail_of_small_batches_is_no_spike() -> None:
    draw, detector = random.Random(0).gauss, SpikeDetector()
    losses = [sum(draw(0.0, 1.0) ** 2 for _ in range(4)) / 4.0 for _ in range(20_000)]
    looks = [losses[i : i + 100] for i in range(0, len(losses), 100)]
    assert outcomes([detector.look(look) for look in looks]) == []


@given(st.floats(0.1, 100.0), st.integers(1, 60))
def test_a_falling_loss_is_no_spike(scale: float, at_once: int) -> None:
    detector = SpikeDetector()
    losses = [scale * (0.1 + math.exp(-step / 100.0)) for step in range(600)]
    looks = [losses[i : i + at_once] for i in range(0, 600, at_once)]
    assert outcomes([detector.look(look) for look in looks]) == []


@given(st.lists(st.lists(st.floats(-1e30, 1e30), max_size=80), max_size=40))
def test_spikes_begin_and_end_in_turn_whatever_the_losses(looks: list[list[float]]) -> None:
    detector = SpikeDetector()
    told = outcomes([detector.look(look) for look in looks])
    assert told == [bool(place % 2) for place in range(len(told))]


def test_a_metric_that_is_not_a_number_is_told_once_until_it_is_long_over() -> None:
    detector = NonFiniteDetector()
    looks: list[tuple[float, dict[str, float | str]]] = [
        (0.0, {"train/loss": 1.0, "train/margin": 1.0}),
        (1.0, {"train/loss": 1.0, "train/margin": "NaN"}),
        (2.0, {"train/loss": 1.0, "train/margin": 1.0}),
        (3.0, {"train/loss": 1.0, "train/margin": "NaN"}),
        (500.0, {"val/error_m": 1.0}),
        (501.0, {"train/margin": 1.0}),
    ]
    alerts = [detector.look(values, now_s) for now_s, values in looks]
    assert outcomes(alerts) == [False, True]
    told = alerts[1]
    assert told is not None
    assert told.text.startswith("train/margin became NaN")
    assert alerts[5] is not None


def test_a_second_broken_metric_is_told_and_the_loss_is_not() -> None:
    detector = NonFiniteDetector()
    assert detector.look({"train/loss": "NaN"}, 0.0) is None
    first = detector.look({"a": "Infinity", "b": 1.0}, 1.0)
    second = detector.look({"a": "Infinity", "b": "NaN"}, 2.0)
    assert first is not None
    assert first.text.startswith("a became infinite")
    assert second is not None
    assert second.text.startswith("b became NaN")
    assert detector.look({"a": 1.0}, 100.0) is None, "b is still broken"
    assert detector.look({"b": 1.0}, 101.0) == Alert("nan", "b is finite again", cleared=True)


def at(
    clock_s: float, batches: int, ended_s: float, *, waited_s: float = 0.0, running: bool = True
) -> Progress:
    return Progress(clock_s, running, batches, ended_s, waited_s, "step")


def test_a_stall_is_ten_times_the_usual_and_told_once() -> None:
    detector = StallDetector()
    steady = [detector.look(at(2.0 * n + 1.0, n, 2.0 * n)) for n in range(20)]
    assert outcomes(steady) == []
    silent = [detector.look(at(38.0 + s, 19, 38.0)) for s in range(1, 60)]
    assert [s for s, alert in enumerate(silent, 1) if alert] == [21]
    assert outcomes([detector.look(at(100.5, 20, 100.0))]) == [True]
    assert outcomes([detector.look(at(102.5, 21, 102.0))]) == []


def test_fast_steps_stall_after_some_seconds_only() -> None:
    detector = StallDetector()
    for second in range(10):
        detector.look(at(float(second), 500 * second, float(second)))
    assert detector.look(at(18.0, 4500, 9.0)) is None
    assert outcomes([detector.look(at(19.5, 4500, 9.0))]) == [False]


def test_neither_a_pause_nor_the_first_batch_is_a_stall() -> None:
    detector = StallDetector()
    assert detector.look(at(500.0, 0, 0.0)) is None
    assert detector.look(at(500.0, 0, 0.0, running=False)) is None
    alert = detector.look(at(601.0, 0, 0.0))
    assert alert is not None
    assert "none yet" in alert.text


def test_a_checkpoint_may_take_longer_than_a_step() -> None:
    detector = StallDetector()
    for second in range(10):
        detector.look(at(float(second), 10 * second, float(second)))
    saving = Progress(60.0, True, 90, 9.0, 0.0, "checkpoint")
    assert detector.look(saving) is None
    alert = detector.look(Progress(130.0, True, 90, 9.0, 0.0, "checkpoint"))
    assert alert is not None
    assert "checkpoint" in alert.text


@given(st.lists(st.tuples(st.floats(0.0, 100.0), st.booleans(), st.booleans()), max_size=80))
def test_stalls_begin_and_end_in_turn_whatever_happens(
    events: list[tuple[float, bool, bool]],
) -> None:
    detector = StallDetector()
    clock_s, batches, ended_s, alerts = 0.0, 0, 0.0, []
    for passed_s, has_batch, running in events:
        clock_s += passed_s
        if has_batch:
            batches, ended_s = batches + 1, clock_s
        alerts.append(detector.look(at(clock_s, batches, ended_s, running=running)))
    told = outcomes(alerts)
    assert told == [bool(place % 2) for place in range(len(told))]


def starving(shares: Sequence[float], batches_per_s: int = 10) -> list[bool]:
    detector, waited_s, alerts = StarvationDetector(), 0.0, []
    for second, share in enumerate(shares):
        waited_s += share
        count = batches_per_s * second
        alerts.append(detector.look(at(float(second), count, float(second), waited_s=waited_s)))
    return outcomes(alerts)


def test_waiting_for_most_of_a_while_is_starving() -> None:
    assert starving([0.8] * 60) == [False]
    assert starving([0.8] * 60 + [0.1] * 60) == [False, True]
    assert starving([0.8] * 60 + [0.45] * 60 + [0.55] * 60) == [False]


def test_a_short_wait_or_a_loop_of_tiny_batches_does_not_starve() -> None:
    assert starving([0.1] * 30 + [1.0] * 10 + [0.1] * 60) == []
    assert starving([0.8] * 60, batches_per_s=2000) == []


def test_no_batch_at_all_is_starving_too() -> None:
    assert starving([1.0] * 60, batches_per_s=0) == [False]


def test_little_space_is_told_once_and_cleared_with_a_margin() -> None:
    detector, total = DiskDetector(), 20 * GIB
    sizes = [3 * GIB, GIB - 1, GIB - 1, int(1.1 * GIB), GIB - 1, int(1.3 * GIB)]
    assert outcomes([detector.look(free, total, 0, "/runs") for free in sizes]) == [False, True]


def test_the_next_checkpoints_must_fit() -> None:
    alert = DiskDetector().look(9 * GIB, 4000 * GIB, 5 * GIB, "/runs")
    assert alert is not None
    assert "the next checkpoints need 10.7 GB" in alert.text
    assert DiskDetector().look(9 * GIB, 4000 * GIB, 4 * GIB, "/runs") is None


def test_a_share_of_the_disk_must_be_free() -> None:
    assert DiskDetector().look(4 * GIB, 100 * GIB, 0, "/runs") is not None
    assert DiskDetector().look(4 * GIB, 60 * GIB, 0, "/runs") is None


def test_the_alert_of_a_full_device_says_what_the_error_says() -> None:
    error = OutOfMemoryError("The memory is too small", why="8 GiB were asked for", action="Use 16")
    alert = out_of_memory_alert(error)
    assert alert == Alert("oom", "The memory is too small. 8 GiB were asked for", "Use 16")
