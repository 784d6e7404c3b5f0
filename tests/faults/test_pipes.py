"""Pipes where files should be: nothing waits for a writer that never comes."""

import os
import shutil
from pathlib import Path

import pytest

from tests.console.programs import heimdall
from training_core.contract.home import queue_folder, runs_folder

GOLDEN = Path(__file__).resolve().parent.parent / "data" / "golden_run"
FILES = ("log.jsonl", "run.json", "config.toml", "publisher.json", "resume.json", "worker.lock")
VIEWS = (["runs", "list"], ["runs", "show", "golden"], ["runs", "rm", "golden", "--yes"])


@pytest.mark.parametrize("name", FILES)
def test_a_pipe_in_a_run_directory_holds_up_nobody(isolated_home: Path, name: str) -> None:
    run = runs_folder(isolated_home) / "golden"
    shutil.copytree(GOLDEN, run)
    (run / name).unlink(missing_ok=True)
    os.mkfifo(run / name)
    for view in VIEWS:
        answer = heimdall(*view)
        assert answer.returncode in (0, 1, 2)
        assert "Traceback" not in answer.stderr


def test_a_pipe_in_the_queue_holds_up_nobody(isolated_home: Path) -> None:
    queue_folder(isolated_home).mkdir(parents=True)
    os.mkfifo(queue_folder(isolated_home) / "x.json")
    answer = heimdall("queue", "list")
    assert "Traceback" not in answer.stderr
