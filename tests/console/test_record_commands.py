"""`checkpoints`, `models` and `jobs` on the command line, for a person and as JSON."""

import json
from pathlib import Path
from typing import Any

import pytest

from heimdall_console.cli import run_command_line
from heimdall_console.sources import tracking_reader
from tests.console.records import evaluated, saved_run
from tests.console.test_jobs import job_of
from tests.console.test_models import answer

Captured = pytest.CaptureFixture[str]


def said(capsys: Captured, *words: str, code: int = 0) -> str:
    assert run_command_line(list(words)) == code
    captured = capsys.readouterr()
    return captured.out if code == 0 else captured.err


def told(capsys: Captured, *words: str) -> Any:
    return json.loads(said(capsys, *words, "--json"))


def test_checkpoints_are_listed_pruned_and_restored(isolated_home: Path, capsys: Captured) -> None:
    run = saved_run(isolated_home, [2.0, 1.0, 3.0, 4.0])
    assert "best" in said(capsys, "checkpoints", "list", "@last")
    listed = told(capsys, "checkpoints", "list", run.id)
    assert [entry["marks"] for entry in listed] == [[], ["best"], [], ["last"]]
    assert "It is best" in said(capsys, "checkpoints", "prune", "@last", "step=20", "--yes", code=2)
    assert "cannot be looked into" in said(capsys, "checkpoints", "show", "@last", code=1)
    assert "2 checkpoints in the trash" in said(
        capsys, "checkpoints", "prune", "@last", "step=10", "epoch=002", "-y"
    )
    assert "In its trash: 2 checkpoints" in said(capsys, "checkpoints", "list", "@last")
    assert len(told(capsys, "checkpoints", "restore", "@last")["restored"]) == 2
    assert "nothing to restore" in said(capsys, "checkpoints", "restore", "@last", code=2)
    pruned = told(capsys, "checkpoints", "prune", "@last", "step=10", "-y")
    freed = told(capsys, "checkpoints", "empty-trash", "@last", "-y")
    assert freed["freed_bytes"] == pruned["size_bytes"] > 0
    assert len(told(capsys, "checkpoints", "list", "@last")) == 3


def test_jobs_are_listed_shown_and_cancelled(isolated_home: Path, capsys: Captured) -> None:
    assert "There are no jobs" in said(capsys, "jobs", "list")
    evaluated(isolated_home, "campus@champion")
    waiting = job_of(isolated_home)
    assert "median 61.5 m" in said(capsys, "jobs", "list")
    assert [job["job_id"] for job in told(capsys, "jobs", "list", "--running")] == [waiting.id]
    assert told(capsys, "jobs", "show", waiting.id)["arguments"]["opset"] == 17
    assert told(capsys, "jobs", "cancel", waiting.id, "--grace", "0")["status"] == "killed"
    assert "is killed" in said(capsys, "jobs", "cancel", waiting.id, code=2)
    assert "killed" in said(capsys, "jobs", "show", waiting.id)


def test_models_are_listed_and_shown(
    isolated_home: Path, capsys: Captured, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tracking_reader.TrackingReader, "stream", lambda *_, **__: iter([answer()]))
    assert "incomplete" in said(capsys, "models", "list")
    assert [m["name"] for m in told(capsys, "models", "list")] == ["campus", "zebra"]
    found = told(capsys, "models", "show", "campus@champion")
    assert (found["version"], found["chain"]["ONNX"], found["proof"]) == (3, "c" * 64, None)
    assert "not on this disk" in said(capsys, "models", "show", "campus")
    assert "no alias" in said(capsys, "models", "rollback", "campus", "nobody", code=2)
