"""Jobs: their rows, cancelling and repeating them."""

import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import orjson
import pytest

from heimdall_console.evaluation_notes import note_sections
from heimdall_console.evaluations import (
    coverage_pairs,
    error_quantiles,
    map_points,
    method_rows,
    read_evaluation,
    sessions_of,
)
from heimdall_console.job_control import cancel_job
from heimdall_console.job_rows import JobIndex, JobRow, find_job, job_title
from heimdall_console.job_text import (
    fact_pairs,
    outcome_text,
    progress_text,
    result_text,
    took_text,
)
from training_core.contract.errors import UsageError
from training_core.contract.jobs import ExportArguments, JobDir, create_job
from training_core.contract.lock import is_locked
from training_core.contract.run_dir import RunInfo, create_run, new_id
from training_core.contract.run_log import RunLogWriter
from training_core.contract.run_status import RunStatus

# A worker of a job: it takes the lock, says how far it is, and stops when asked, or does not.
_WORKER = """
import signal, sys, time
from pathlib import Path
from typing import Any
from training_core.contract.jobs import JobDir
from training_core.contract.lock import WorkerLock
from training_core.contract.run_log import RunLogWriter
job, is_stubborn = JobDir(Path(sys.argv[1])), sys.argv[2] == "stubborn"
asked = []
signal.signal(signal.SIGTERM, lambda *_: asked.append(1))
lock = WorkerLock(job.lock_path)
with RunLogWriter(job.log_path) as log:
    log.append("state", status="starting")
    log.append("state", status="running")
    log.append("task", name="export", done=1, total=4)
    while not asked or is_stubborn:
        time.sleep(0.01)
    log.append("state", status="stopped", reason="The job was stopped, as asked", exit_code=4)
"""


def job_of(home: Path) -> JobDir:
    return create_job(home, "export", ExportArguments(checkpoint=Path("/runs/x/best.ckpt")))


def started(job: JobDir, kind: str = "willing") -> "subprocess.Popen[bytes]":
    worker = subprocess.Popen(
        [sys.executable, "-c", _WORKER, str(job.path), kind], start_new_session=True
    )
    deadline = time.monotonic() + 20
    while not (is_locked(job.lock_path) and b"export" in job.log_path.read_bytes()):
        assert time.monotonic() < deadline
        time.sleep(0.02)
    return worker


def test_rows_follow_a_job_from_its_start_to_its_end(isolated_home: Path) -> None:
    index = JobIndex(isolated_home)
    assert index.refresh() == []
    job = job_of(isolated_home)
    (row,) = index.refresh()
    assert (row.status, row.kind, row.title) == (RunStatus.QUEUED, "export", "export best.ckpt")
    assert progress_text(row, row.created + 75) == "starting, 1 min 15 s", "before its first word"
    assert took_text(row, row.created + 75) == "1 min 15 s"
    with RunLogWriter(job.log_path) as log:
        log.append("state", status="running")
        log.append("task", name="export", done=1, total=4)
    (row,) = index.refresh()
    assert row.status is RunStatus.CRASHED
    assert row.error is not None
    assert "crashed" in outcome_text(row)
    worker = started(other := job_of(isolated_home))
    try:
        row, _ = index.refresh()
        assert (row.status, row.share_done, row.id) == (RunStatus.RUNNING, 0.25, other.id)
        assert progress_text(row, time.time()).startswith("export  25 %")
    finally:
        worker.kill()
        worker.wait()
    job.result_path.write_bytes(b'{"size_bytes": 1000000, "proof": {"ok": true}}')
    with RunLogWriter(job.log_path) as log:
        log.append("state", status="finished", exit_code=0)
    row = find_job(isolated_home, job.id)
    assert row.status is RunStatus.FINISHED
    assert outcome_text(row).startswith("1.0 MB, agrees with PyTorch")
    assert ("id", job.id) in fact_pairs(row, time.time())
    (job.path / "job.json").write_text("[broken")
    assert find_job(isolated_home, job.id).title == "unknown job"
    with pytest.raises(UsageError):
        find_job(isolated_home, "2")


