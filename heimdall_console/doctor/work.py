"""What waits, what is owed, and whether those who do it are alive."""

import time
from pathlib import Path
from typing import Final

from heimdall_console.doctor.finding import Finding
from heimdall_console.formatting import counted, plain, size
from heimdall_console.owed_publishing import owing_runs
from heimdall_console.queue import read_queue, scheduler_lock_path, waiting
from heimdall_console.settings import load_settings, settings_path
from training_core.contract.errors import ConfigError, HeimdallError
from training_core.contract.home import runs_folder
from training_core.contract.leftovers import find_leftovers
from training_core.contract.lock import is_locked
from training_core.contract.run_dir import RunDir, id_time

_LAUNCH_S: Final = 60.0
"""A launch that takes longer than that is dead."""


def work_findings(home: Path) -> list[Finding]:
    """What is to be said of the settings, the queue and the publishing of a home."""
    return [_settings(), _queue(home), _unborn(home), _publishing(home), _leftovers(home)]


def _unborn(home: Path) -> Finding:
    """Runs whose launch was killed between their making and their worker's first word."""
    queued = {entry.run_id for entry in read_queue(home)}
    old_s = time.time() - _LAUNCH_S
    found = [
        run.id
        for run in map(RunDir, sorted(runs_folder(home).glob("[!.]*")))
        if run.info_path.is_file()
        and not run.log_path.exists()
        and run.id not in queued
        and (id_time(run.id) or 0.0) < old_s
        and not is_locked(run.lock_path)
    ]
    if not found:
        return Finding("launches", "ok", "every run that was made was started or waits")
    count = counted(len(found), "run")
    return Finding(
        "launches",
        "warning",
        f"{count} {'was' if len(found) == 1 else 'were'} made and never started: {found[0]}"
        + (" and others" if len(found) > 1 else ""),
        f"`heimdall-console queue add {found[0]}` starts it, `runs rm` removes it",
        {"runs": found},
    )


def _leftovers(home: Path) -> Finding:
    found = find_leftovers(home)
    if not found:
        return Finding("leftovers", "ok", "nothing half-written lies about")
    held = sum(leftover.size_bytes for leftover in found)
    return Finding(
        "leftovers",
        "warning",
        f"{counted(len(found), 'half-written file')} of killed processes, {size(held)}",
        "The next start of the console removes what nobody needs",
        {"paths": [str(leftover.path) for leftover in found], "size_bytes": held},
    )


def _settings() -> Finding:
    path = settings_path()
    try:
        load_settings()
    except ConfigError as error:
        text = "; ".join(plain(problem) for problem in error.problems)
        return Finding("settings", "failed", text, f"Correct {plain(path)}")
    except HeimdallError as error:
        return Finding("settings", "failed", f"{error.what}: {plain(error.why)}", error.action)
    return Finding("settings", "ok", plain(path) if path.exists() else "the defaults")


def _queue(home: Path) -> Finding:
    count = len(waiting(home))
    is_alive = is_locked(scheduler_lock_path(home))
    figures = {"waiting": count, "scheduler_is_alive": is_alive}
    if not count:
        return Finding("queue", "ok", "nothing waits", figures=figures)
    text = f"{counted(count, 'run')} {'waits' if count == 1 else 'wait'}"
    if not is_alive:
        return Finding(
            "queue",
            "warning",
            f"{text}, and nobody gives turns",
            "`heimdall-console queue list` starts who does",
            figures,
        )
    return Finding("queue", "ok", f"{text} for a turn", figures=figures)


def _publishing(home: Path) -> Finding:
    owing = [entry.run.id for entry in owing_runs(home) if not entry.is_training]
    if not owing:
        return Finding("publishing", "ok", "nothing is owed")
    return Finding(
        "publishing",
        "warning",
        f"{counted(len(owing), 'run')} still to publish",
        "`heimdall-console sync --all` does it",
        {"runs": owing},
    )
