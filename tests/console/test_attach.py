"""Attaching to runs in every state: what is shown, and that a viewer only reads."""

import fcntl
import json
import os
import pty
import select
import signal
import subprocess
import sys
import termios
from collections.abc import Callable

import pytest

from heimdall_console.settings import settings_path
from tests.console.programs import TIMEOUT_S, FakeRun, heimdall, wait_until
from training_core.contract.ending import kill_worker
from training_core.contract.run_log import RunLogReader, RunLogWriter
from training_core.contract.run_status import RunStatus, run_status

MakeRun = Callable[..., FakeRun]
LONG = {"epochs": 500, "step_s": 0.01}


def attached(*arguments: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "heimdall_console", "attach", *arguments]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def lines_until(process: subprocess.Popen[str], text: str) -> list[str]:
    assert process.stdout is not None
    seen: list[str] = []
    for line in iter(process.stdout.readline, ""):
        seen.append(line)
        if text in line:
            return seen
    raise AssertionError(f"{text} was never shown: {seen}")


def test_ctrl_c_detaches_and_the_run_goes_on(fake_run: MakeRun) -> None:
    run = fake_run(**LONG).start()
    viewer = attached()
    lines_until(viewer, "running")
    os.kill(viewer.pid, signal.SIGINT)
    out, _ = viewer.communicate(timeout=TIMEOUT_S)
    assert viewer.returncode == 0
    assert f"heimdall-console attach {run.run.id}" in out
    assert f"heimdall-console runs stop {run.run.id}" in out
    assert run_status(run.run) is RunStatus.RUNNING


def test_a_finished_run_shows_its_end_at_once(fake_run: MakeRun) -> None:
    run = fake_run(epochs=2).start()
    run.wait()
    before = run.run.log_path.read_bytes()
    answer = heimdall("attach", run.run.id[:-2])
    assert answer.returncode == 0, answer.stderr
    epochs = [line for line in answer.stdout.splitlines() if "  epoch " in line]
    assert [line.split()[2] for line in epochs] == ["1/2", "2/2"]
    assert "✓ finished after" in answer.stdout
    assert run.run.log_path.read_bytes() == before


def test_a_run_that_ends_while_it_is_watched_gives_its_exit_code(fake_run: MakeRun) -> None:
    run = fake_run(**LONG).start()
    viewer = attached("--json")
    lines_until(viewer, '"kind":"metrics"')
    assert run.process is not None
    run.process.terminate()
    run.wait()
    out, _ = viewer.communicate(timeout=TIMEOUT_S)
    assert viewer.returncode == 4
    summary = json.loads(out.splitlines()[-1])
    assert (summary["kind"], summary["status"]) == ("summary", "stopped")


def test_json_is_the_whole_log(fake_run: MakeRun) -> None:
    run = fake_run(epochs=1).start()
    run.wait()
    answer = heimdall("attach", "--json")
    records = [json.loads(line) for line in answer.stdout.splitlines()]
    assert records[:-1] == RunLogReader(run.run.log_path).read_new()


@pytest.mark.parametrize("moment", ["before", "during"])
def test_a_crash_is_told_with_what_the_worker_printed(moment: str, fake_run: MakeRun) -> None:
    if moment == "before":
        run = fake_run(crash_at=30).start()
        run.wait()
        answer = heimdall("attach", "@last")
        code, out, err = answer.returncode, answer.stdout, answer.stderr
    else:
        run = fake_run(crash_at=100, step_s=0.02).start()
        viewer = attached()
        out, err = viewer.communicate(timeout=TIMEOUT_S)
        code = viewer.returncode
    assert code == 1
    assert "crashed" in out
    assert "ended without saying why" in err
    assert "Segmentation fault" in err


def test_a_paused_run_says_so(fake_run: MakeRun) -> None:
    run = fake_run(**LONG).start()
    assert heimdall("runs", "pause", "@last").returncode == 0
    viewer = attached()
    lines_until(viewer, "paused")
    kill_worker(run.run, "the test is over")
    run.wait()
    viewer.communicate(timeout=TIMEOUT_S)
    assert viewer.returncode == 130