@pytest.mark.parametrize(
    ("kind", "end"), [("willing", RunStatus.STOPPED), ("stubborn", RunStatus.KILLED)]
)
def test_a_job_is_cancelled_by_asking_and_then_by_killing(
    isolated_home: Path, kind: str, end: RunStatus
) -> None:
    job = job_of(isolated_home)
    worker = started(job, kind)
    assert cancel_job(job.path, 0.5 if kind == "stubborn" else 20) is end
    worker.wait(10)
    row = find_job(isolated_home, job.id)
    assert row.status is end
    with pytest.raises(UsageError, match="was not cancelled"):
        cancel_job(job.path)


def test_a_job_that_nobody_began_gets_its_end(isolated_home: Path) -> None:
    job = job_of(isolated_home)
    assert cancel_job(job.path, 0.1) is RunStatus.KILLED


def test_titles_and_results_say_what_and_how(isolated_home: Path) -> None:
    assert job_title(
        "evaluate", {"model": "/x/b.ckpt", "dataset": "/d/campus", "split": "val"}
    ) == ("evaluate b.ckpt on campus, val")
    checkpoint = "/runs/abc/checkpoints/epoch=002-step=0000123-stop.ckpt"
    assert job_title("export", {"checkpoint": checkpoint}) == "export step 123 of abc"
    info = RunInfo(id=new_id(1.0), name="morning", experiment="trial", created=1.0)
    run = create_run(isolated_home, info, "")
    checkpoint = str(run.path / "checkpoints" / "step=7.ckpt")
    assert job_title("export", {"checkpoint": checkpoint}) == "export step 7 of morning"
    arguments = {"export": "/x/exports/best", "name": "campus", "alias": "champion"}
    assert job_title("register", arguments) == "register best as campus @champion"
    assert job_title("set-alias", {"name": "campus", "alias": "a", "version": 3}) == (
        "set alias campus@a to v3"
    )
    result = {"methods": {"network": {"metrics": {"median_m": 12.25, "p90_m": None}}}}
    assert result_text("evaluate", result) == "median 12.2 m, 90 % -"
    assert result_text("register", {"name": "campus", "version": 3}) == "campus version 3"
    checks = {"disk": {"status": "ok"}, "tracking": {"status": "failed"}}
    assert result_text("preflight", {"checks": checks}) == "not ready: tracking"
    assert result_text("overfit-batch", {"learned": True}) == "learned"


def test_a_job_that_has_not_said_how_far_it_is_says_how_long_it_is_at_work(
    isolated_home: Path,
) -> None:
    begun = time.time() - 30
    row = JobRow(isolated_home, "synth", {}, RunStatus.RUNNING, begun - 5, started=begun)
    assert progress_text(row, begun + 12) == "at work, 12 s"
    unnamed = replace(row, task=("", 0, None))
    assert progress_text(unnamed, begun + 12) == "at work, 12 s", "never an empty cell"
    assert ("took", "12 s") in fact_pairs(row, begun + 12)
    never = replace(row, status=RunStatus.STOPPED, started=None)
    assert took_text(never, begun + 12) == "", "it was cancelled before it began"


def finished(home: Path, kind: str, result: object) -> JobRow:
    job = job_of(home)
    job.job_path.write_text(f'{{"kind":"{kind}","arguments":{{"model":"m","dataset":"d"}}}}')
    job.result_path.write_bytes(orjson.dumps(result))
    with RunLogWriter(job.log_path) as log:
        log.append("state", status="finished", exit_code=0)
    return find_job(home, job.id)


