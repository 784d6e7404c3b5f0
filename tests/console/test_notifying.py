"""Who is told of the end of a run: a real server and a real program, once for every end."""

import json
import os
import signal
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from heimdall_console.notifying import start_notifier
from heimdall_console.webhook import post
from tests.console.programs import heimdall_with, wait_until, write_dataset, write_settings
from training_core.contract.ending import kill_worker
from training_core.contract.run_dir import RunDir, find_run
from training_core.contract.run_status import RunStatus, run_status

NEW = ["run", "--data-dir", "site", "--set", "tracking.enabled=false"]
SECRET = "swordfish"


@dataclass
class Hook:
    """A server that keeps what is posted to it."""

    address: str = ""
    posted: list[dict[str, Any]] = field(default_factory=list)
    answers: list[int] = field(default_factory=list)
    """Status of the next answers; 200 when there are none left."""


@pytest.fixture
def hook() -> Iterator[Hook]:
    kept = Hook()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            content = self.rfile.read(int(self.headers["Content-Length"]))
            status = kept.answers.pop(0) if kept.answers else 200
            if status == 200:
                kept.posted.append(json.loads(content))
            self.send_response(status)
            self.send_header("Location", "/elsewhere")
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    kept.address = f"http://127.0.0.1:{server.server_port}/{SECRET}"
    yield kept
    server.shutdown()
    server.server_close()


@pytest.fixture
def told_run(isolated_home: Path, hook: Hook) -> Hook:
    write_dataset(isolated_home / "datasets" / "site")
    write_settings(f'[notifications]\nwebhook = "{hook.address}"\n')
    return hook


def notifier_output(run: RunDir) -> str:
    return (run.path / "notifying.log").read_text()


def test_the_end_of_a_run_is_posted(told_run: Hook, isolated_home: Path) -> None:
    assert heimdall_with({}, *NEW, "--name", "evening").returncode == 0
    wait_until(lambda: bool(told_run.posted), "the webhook is called")
    told = told_run.posted[0]
    run = find_run(isolated_home, "@last")
    assert told["event"] == "run_ended"
    assert told["run_id"] == run.id
    assert (told["name"], told["status"], told["exit_code"]) == ("evening", "finished", 0)
    assert told["best"]["val/loss"] == 4.0
    assert told["test"]["median_m"] == 132.4
    assert told["text"] == "evening finished, best val/loss 4"
    wait_until(lambda: "webhook: answered 200" in notifier_output(run), "the answer is kept")


def test_a_command_gets_the_same_on_its_input(isolated_home: Path, tmp_path: Path) -> None:
    write_dataset(isolated_home / "datasets" / "site")
    out = tmp_path / "told.json"
    program = (
        "import json, os, sys; told = json.load(sys.stdin); "
        "told['environment'] = [os.environ['HEIMDALL_RUN_ID'], os.environ['HEIMDALL_STATUS']]; "
        "json.dump(told, open(sys.argv[1] + '.new', 'w')); "
        "os.rename(sys.argv[1] + '.new', sys.argv[1])"
    )
    command = json.dumps([sys.executable, "-c", program, str(out)])
    write_settings(f"[notifications]\ncommand = {command}\n")
    assert heimdall_with({"epochs": 1}, *NEW).returncode == 0
    wait_until(out.exists, "the command runs")
    told = json.loads(out.read_text())
    run = find_run(isolated_home, "@last")
    assert told["run_id"] == run.id
    assert told["environment"] == [run.id, "finished"]


@pytest.mark.parametrize("plan", [{"crash_at": 20}, {"dies_at_birth": True}], ids=str)
def test_a_crash_is_told(plan: dict[str, Any], told_run: Hook) -> None:
    assert heimdall_with(plan, *NEW).returncode == 1
    wait_until(lambda: bool(told_run.posted), "the webhook is called")
    assert told_run.posted[0]["status"] == "crashed"


