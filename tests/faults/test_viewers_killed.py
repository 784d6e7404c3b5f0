"""Terminals that close and viewers that are killed: the run does not notice."""

import os
import pty
import random
import select
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from tests.training.conftest import MakeRun, records
from tests.training.test_worker import wait_for_step
from training_core.contract.commands import StopCommand, send_command
from training_core.contract.home import runs_folder
from training_core.contract.lock import is_locked, read_holder
from training_core.contract.run_dir import RunDir

VIEWERS = 100 if os.environ.get("HEIMDALL_FULL_FAULTS") else 4
pytestmark = [pytest.mark.slow, pytest.mark.timeout(300 + 30 * VIEWERS)]
SEED = 20261124


class TerminalViewer:
    """The program on a terminal of its own, as a login over SSH has one."""

    def __init__(self, *arguments: str) -> None:
        self._terminal, inside = pty.openpty()
        self.process = subprocess.Popen(
            [sys.executable, "-m", "heimdall_console", *arguments],
            stdin=inside,
            stdout=inside,
            stderr=inside,
            start_new_session=True,
            # The terminal becomes the controlling one: closing it sends SIGHUP.
            preexec_fn=lambda: os.close(os.open(os.ttyname(0), os.O_RDWR)),
        )
        os.close(inside)
        self._is_read = True
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def close_terminal(self) -> None:
        """What happens when a window closes or sshd loses the connection: the kernel hangs up."""
        self._close()
        self._end()

    def kill(self) -> None:
        """Kill -9; the terminal stays for a moment."""
        self.process.kill()
        self._end()
        self._close()

    def _close(self) -> None:
        self._is_read = False
        self._reader.join(10)
        os.close(self._terminal)

    def _end(self) -> None:
        try:
            self.process.wait(timeout=20)
        finally:
            self.process.kill()
            self.process.wait()

    def _read(self) -> None:
        # Somebody looks at it: a terminal that is not read would block the viewer.
        while self._is_read:
            if select.select([self._terminal], [], [], 0.05)[0]:
                try:
                    os.read(self._terminal, 65536)
                except OSError:
                    return


def test_no_death_of_a_viewer_disturbs_a_run(make_run: MakeRun, isolated_home: Path) -> None:
    config = make_run("trainer.epochs=100000", "early_stopping.enabled=false").config_path
    moments = random.Random(SEED)
    first = TerminalViewer("run", "--config", str(config))
    deadline = time.monotonic() + 60
    while len(found := [p for p in runs_folder(isolated_home).iterdir() if p.name[0] != "."]) < 2:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    run = RunDir(max(found))
    wait_for_step(run, 10)
    holder = read_holder(run.lock_path)
    first.close_terminal()

    for number in range(VIEWERS):
        viewer = TerminalViewer("attach", "--inline", run.id)
        time.sleep(moments.uniform(0.0, 1.5))
        if number % 2:
            viewer.kill()
        else:
            viewer.close_terminal()
        assert is_locked(run.lock_path), run.output_path.read_text()

    assert read_holder(run.lock_path) == holder
    send_command(run, StopCommand())
    deadline = time.monotonic() + 60
    while is_locked(run.lock_path):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    assert [s["status"] for s in records(run, "state")] == ["starting", "running", "stopped"]
    steps = [r["step"] for r in records(run, "metrics") if "train/loss" in r["values"]]
    assert steps == list(range(1, steps[-1] + 1))
