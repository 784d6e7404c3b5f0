"""Records of a run, folded into what is known of it."""

from typing import Any

from heimdall_console.run_progress import RunProgress
from heimdall_console.task_text import task_share, task_text


def record(kind: str, t: float = 0.0, **fields: Any) -> dict[str, Any]:
    return {"v": 1, "t": t, "kind": kind, **fields}


def validation(epoch: int, loss: float | str, **more: float) -> dict[str, Any]:
    values = {"val/loss": loss, **more}
    return record("metrics", step=10 * (epoch + 1), epoch=epoch, values=values)


def test_the_best_validation_is_kept_whole() -> None:
    progress = RunProgress()
    progress.take(
        [validation(0, 3.0), validation(1, 2.0, **{"val/median_m": 99.0}), validation(2, 2.5)]
    )
    assert progress.best == {"val/loss": 2.0, "val/median_m": 99.0}
    assert progress.best_epoch == 1
    assert progress.latest["val/loss"] == 2.5


def test_a_monitor_may_be_better_when_larger() -> None:
    progress = RunProgress(monitor="val_accuracy", mode="max")
    for epoch, value in enumerate((0.5, 0.9, 0.8)):
        progress.take([record("metrics", step=epoch, epoch=epoch, values={"val_accuracy": value})])
    assert progress.best_epoch == 1


def test_not_a_number_is_never_best() -> None:
    progress = RunProgress()
    progress.take([validation(0, "NaN"), validation(1, 5.0), validation(2, "NaN")])
    assert progress.best_epoch == 1


def test_a_validation_on_request_ranks_nothing() -> None:
    progress = RunProgress()
    progress.take([validation(0, 3.0), {**validation(1, 1.0), "on_request": True}])
    assert progress.best_epoch == 0
    assert progress.latest["val/loss"] == 1.0


def test_test_metrics_do_not_move_the_step() -> None:
    progress = RunProgress()
    progress.take([validation(4, 1.0)])
    progress.take([record("metrics", step=20, epoch=1, values={"test/median_m": 130.0})])
    assert (progress.step, progress.epoch) == (50, 4)
    assert progress.test == {"median_m": 130.0}


def test_the_rate_and_the_time_left_follow_from_task_records() -> None:
    progress = RunProgress()
    for second in range(5):
        progress.take(
            [record("task", t=100.0 + second, name="train", done=50 * second, total=1000)]
        )
    assert progress.steps_per_s == 50.0
    assert progress.remaining_s == 16.0
    assert progress.share_done == 0.2


def test_neither_the_start_nor_the_steps_before_a_resume_count_in_the_rate() -> None:
    progress = RunProgress()
    progress.take([record("resumed", t=80.0, step=500, epoch=5)])
    progress.take([record("state", t=100.0, status="running")])
    # Ten seconds until the first batch: loaders start, a model is compiled.
    for t, done in ((100.0, 500), (110.0, 501), (111.0, 551), (112.0, 601)):
        progress.take([record("task", t=t, name="train", done=done, total=1001)])
    assert progress.steps_per_s == 50.0
    assert progress.remaining_s == 8.0


def test_the_time_left_is_what_the_worker_says_until_it_starts_anew() -> None:
    progress = RunProgress()
    for t, done in ((99.0, 0), (100.0, 10), (101.0, 60)):
        left = {"remaining_s": 3.5}
        progress.take([record("task", t=t, name="train", done=done, total=1000, **left)])
    assert progress.remaining_s == 3.5, "trainer.max_minutes ends it"
    for value in ("Infinity", "NaN", -1, "soon", True, None):
        task = {"name": "train", "done": 60, "total": 1000, "remaining_s": value}
        progress.take([record("task", t=101.0, **task)])
        assert progress.remaining_s == 18.8
    progress.take([record("state", t=105.0, status="starting")])
    assert progress.remaining_s is None


def test_an_ended_run_counts_the_epoch_that_it_ended_in() -> None:
    # Behind an epoch its last record counts the epochs that are over, inside of one it does not.
    for done, epoch, number in ((100, 5, 5), (90, 4, 5), (90, 5, 5), (81, 4, 5), (200, 10, 10)):
        progress = RunProgress()
        task = record("task", name="train", done=done, total=200, epoch=epoch, epochs=10)
        progress.take([task, record("state", status="stopped", exit_code=5)])
        assert progress.epoch_number == number, (done, epoch)
    progress = RunProgress()
    progress.take([record("task", name="train", done=80, total=200, epoch=4, epochs=10)])
    assert progress.epoch_number == 5, "it goes on"