def test_a_damaged_result_is_shown_as_far_as_it_makes_sense(isolated_home: Path) -> None:
    proof = {"ok": True, "max_abs_difference_mean_m": "abc", "speedup_batch_1": 3.0}
    row = finished(isolated_home, "export", {"size_bytes": "x", "proof": proof})
    assert outcome_text(row) == "0 B, agrees with PyTorch; speed 3.0 x at batch 1"
    odd = {"metrics": {"median_m": "x", "p90_m": 2.0}, "cdf_m": 3}
    shapes: tuple[Any, ...] = (
        [],
        5,
        {"network": []},
        {"network": {"metrics": []}},
        {"network": odd},
    )
    for methods in shapes:
        wrong = dict.fromkeys(("error_m", "session_id", "track", "receivers", "truth_m"), 7)
        told: tuple[Any, ...] = (wrong, {"error_m": [1.0, "x"], "receivers": ["y"]}, [])
        for positions in told:
            damaged = {
                **{"methods": methods, "positions": positions, "coverage": 5, "split": []},
                **{"intervals": positions, "calibration": told},
            }
            row = finished(isolated_home, "evaluate", damaged)
            expected = "median -, 90 % " + ("2.00 m" if methods == {"network": odd} else "-")
            assert outcome_text(row) == expected
            evaluation = read_evaluation(row)
            assert len(method_rows(evaluation)) == len(evaluation.methods)
            assert (error_quantiles(evaluation), coverage_pairs(evaluation)) == ({}, [])
            assert len(map_points(evaluation).errors_m) == len(sessions_of(evaluation))
            assert note_sections(evaluation, 0.0)


def test_bounds_stand_below_the_methods_and_only_the_best_curves_are_drawn(
    isolated_home: Path,
) -> None:
    def method(median_m: float) -> dict[str, Any]:
        metrics = {"median_m": median_m, "mean_m": median_m, "p90_m": median_m}
        return {"metrics": metrics, "cdf_m": [0.0, median_m]}

    medians = {"network": 9.0, "a": 5.0, "b": 3.0, "c": 4.0, "training_centroid": 90.0}
    told = {
        "methods": {name: method(median) for name, median in medians.items()},
        "bounds": {"power": {"median_m": 2.5, "mean_m": 2.5, "p90_m": None}, "time": "damaged"},
    }
    evaluation = read_evaluation(finished(isolated_home, "evaluate", told))
    *_, (name, cells) = method_rows(evaluation)
    assert name == "bound, power"
    assert cells[:6] == ["2.50 m", "", "2.50 m", "", "-", ""]
    assert len(method_rows(evaluation)) == len(medians) + 1
    assert list(error_quantiles(evaluation)) == ["network", "b", "c", "training centroid"]


def test_intervals_stand_behind_the_errors_and_coverage_among_the_notes(
    isolated_home: Path,
) -> None:
    metrics = {"median_m": 61.5, "mean_m": 70.0, "p90_m": 108.0}
    group = {"from": 3.0, "to": 5.0, "sessions": 40, "coverage_50": 0.5, "coverage_90": 0.85}
    told = {
        "methods": {
            name: {"metrics": metrics, "cdf_m": []} for name in ("network", "weighted_neighbors")
        },
        "bounds": {"power": {"median_m": 40.0, "error_over_bound": {"network": 1.5}}},
        "calibration": {"by_receivers": [group], "by_distance_m": []},
        "intervals": {
            "unit": "tracks",
            "blocks": 31,
            "of": {"network": {"median_m": [57.0, 66.0], "p90_m": [90.0, 130.0]}},
            "network_less_best": {
                **{"method": "weighted_neighbors", "median_m": 1.0},
                "median_interval_m": [-4.0, 6.0],
            },
        },
    }
    evaluation = read_evaluation(finished(isolated_home, "evaluate", told))
    rows = dict(method_rows(evaluation))
    assert rows["network"][:6] == ["61.5 m", "±4.5 m", "70.0 m", "", "108.0 m", "±20 m"]
    assert rows["weighted nearest neighbors"][:6] == ["61.5 m", "", "70.0 m", "", "108.0 m", ""]
    notes = dict(note_sections(evaluation, 0.0))
    said = [text for _, text in notes["beside the best other"]]
    assert said == [
        "no difference can be told between the network and weighted nearest neighbors: "
        "median +1.00 m (-4.00 m to +6.00 m)",
        "95 % intervals, by drawing 31 tracks",
    ]
    assert ("power", "1.50 times the bound") in notes["uncertainty"]
    assert notes["ellipses hold, by receivers"] == [
        ("3 to 5", "50 %: 50.0 %, 90 %: 85.0 %, 40 sessions")
    ]
    assert "ellipses hold, by nearest receiver" not in notes
