"""What `sweep` does: open it, give out trials until the end or Ctrl+C, say what was found."""

import contextlib
import shlex
import sys
import time
from collections.abc import Mapping
from typing import Any, Final

from heimdall_console.following.loop import Interruption, handling
from heimdall_console.formatting import metric, plain
from heimdall_console.layout import pair_lines
from heimdall_console.output import print_json
from heimdall_console.settings import load_settings
from heimdall_console.sweeping.display import Display, choose_display, params_text
from heimdall_console.sweeping.outcome import Verdict
from heimdall_console.sweeping.places import Places
from heimdall_console.sweeping.progress import look_at, summary_of
from heimdall_console.sweeping.search import Limits, Search
from heimdall_console.sweeping.sweep_making import Sweep, SweepRequest, open_sweep, writing
from heimdall_console.sweeping.trial_run import TrialRun
from heimdall_console.terminal import Terminal
from training_core.contract.errors import ExitCode
from training_core.contract.home import home_path
from training_core.contract.processes import SWEEP_PUBLISHER, start_detached
from training_core.contract.sweep_dir import SweepSummary

_POLL_S: Final = 0.3
_EXIT_CODES: Final = {
    "finished": ExitCode.DONE,
    "stopped": ExitCode.STOPPED,
    "failed": ExitCode.FAILED,
}


class _Teller:
    """Passes on what happens to a display, after it is written down."""

    def __init__(self, sweep: Sweep, display: Display, workers: int) -> None:
        self._sweep = sweep
        self._display = display
        self._workers = workers
        self.search: Search | None = None

    def begun(self, trial: TrialRun, *, is_adopted: bool) -> None:
        self._display.begun(trial, is_adopted=is_adopted)

    def ended(self, number: int, run_id: str, params: Mapping[str, Any], found: Verdict) -> None:
        write_summary(self._sweep, summary_of(self._sweep, "running"))
        if self.search is not None:
            view = look_at(self.search, self._workers)
            self._display.ended(number, run_id, params, found, view)


def sweep(request: SweepRequest, limits: Limits, *, as_json: bool) -> int:
    """Try configurations until the limits are reached; returns the exit code.

    Raises:
        HeimdallError: The sweep cannot begin or go on; what runs goes on by itself.
    """
    load_settings()
    home = home_path()
    opened = open_sweep(home, request)
    try:
        display = choose_display(sys.stdout, as_json=as_json)
        try:
            teller = _Teller(opened, display, request.workers)
            places = Places(request.workers, opened.config)
            search = Search(opened, limits, places, teller)
            teller.search = search
            opening = "begins" if opened.is_new else "goes on"
            display.note(f"The sweep {opened.info.name} {opening} in {opened.directory.path}")
            is_abandoned = _give_out(search, display, request.workers)
        finally:
            display.close()
        summary = _end_of(search)
        write_summary(opened, summary)
        if opened.config.tracking.enabled:
            start_detached(SWEEP_PUBLISHER, opened.directory.path, opened.directory.publishing_path)
        code = ExitCode.INTERRUPTED if is_abandoned else _EXIT_CODES[summary.status]
        _say_end(opened, request, limits, summary, int(code), as_json=as_json)
        return int(code)
    finally:
        opened.close()


def write_summary(opened: Sweep, summary: SweepSummary) -> None:
    """Write how far a sweep is.

    Raises:
        HeimdallError: The disk is full or not writable.
    """
    with writing(opened.directory.summary_path, opened.info.name):
        opened.directory.write_summary(summary)


def _publish(opened: Sweep) -> None:
    if opened.config.tracking.enabled:
        directory = opened.directory
        # Without a process to spare its runs are there all the same.
        with contextlib.suppress(OSError):
            start_detached(SWEEP_PUBLISHER, directory.path, directory.publishing_path)


def _give_out(search: Search, display: Display, workers: int) -> bool:
    """Until nothing is left to do; True where a person did not wait for the runs to stop."""
    interruption = Interruption()
    with handling(interruption):
        search.sweep.write_best()
        write_summary(search.sweep, summary_of(search.sweep, "running"))
        if not search.sweep.is_new:
            # What is there says that it ended.
            _publish(search.sweep)
        search.adopt()
        while search.turn():
            if interruption.count and not search.is_stopping:
                search.stop()
                display.note("stopping the runs with a checkpoint; Ctrl+C again leaves them to it")
            if interruption.count > 1:
                return True
            display.tick(look_at(search, workers))
            time.sleep(_POLL_S)
        display.tick(look_at(search, workers))
    return False


def _end_of(search: Search) -> SweepSummary:
    study = search.sweep.study
    counts = study.counts()
    is_all = search.remaining_trials(counts) == 0
    if search.failure:
        return summary_of(search.sweep, "failed", search.failure)
    if search.is_stopping and not is_all:
        return summary_of(search.sweep, "stopped", "A person asked")
    if study.best() is None:
        return summary_of(search.sweep, "failed", "No trial came through")
    return summary_of(search.sweep, "finished", "" if is_all else "The time is over")


def _say_end(
    opened: Sweep,
    request: SweepRequest,
    limits: Limits,
    summary: SweepSummary,
    code: int,
    *,
    as_json: bool,
) -> None:
    directory = opened.directory
    has_best = summary.best_trial is not None
    if as_json:
        told = summary.model_dump(exclude={"updated", "space"})
        best = str(directory.best_path) if has_best else ""
        more = {"name": opened.info.name, "path": str(directory.path), "best_config": best}
        print_json({"kind": "summary", **told, **more, "exit_code": code}, indent=False)
        return
    # What of ours has not ended waits for the next call; other machines may be at work.
    names = {} if opened.info.storage else {"running": "to go on with"}
    counts = {names.get(name, name): count for name, count in summary.trials.items()}
    pairs = [
        ("sweep", f"{plain(opened.info.name)}  {summary.status}"),
        ("why", plain(summary.reason)),
        ("trials", ", ".join(f"{counts[name]} {name}" for name in counts if counts[name])),
    ]
    commands = []
    if has_best and summary.best_value is not None:
        value = metric(summary.monitor, summary.best_value)
        pairs += [
            ("best", f"{plain(summary.monitor)} {value}, trial {summary.best_trial}"),
            ("values", params_text(summary.best_params)),
            ("run", summary.best_run),
        ]
        path = shlex.quote(str(directory.best_path))
        commands.append(f"heimdall-console run --config {path}")
    if code != ExitCode.DONE:
        commands.append(_going_on(opened, request, limits))
    terminal = Terminal.of(sys.stdout)
    lines = ["", *pair_lines([pair for pair in pairs if pair[1]], terminal)]
    if commands:
        lines += ["", f" {terminal.style('next', 'dim')}"]
        lines += [f"   {plain(command)}" for command in commands]
    sys.stdout.write("\n".join([*lines, ""]) + "\n")


def _going_on(opened: Sweep, request: SweepRequest, limits: Limits) -> str:
    words = ["heimdall-console", "sweep", "--name", opened.info.name]
    words += ["--trials", str(limits.trials), "--workers", str(request.workers)]
    if opened.info.storage:
        words += ["--storage", opened.info.storage]
    return shlex.join(words)
