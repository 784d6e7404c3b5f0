"""A preflight and the learning of one batch, as a person asks for them."""

import os
import pty
import signal
import subprocess
import sys
import time
from pathlib import Path

import orjson
import pytest

from tests.end_to_end.command import answer, heimdall

pytestmark = pytest.mark.slow


@pytest.fixture
def campus(isolated_home: Path) -> str:
    heimdall("data", "synth", "--sessions", "200", "--seed", "3", "--name", "campus")
    return "campus"


def test_a_preflight_says_all_is_ready_and_makes_no_run(campus: str, isolated_home: Path) -> None:
    options = ("--data-dir", campus, "--accelerator", "cpu", "--epochs", "2")

    said = heimdall("run", *options, "--preflight").stdout

    for name in ("device", "dataset", "training", "memory", "duration", "disk", "tracking"):
        assert any(line.split()[:2] == ["ok", name] for line in said.splitlines()), said
    assert "2 epochs" in said
    assert said.splitlines()[-2].split()[0] == "ready"
    assert not (isolated_home / "runs").exists()
    assert not (isolated_home / "mlflow.db").exists()


def test_a_preflight_that_finds_something_wrong_fails(campus: str) -> None:
    options = ("--data-dir", campus, "--accelerator", "cpu", "--preflight")
    failed = answer("run", *options, "--set", "storage.endpoint=http://127.0.0.1:9", code=1)
    assert failed["status"] == "failed"
    assert failed["checks"]["training"]["status"] == "ok"
    assert "epoch" in heimdall("run", *options, "--set", "trainer.epoch=3", code=2).stderr


def test_a_model_of_ones_own_learns_one_batch(repository: Path, isolated_home: Path) -> None:
    config = repository / "examples" / "digits.toml"

    said = heimdall("run", "--config", config, "--overfit-batch", "--steps", "200").stdout

    assert "one batch of 64 examples, 200 steps" in said
    assert "learned: The model learned the batch" in said
    assert "step 200" in said
    assert not (isolated_home / "runs").exists()


def test_a_batch_that_is_not_learned_fails_with_what_to_look_at(campus: str) -> None:
    options = ("--data-dir", campus, "--accelerator", "cpu", "--set", "data.signal=false")
    said = heimdall("run", *options, "--overfit-batch", "--steps", "40", code=1).stdout
    assert "not learned" in said
    assert "what to look at" in said


def test_flags_that_do_not_belong_together_are_refused() -> None:
    assert "exclude each other" in heimdall("run", "--preflight", "--detach", code=2).stderr
    assert "--overfit-batch" in heimdall("run", "--steps", "20", code=2).stderr


def test_ctrl_c_stops_a_trial_at_once(campus: str, isolated_home: Path) -> None:
    options = ("--data-dir", campus, "--accelerator", "cpu", "--steps", "100000")
    controller, terminal = pty.openpty()
    with subprocess.Popen(
        [sys.executable, "-m", "heimdall_console", "run", *options, "--overfit-batch"],
        stdin=terminal,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    ) as process:
        wait_for_steps(isolated_home / "jobs")
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=30) == 130
    os.close(controller)
    os.close(terminal)
    ended = newest_log(isolated_home / "jobs")[-1]
    assert ended["kind"] == "state"
    assert ended["status"] == "stopped"


def newest_log(jobs: Path) -> list[dict[str, object]]:
    """Records of the newest job, without a line that is being written."""
    found = sorted(jobs.glob("*/log.jsonl"))
    if not found:
        return []
    return [orjson.loads(line) for line in found[-1].read_bytes().split(b"\n")[:-1]]


def wait_for_steps(jobs: Path) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        if any(r["kind"] == "task" and r["name"] == "steps" for r in newest_log(jobs)):
            return
        time.sleep(0.05)
    pytest.fail("the trial did not begin")
