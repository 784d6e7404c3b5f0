"""The real console with real trainings: from nothing to a comparison, and through a lost terminal."""

from pathlib import Path

import pytest

from heimdall_console.tour.temporary_home import end_processes
from tests.console.terminal.core_path import (
    compare,
    configure,
    launch,
    resume,
    runs_of,
    save_checkpoint,
    set_field,
    stop,
)
from tests.console.terminal.real_console import RealConsole
from training_core.contract.run_status import RunStatus, run_status

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]


def test_from_an_empty_home_to_two_compared_runs(isolated_home: Path) -> None:
    with RealConsole(size=(120, 40)) as console:
        configure(console, isolated_home)
        first = launch(console, isolated_home)
        save_checkpoint(console, first)
        stop(console, first)
        resume(console, first)

        # The connection is lost; the run goes on, and is there again.
        console.close_terminal()
        assert run_status(first) is RunStatus.RUNNING
    with RealConsole(size=(100, 30)) as console:
        console.wait(lambda text: "● running" in text, "the run, still training")
        console.press("enter")
        console.wait("val/loss")
        stop(console, first)

        console.press("n")
        console.wait("experiment")
        set_field(console, "learning_rate", "0.0005")
        second = launch(console, isolated_home)
        stop(console, second)
        assert second.read_info().parent == first.id

        compare(console)
        console.press("escape")
        console.wait(lambda text: "running" not in text, "both runs, stopped")
        said = console.leave()
    assert "running;" not in said, "no run keeps running"
    assert [run_status(run) for run in runs_of(isolated_home)] == [RunStatus.STOPPED] * 2
    end_processes(isolated_home)  # publishers, where the last one still works
