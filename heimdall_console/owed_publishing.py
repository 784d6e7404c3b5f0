"""Runs that still owe something to MLflow: found at next to no cost, published in the background."""

import contextlib
import os
import time
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import orjson

from heimdall_console.publishing_state import PublishingState, read_publishing, start_publisher
from training_core.contract.errors import HeimdallError
from training_core.contract.files import read_regular
from training_core.contract.home import ensure_folder, runs_folder
from training_core.contract.lock import is_locked
from training_core.contract.run_dir import RunDir
from training_core.contract.run_status import RunStatus, run_status
from training_core.contract.toml_text import parse_toml

if TYPE_CHECKING:
    import subprocess

_INDEX = "publishing.json"
_MOST_AT_ONCE = 2
# A publisher that was started has said how it is by then, or died and may be started again.
_PATIENCE_S = 60.0
_START_S = 15.0
_FOREVER: Final = 1e18

Index = dict[str, list[float]]
"""Run → size of its log when it was looked at, the time before which it is not looked at again,
and the time at which its publisher was started, 0 for one that was in order."""

# Their ends are noted at the next look: nothing is left of a publisher that has ended.
_children: "list[subprocess.Popen[bytes]]" = []


@dataclass(frozen=True)
class OwingRun:
    """A run of which something is not published."""

    run: RunDir
    status: RunStatus
    publishing: PublishingState

    @property
    def is_training(self) -> bool:
        """Whether more will come: it is published while it is trained."""
        return not self.status.has_ended


def start_owed_publishers(home: Path, most: int = _MOST_AT_ONCE) -> list[str]:
    """Start publishers for runs that need one and have none; called by commands that look.

    A run needs one where it has ended and was not published to its end (MLflow still shows it
    as running), or is being trained and its publisher died. A run whose log has not grown since
    it was found in order is not looked at again, and one whose server was down waits for its
    next attempt.

    Args:
        home: Where the runs are.
        most: How many publishers may be at work on runs that have ended; those of runs that
            are being trained do not count.

    Returns:
        Ids of the runs whose publishers were started. Nothing is raised: who looks at runs
        must not fail because of what they owe.
    """
    now = time.time()
    _children[:] = [child for child in _children if child.poll() is None]
    before = _read_index(home)
    index: Index = {}
    due: list[RunDir] = []
    sizes: dict[str, int] = {}
    at_work = 0
    for name, path, size in _logs(home):
        known = before.get(name)
        if known is not None and known[0] == size and now < known[1]:
            index[name] = known
            at_work += known[2] > 0 and _is_at_work(RunDir(Path(path)), known[2], now)
            continue
        if len(due) + at_work >= most:
            # Enough for now: the others have their turn at a later look.
            continue
        run = RunDir(Path(path))
        publishing = read_publishing(run)
        at_work += publishing.is_alive and not is_locked(run.lock_path)
        not_before = _owes_nothing_before(run, publishing, size, now)
        if not_before > now:
            index[name] = [size, not_before, 0]
        elif not publishing.is_alive and _needs_publisher(run, publishing, now):
            due.append(run)
            sizes[name] = size
    chosen = due[: max(0, most - at_work)]
    index |= {run.id: [sizes[run.id], now + _PATIENCE_S, now] for run in chosen}
    # What cannot be remembered would be started again by every command.
    if index != before and not _write_index(home, index):
        return []
    started = []
    for run in chosen:
        with contextlib.suppress(HeimdallError):
            _children.append(start_publisher(run))
            started.append(run.id)
    return started


def owing_runs(home: Path) -> list[OwingRun]:
    """Every run of which something is not published, the oldest first.

    A run that was made with `tracking.enabled = false` owes nothing.
    """
    now = time.time()
    found = []
    for _, path, size in sorted(_logs(home)):
        run = RunDir(Path(path))
        publishing = read_publishing(run)
        if _owes_nothing_before(run, publishing, size, now) == _FOREVER:
            continue
        status = run_status(run)
        if status is not RunStatus.QUEUED:
            found.append(OwingRun(run, status, publishing))
    return found


def tracking_settings(run: RunDir) -> dict[str, Any]:
    """The `[tracking]` section of a run's configuration; empty where it is not readable."""
    try:
        section = parse_toml(read_regular(run.config_path).decode()).get("tracking", {})
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError):
        return {"enabled": False}
    return section if isinstance(section, dict) else {}


def _logs(home: Path) -> Iterator[tuple[str, str, int]]:
    """Id, directory and size of the log of every run that has one."""
    try:
        entries = os.scandir(runs_folder(home))
    except OSError:
        return
    with entries:
        for entry in entries:
            if entry.name.startswith("."):
                continue
            try:
                status = os.stat(f"{entry.path}/log.jsonl")
            except OSError:
                continue
            yield entry.name, entry.path, status.st_size


def _owes_nothing_before(run: RunDir, publishing: PublishingState, size: int, now: float) -> float:
    """The time from which a run may owe something if its log does not grow; 0 is now."""
    if publishing.is_done and publishing.log_bytes == size:
        return _FOREVER
    if not publishing.updated and not tracking_settings(run).get("enabled", True):
        return _FOREVER
    if publishing.state == "gave_up" and publishing.next_attempt > now:
        return publishing.next_attempt
    return 0.0


def _needs_publisher(run: RunDir, publishing: PublishingState, now: float) -> bool:
    if is_locked(run.lock_path):
        # The worker starts one itself: only one that has been silent for long is dead.
        return bool(publishing.updated) and now - publishing.updated > _PATIENCE_S
    return run_status(run).has_ended


def _is_at_work(run: RunDir, started: float, now: float) -> bool:
    """Whether a publisher that was started lives, or is about to."""
    return is_locked(run.publisher_lock_path) or (
        now - started < _START_S and read_publishing(run).updated < started
    )


def _read_index(home: Path) -> Index:
    try:
        found = orjson.loads(read_regular(home / "cache" / _INDEX))
    except (OSError, orjson.JSONDecodeError):
        return {}
    if not isinstance(found, dict):
        return {}
    return {k: v for k, v in found.items() if isinstance(v, list) and len(v) == 3}


def _write_index(home: Path, index: Index) -> bool:
    """Replace the index, without waiting for the disk: losing it costs one slower look."""
    try:
        folder = ensure_folder(home / "cache")
        temporary = folder / f".{_INDEX}.{os.getpid()}"
        temporary.write_bytes(orjson.dumps(index))
        os.replace(temporary, folder / _INDEX)
    except (OSError, HeimdallError):
        return False
    return True