def test_once_the_training_is_over_its_results_are_what_is_done() -> None:
    progress = RunProgress()
    training = {"name": "train", "total": 4400, "epoch": 32, "epochs": 200, "remaining_s": 186.0}
    progress.take([record("task", t=100.0 + n, done=600 + n, **training) for n in range(105)])
    steps_per_s = progress.steps_per_s
    assert steps_per_s == 1.0
    over = {"step": 704, "epoch": 32, "epochs": 200}
    progress.take([record("state", t=210.0, status="running", reason="over", summary=over)])
    assert progress.is_making_results
    assert progress.epoch_number == 32, "the records count the epochs that are over"
    assert progress.remaining_s is None
    assert progress.steps_per_s is None
    assert (task_text(progress), task_share(progress)) == ("evaluating and exporting", None)
    for name, done, total, text, share in (
        ("evaluating", 0, 300, "evaluating 0/300", 0.0),
        ("strongest receiver", 0, None, "evaluating: strongest receiver", None),
        ("radio map", 120, 300, "evaluating: radio map 120/300", 0.4),
        ("export", 0, 1, "exporting", 0.0),
    ):
        progress.take([record("task", name=name, done=done, total=total)])
        assert (task_text(progress), task_share(progress)) == (text, share)
    progress.take([record("state", t=250.0, status="starting")])
    assert not progress.is_making_results, "it was resumed"


def test_a_resumed_run_goes_on_from_its_checkpoint() -> None:
    progress = RunProgress()
    progress.take([validation(epoch, 5.0 - epoch) for epoch in range(4)])
    progress.take([record("resumed", t=9.0, step=20, epoch=1)])
    assert (progress.step, progress.epoch) == (20, 1)
    progress.take([validation(2, 1.5)])
    assert [epoch for epoch, _ in progress.history["val/loss"]] == [0, 1, 2]


def test_other_tasks_end_when_they_are_done() -> None:
    progress = RunProgress()
    progress.take([record("task", name="export", done=0, total=2)])
    assert progress.task == ("export", 0, 2)
    progress.take([record("task", name="export", done=2, total=2)])
    assert progress.task is None


def test_records_of_a_newer_schema_and_damaged_ones_are_survived() -> None:
    progress = RunProgress()
    progress.take(
        [
            record("telepathy", thought="?"),
            record("metrics", values=None),
            record("metrics", step="x", epoch=None, values={"train/loss": "high"}),
            record("state", status=7, error="text", exit_code="one"),
            record("task", name="train", done=None, total="many"),
            record("checkpoint"),
        ]
    )
    assert progress.status == "7"
    assert progress.step == 0


def test_the_reported_error_has_its_parts_and_its_code() -> None:
    progress = RunProgress()
    error = {
        "what": "The loss became NaN",
        "why": "step 7",
        "action": "Lower it",
        "error": "DivergedError",
    }
    progress.take([record("state", status="failed", reason="x", exit_code=3, error=error)])
    failure = progress.failure()
    assert (failure.what, failure.why, failure.exit_code) == ("The loss became NaN", "step 7", 3)


def test_a_failure_without_an_error_has_its_reason() -> None:
    progress = RunProgress()
    progress.take([record("state", status="failed", reason="ValueError: x", exit_code=1)])
    assert progress.failure().what == "ValueError: x"


def test_what_lay_behind_the_checkpoint_of_a_resume_was_never_best() -> None:
    progress = RunProgress()
    progress.take([validation(0, 3.0), validation(1, 2.0), validation(2, 1.0)])
    assert progress.best_epoch == 2
    progress.take([record("resumed", step=20, epoch=1)])
    assert (progress.best_epoch, progress.step) == (1, 20)
    progress.take([validation(2, 2.5)])
    assert progress.best_epoch == 1


def test_a_pause_does_not_slow_the_rate() -> None:
    progress = RunProgress()
    for second in range(3):
        progress.take([record("task", t=100.0 + second, name="train", done=50 * second, total=900)])
    progress.take([record("state", t=103.0, status="paused")])
    assert progress.steps_per_s is None
    progress.take([record("state", t=109.0, status="running")])
    for second in range(3):
        done = 100 + 50 * second
        progress.take([record("task", t=109.0 + second, name="train", done=done, total=900)])
    assert progress.steps_per_s == 50.0


def test_alerts_stand_until_they_clear_or_the_run_starts_anew() -> None:
    progress = RunProgress()
    progress.take([record("alert", name="nan", text="x"), record("alert", name="disk", text="y")])
    assert list(progress.alerts) == ["nan", "disk"]
    progress.take([record("alert", name="nan", text="over", cleared=True)])
    assert list(progress.alerts) == ["disk"]
    progress.take([record("state", status="starting")])
    assert not progress.alerts