def test_the_end_of_a_queued_run_is_told(told_run: Hook, isolated_home: Path) -> None:
    assert heimdall_with({"dies_at_birth": True}, *NEW, "--queue").returncode == 0
    wait_until(lambda: bool(told_run.posted), "the webhook is called")
    told = told_run.posted[0]
    assert told["run_id"] == find_run(isolated_home, "@last").id
    assert told["status"] == "failed"
    assert "before it began" in told["reason"]


def start_long(home: Path) -> RunDir:
    assert heimdall_with({"epochs": 5000}, *NEW, "--detach").returncode == 0
    run = find_run(home, "@last")
    wait_until(lambda: run_status(run) is RunStatus.RUNNING, "the worker trains")
    return run


def test_a_worker_that_the_system_kills_is_told(told_run: Hook, isolated_home: Path) -> None:
    run = start_long(isolated_home)
    holder = json.loads(run.lock_path.read_bytes())
    os.kill(holder["pid"], signal.SIGKILL)
    wait_until(lambda: bool(told_run.posted), "the webhook is called")
    assert told_run.posted[0]["status"] == "crashed"


def test_a_kill_on_request_is_told_as_one(told_run: Hook, isolated_home: Path) -> None:
    run = start_long(isolated_home)
    assert kill_worker(run, "killed on request")
    wait_until(lambda: bool(told_run.posted), "the webhook is called")
    assert told_run.posted[0]["status"] == "killed"
    assert told_run.posted[0]["reason"] == "killed on request"


def test_every_end_of_a_resumed_run_is_told_once(told_run: Hook, isolated_home: Path) -> None:
    assert heimdall_with({"epochs": 1}, *NEW).returncode == 0
    assert heimdall_with({"epochs": 2}, "run", "--resume", "@last").returncode == 0
    wait_until(lambda: len(told_run.posted) >= 2, "both ends are told")
    run = find_run(isolated_home, "@last")
    kept = [json.loads(path.read_text()) for path in (run.path / "notifications").iterdir()]
    assert sorted(told["ended"] for told in kept) == sorted(
        told["ended"] for told in told_run.posted
    )
    assert len({told["ended"] for told in told_run.posted}) == 2


def test_two_who_wait_for_one_end_tell_it_once(told_run: Hook, isolated_home: Path) -> None:
    run = start_long(isolated_home)
    pid = json.loads(run.lock_path.read_bytes())["pid"]
    second = start_notifier(run, pid)
    assert second is not None
    os.kill(pid, signal.SIGTERM)
    wait_until(lambda: bool(told_run.posted), "the webhook is called")
    assert second.wait(60) == 0
    wait_until(lambda: "webhook:" in notifier_output(run), "the answer is kept")
    assert [told["status"] for told in told_run.posted] == ["stopped"]


def test_a_server_that_is_busy_is_asked_again(hook: Hook) -> None:
    hook.answers = [503, 429]
    assert post(hook.address, b"{}", pauses_s=(0.0, 0.0)) == "answered 200"
    assert len(hook.posted) == 1


@pytest.mark.parametrize("status", [400, 404, 302])
def test_a_server_that_refuses_is_not_asked_again(status: int, hook: Hook) -> None:
    hook.answers = [status, 200]
    assert post(hook.address, b"{}", pauses_s=(0.0,)) == f"answered {status}"
    assert hook.posted == []


def test_the_address_is_in_no_answer() -> None:
    for address in (f"http://127.0.0.1:9/{SECRET}", f"http://[{SECRET}", f"http:{SECRET}"):
        told = post(address, b"{}", pauses_s=(0.0,))
        assert told
        assert SECRET not in told


def test_nobody_is_started_where_nobody_is_to_be_told(isolated_home: Path) -> None:
    write_dataset(isolated_home / "datasets" / "site")
    assert heimdall_with({"epochs": 1}, *NEW).returncode == 0
    assert not (find_run(isolated_home, "@last").path / "notifying.log").exists()