def test_the_end_of_an_earlier_part_is_not_the_end_of_a_resumed_run(fake_run: MakeRun) -> None:
    run = fake_run(**LONG)
    with RunLogWriter(run.run.log_path) as log:
        log.append("state", status="starting")
        log.append("state", status="stopped", exit_code=4)
    run.run.resume_path.write_text("{}")
    run.start()
    viewer = attached()
    lines_until(viewer, "epoch       2")
    assert viewer.poll() is None
    os.kill(viewer.pid, signal.SIGINT)
    viewer.communicate(timeout=TIMEOUT_S)
    assert viewer.returncode == 0


def test_one_may_attach_before_the_worker_begins(fake_run: MakeRun) -> None:
    run = fake_run(epochs=1)
    viewer = attached()
    run.start()
    out, err = viewer.communicate(timeout=TIMEOUT_S)
    assert viewer.returncode == 0, err
    assert "finished" in out


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGHUP, signal.SIGTERM])
def test_a_viewer_that_dies_disturbs_nothing(number: signal.Signals, fake_run: MakeRun) -> None:
    run = fake_run(epochs=6, step_s=0.005).start()
    viewer = attached()
    lines_until(viewer, "running")
    viewer.send_signal(number)
    viewer.communicate(timeout=TIMEOUT_S)
    assert run.wait() == 0
    steps = [r["step"] for r in RunLogReader(run.run.log_path).read_new() if "train/loss" in str(r)]
    assert steps == list(range(1, 6 * 40 + 1))


@pytest.mark.parametrize("bell", [True, False])
def test_a_terminal_is_told_of_the_end(bell: bool, fake_run: MakeRun) -> None:
    settings_path().parent.mkdir(parents=True)
    settings_path().write_text(f"[notifications]\nbell = {str(bell).lower()}\n")
    run = fake_run(epochs=4, step_s=0.01).start()
    master, slave = pty.openpty()
    viewer = subprocess.Popen(
        [sys.executable, "-m", "heimdall_console", "attach", "--inline"],
        stdin=slave,
        stdout=slave,
        stderr=slave,
        start_new_session=True,
    )
    os.close(slave)
    shown = bytearray()

    def read() -> bool:
        while select.select([master], [], [], 0.0)[0]:
            try:
                shown.extend(os.read(master, 65536))
            except OSError:
                break
        return viewer.poll() is not None

    wait_until(read, "the viewer ends")
    read()
    os.close(master)
    assert run.wait() == 0
    assert (b"\x1b]9;morning finished\x1b\\\a" in shown) == bell
    assert b"Ctrl+C detaches" in shown
    assert b"GPU 87 %" in shown


@pytest.mark.parametrize("end", [b"\x03", signal.SIGTERM, signal.SIGHUP], ids=str)
def test_what_is_typed_is_not_echoed_and_the_terminal_is_given_back(
    end: bytes | signal.Signals, fake_run: MakeRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake_run(**LONG).start()
    monkeypatch.setenv("TERM", "xterm")
    master, slave = pty.openpty()

    def own_the_terminal() -> None:
        os.setsid()
        fcntl.ioctl(slave, termios.TIOCSCTTY, 0)
        for number in (signal.SIGINT, signal.SIGHUP):
            signal.signal(number, signal.SIG_DFL)

    viewer = subprocess.Popen(
        [sys.executable, "-m", "heimdall_console", "attach", "--inline"],
        stdin=slave,
        stdout=slave,
        stderr=slave,
        preexec_fn=own_the_terminal,
    )

    def echoes() -> bool:
        return bool(termios.tcgetattr(slave)[3] & termios.ECHO)

    def drained() -> None:
        while select.select([master], [], [], 0.0)[0]:
            os.read(master, 65536)

    def is_quiet() -> bool:
        drained()
        return not echoes()

    def is_over() -> bool:
        drained()
        return viewer.poll() is not None

    wait_until(is_quiet, "the display turns the echo off")
    os.write(master, b"typed\n")
    if isinstance(end, bytes):
        os.write(master, end)
    else:
        viewer.send_signal(end)
    wait_until(is_over, "the viewer ends")
    assert viewer.returncode == (0 if isinstance(end, bytes) else -end)
    assert echoes()
    assert not select.select([slave], [], [], 0.0)[0]
    os.close(master)
    os.close(slave)
