"""A run's log becomes views that never change, whatever comes after them."""

from pathlib import Path
from typing import Any

import numpy as np

from heimdall_console.run_history import RunHistory
from heimdall_console.run_places import Timeline
from training_core.contract.run_log import RunLogReader

GOLDEN = Path(__file__).parent.parent / "data" / "golden_run" / "log.jsonl"


def record(kind: str, t: float = 0.0, **fields: Any) -> dict[str, Any]:
    return {"v": 1, "t": t, "kind": kind, **fields}


def steps(first: int, last: int, an_epoch: int = 100) -> list[dict[str, Any]]:
    return [
        record(
            "metrics", 1000.0 + n, step=n, epoch=(n - 1) // an_epoch, values={"train/loss": n / 7}
        )
        for n in range(first, last + 1)
    ]


def hardware(t: float, used: int, **fields: Any) -> dict[str, Any]:
    gpu = {"index": 1, "used_bytes": used, "total_bytes": 80, "worker_bytes": used - 1}
    return record(
        "hardware", t, gpus=[{"index": 0, "used_bytes": 5, "worker_bytes": 0}, gpu],
        torch=[{"device": 0, "allocated_bytes": used - 3}], rss_bytes=7, **fields,
    )  # fmt: skip


def test_the_golden_run_in_pieces_of_any_size() -> None:
    records = RunLogReader(GOLDEN).read_new()
    whole = RunHistory()
    whole.take(records)
    pieces = RunHistory()
    for place in range(0, len(records), 3):
        pieces.take(records[place : place + 3])
        pieces.view()
    for view in (whole.view(), pieces.view()):
        loss = view.metrics["train/loss"]
        assert loss.places.steps.tolist() == list(range(1, 81))
        assert view.progress.status == "finished"
        assert view.progress.latest["train/loss"] == loss.latest == 2.9629
        assert view.progress.step == 80
        assert view.timeline.steps_an_epoch == 20
        assert view.timeline.started_s == 1773483300.0, "of the first start, not of a resume"
        kinds = [line.kind for line in view.lines]
        assert (kinds.count("validation"), kinds.count("checkpoint")) == (5, 6)
        median = view.metrics["val/median_m"]
        assert median.places.x("epoch", view.timeline).tolist() == [1, 1.9, 2, 3, 4]
        assert median.best("min") == 4
        assert view.metrics["val/nll"].best("min") is None, "an infinity is no best value"
    assert whole.view().lines == pieces.view().lines


def test_what_was_given_out_stays_as_it_was_when_a_run_goes_back() -> None:
    history = RunHistory()
    history.smoothing = 0.9
    history.take([record("state", 1000.0, status="running"), *steps(1, 300)])
    history.take([hardware(1300.5, 40), hardware(1301.5, 50)])
    before = history.view()
    loss = before.metrics["train/loss"]
    assert loss.smoothed is not None
    seen = loss.pyramid.values.tolist(), loss.places.steps.tolist(), loss.smoothed.values.tolist()
    used = before.hardware.series["gpu1/used_bytes"].values.tolist()
    history.take([record("resumed", 2000.0, step=200, epoch=2), *steps(201, 900)])
    history.take([hardware(2901.0, 60)])
    history.smoothing = 0.5
    after = history.view()
    assert seen[0] == loss.pyramid.values.tolist()
    assert seen[1] == loss.places.steps.tolist()
    assert seen[2] == loss.smoothed.values.tolist()
    assert used == before.hardware.series["gpu1/used_bytes"].values.tolist() == [40, 50]
    assert after.metrics["train/loss"].places.steps.tolist() == list(range(1, 901))
    assert after.hardware.series["gpu1/used_bytes"].values.tolist() == [60]
    smoothed = after.metrics["train/loss"].smoothed
    assert smoothed is not None
    assert len(smoothed) == 900
    history.smoothing = 0.0
    assert history.view().metrics["train/loss"].smoothed is None


def test_hardware_shares_every_axis_with_the_curves() -> None:
    history = RunHistory()
    history.take([record("state", 1000.0, status="running"), *steps(1, 50)])
    history.take([hardware(1050.0, 40, disk_free_bytes=9)])
    history.take([*steps(51, 150), hardware(1150.0, 45)])
    history.take([record("task", 1150.0, name="train", done=150, total=1000, epoch=1, epochs=10)])
    view = history.view()
    places, timeline = view.hardware.places, view.timeline
    assert places.x("step", timeline).tolist() == [50, 150]
    assert places.x("epoch", timeline).tolist() == [0.5, 1.5]
    assert places.x("time", timeline).tolist() == [50, 150]
    assert places.x("clock", timeline).tolist() == [1050, 1150]
    assert view.hardware.gpus == (0, 1)
    assert view.hardware.series["gpu1/allocated_bytes"].values.tolist() == [37, 42]
    assert "gpu0/allocated_bytes" not in view.hardware.series
    disk = view.hardware.series["disk_free_bytes"].values
    assert disk[0] == 9
    assert np.isnan(disk[1])
    assert view.hardware.latest("disk_free_bytes") is None
    assert places.nearest(1120.0) == 1
    loss = view.metrics["train/loss"].places
    assert loss.x("epoch", timeline)[-1] == 1.5
    assert loss.x("epoch", Timeline())[-1] == 1
    history.take(
        [
            record("task", 1160.0, name="train", done=2**63, total=1000, epoch=2**63, epochs=2**63),
            record("resumed", 1160.0, step=2**63, epoch=-(2**63) - 1),
            hardware(1160.0, 45),
        ]
    )
    places = history.view().hardware.places
    assert (int(places.steps[-1]), int(places.epochs[-1])) == (150, 1), "no number of a run"


def test_lines_carry_their_level_and_whole_text() -> None:
    history = RunHistory()
    history.take(
        [
            *steps(1, 3),
            record("message", 5.0, level="error", text="first\nsecond \x1b[31m", detail="trace"),
            record("message", 6.0, level="debug", text="quiet"),
            record("alert", 7.0, name="spike", text="loss spike", advice="look", step=3),
            record("command", 8.0, id="1", name="pause", outcome="refused", reason="not now"),
            record("metrics", 9.0, step=2, epoch=0, values={"test/median_m": 1.0}),
            record("unheard", 9.0, of=1),
        ]
    )
    lines = history.view().lines
    assert [(line.level, line.kind) for line in lines] == [
        ("error", "error"),
        ("error", ""),
        ("error", ""),
        ("debug", "debug"),
        ("warning", "alert"),
        ("warning", "command"),
        ("info", "test"),
    ]
    assert lines[1].text == "second \\x1b[31m"
    assert history.view().lines is lines
    assert history.view().metrics["test/median_m"].places.steps.tolist() == [2]
