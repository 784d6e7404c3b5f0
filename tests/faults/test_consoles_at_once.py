"""Several consoles and commands on one home at once: no change of anybody is lost."""

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from heimdall_console.preferences import Preferences
from heimdall_console.queue import waiting
from heimdall_console.run_archive import archived_runs
from tests.console.programs import FakeRun, fake_command, wait_until
from tests.console.terminal.real_console import RealConsole
from training_core.contract.home import queue_folder
from training_core.contract.lock import is_locked
from training_core.contract.run_status import RunStatus, run_status

IS_FULL = os.environ.get("HEIMDALL_FULL_FAULTS") == "1"
PROCESSES = 8 if IS_FULL else 4
CHANGES = 200 if IS_FULL else 40
TIMEOUT_S = 120

ARCHIVE = """
import sys
from pathlib import Path
from heimdall_console.run_archive import change_archive
home, name, count = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])
sys.stdin.readline()
for place in range(count):
    change_archive(home, [f"{name}-{place}", f"{name}-gone"], put_away=True)
    change_archive(home, [f"{name}-gone"], put_away=False)
"""
PREFER = """
import sys
from pathlib import Path
from heimdall_console.preferences import Preferences
path, name, count = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])
sys.stdin.readline()
preferences = Preferences(path)
for place in range(count):
    preferences.set("layout", f"{name}-{place}", place)
    preferences.save()
"""
MOVE = """
import sys
from pathlib import Path
from heimdall_console.queue import move
home, run_id, count = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])
sys.stdin.readline()
for place in range(count):
    move(home, run_id, "first" if place % 2 else "last")
"""


def at_once(script: str, where: Path, names: Sequence[str], count: int) -> None:
    """Run a script in a process for each name; all begin when all are there."""
    started = [
        subprocess.Popen(
            [sys.executable, "-c", script, str(where), name, str(count)],
            stdin=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        for name in names
    ]
    for process in started:
        assert process.stdin is not None
        process.stdin.write(b"\n")
        process.stdin.flush()
    for process in started:
        _, complained = process.communicate(timeout=TIMEOUT_S)
        assert process.returncode == 0, complained.decode()


def test_what_is_archived_at_once_is_archived(isolated_home: Path) -> None:
    names = [f"console{number}" for number in range(PROCESSES)]
    at_once(ARCHIVE, isolated_home, names, CHANGES)
    expected = {f"{name}-{place}" for name in names for place in range(CHANGES)}
    assert archived_runs(isolated_home) == expected


def test_what_is_chosen_at_once_is_remembered(tmp_path: Path) -> None:
    path = tmp_path / "state" / "console.json"
    names = [f"console{number}" for number in range(PROCESSES)]
    at_once(PREFER, path, names, CHANGES)
    found = Preferences(path)
    kept = {(n, p): found.get("layout", f"{n}-{p}", -1) for n in names for p in range(CHANGES)}
    assert kept == {(name, place): place for name, place in kept}


def test_what_is_queued_and_moved_at_once_is_in_the_queue(isolated_home: Path) -> None:
    busy = FakeRun(isolated_home, {"epochs": 100_000}).start()
    runs = [FakeRun(isolated_home, {"epochs": 1}).run for _ in range(PROCESSES)]
    try:
        adding = [
            subprocess.Popen(
                fake_command({}, "queue", "add", run.id),
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
            )
            for run in runs
        ]
        for process in adding:
            _, complained = process.communicate(timeout=TIMEOUT_S)
            assert process.returncode == 0, complained.decode()
        at_once(MOVE, isolated_home, [run.id for run in runs], CHANGES // 4)
        entries = waiting(isolated_home)
        assert sorted(entry.run_id for entry in entries) == sorted(run.id for run in runs)
        assert len({entry.place for entry in entries}) == PROCESSES
        assert is_locked(queue_folder(isolated_home) / "scheduler.lock"), "one of them gives turns"
    finally:
        busy.stop()
    wait_until(lambda: all(run_status(run).has_ended for run in runs), "every run has its turn")
    assert {run_status(run) for run in runs} == {RunStatus.FINISHED}


def test_two_consoles_put_different_runs_away(isolated_home: Path) -> None:
    runs = [FakeRun(isolated_home, {}, name=f"run-{number}").run for number in range(2)]
    with RealConsole() as first, RealConsole() as second:
        for console in (first, second):
            console.wait(lambda shown: "run-0" in shown and "run-1" in shown, "both runs")
        second.press("j")
        second.read(0.3)
        for console in (first, second):
            console.press("a")
        first.wait_until(lambda: len(archived_runs(isolated_home)) == 2, "both are put away")
        for console in (first, second):
            console.leave()
    assert archived_runs(isolated_home) == {run.id for run in runs}


@pytest.mark.parametrize("number", range(3 if IS_FULL else 1))
def test_one_of_two_moves_of_an_alias_wins_and_the_other_says_so(
    isolated_home: Path, number: int
) -> None:
    subprocess.run([sys.executable, "-c", REGISTER], check=True, timeout=TIMEOUT_S)
    moving = [
        subprocess.Popen(
            [sys.executable, "-c", SET_ALIAS, str(version)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for version in (2, 3)
    ]
    said = [process.communicate("\n", timeout=TIMEOUT_S)[0].strip() for process in moving]
    assert sorted(text.partition(" ")[0] for text in said) == ["moved", "refused"]
    (winner,) = (text.split()[1] for text in said if text.startswith("moved"))
    (refused,) = (text for text in said if text.startswith("refused"))
    assert f"It is at version {winner} by now" in refused


REGISTER = """
from training_core.contract.home import home_path
from training_core.publishing.mlflow_store import MlflowStore
client = MlflowStore.connect("", home_path()).client
client.create_registered_model("site")
run = client.create_run("0").info.run_id
for _ in range(3):
    client.create_model_version("site", f"runs:/{run}/model", run)
client.set_registered_model_alias("site", "champion", "1")
"""
SET_ALIAS = """
import sys
from training_core.contract.errors import TrackingError
from training_core.contract.home import home_path
from training_core.contract.jobs import SetAliasArguments
from training_core.publishing.mlflow_store import MlflowStore
from training_core.publishing.model_jobs import set_alias
MlflowStore.connect("", home_path())
sys.stdin.readline()
version = int(sys.argv[1])
try:
    set_alias(SetAliasArguments(name="site", alias="champion", version=version, expected=1))
    print("moved", version)
except TrackingError as error:
    print("refused", error.why)
"""
