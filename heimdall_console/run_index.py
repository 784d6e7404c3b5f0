"""The runs on this disk, one summary each, listed once or watched."""

import math
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from heimdall_console.run_progress import seconds_left
from training_core.contract.checkpoints import best_checkpoints, checkpoint_folder, own_checkpoints
from training_core.contract.errors import HeimdallError
from training_core.contract.files import read_regular
from training_core.contract.home import runs_folder
from training_core.contract.log_tail import LogTail, read_tail
from training_core.contract.records import decode_number
from training_core.contract.run_dir import RunDir, RunInfo, is_run_id
from training_core.contract.run_status import (
    RunStatus,
    derive_status,
    is_making_results,
    status_of,
    status_with_lock,
)
from training_core.contract.toml_text import parse_toml

if TYPE_CHECKING:
    from training_core.contract.run_log import Record


class _Stamp(NamedTuple):
    """What changes when a file does."""

    inode: int
    size: int
    mtime_ns: int


@dataclass(frozen=True)
class RunSummary:
    """One row of `runs list`."""

    info: RunInfo
    path: Path
    status: RunStatus
    monitor: str
    """Metric that ranks its checkpoints; empty without any."""
    best: float | None
    """Its best value."""
    metrics: dict[str, float]
    """All metrics of the best checkpoint."""
    step: int | None = None
    """Optimizer steps completed; None before the first report."""
    epoch: int | None = None
    """Counted from 0."""
    epochs: int | None = None
    """In all."""
    share_done: float | None = None
    """Share of the planned steps that are done; None where it is not known."""
    remaining_s: float | None = None
    """Seconds of training left, as a worker that trains says; None where it does not."""
    is_making_results: bool = False
    """Whether the training is over and the run is evaluated and exported."""
    ended: float | None = None
    """When its end was written, or a crashed run its last record; seconds since 1970."""
    reason: str = ""
    """Why it ended, for a person."""


@dataclass(frozen=True)
class _Best:
    """What is known of the best checkpoint, and how far the last one is."""

    monitor: str = ""
    value: float | None = None
    metrics: dict[str, float] = field(default_factory=dict)
    last_step: int | None = None
    last_epoch: int | None = None


def list_runs(home: Path) -> list[RunSummary]:
    """Every run of a home, the newest first; damaged directories are left out."""
    return RunIndex(home).refresh()


class RunIndex:
    """The runs of a home, kept up to date at the cost of what has changed.

    A look costs one listing of the folder, the size and time of each log, and for a run
    without an end a look at its lock. Only logs that have changed are opened, at their end.

    Args:
        home: The home.
    """

    def __init__(self, home: Path) -> None:
        self._folder = runs_folder(home)
        self._runs: dict[str, _Watched] = {}

    def refresh(self) -> list[RunSummary]:
        """Look at what has changed.

        Returns:
            The runs, the newest first; directories that are no run are left out.
        """
        try:
            names = sorted(filter(is_run_id, os.listdir(self._folder)), reverse=True)
        except OSError:
            names = []
        known, self._runs = self._runs, {}
        summaries = []
        for name in names:
            watched = known.get(name)
            if watched is None:
                try:
                    run = RunDir(self._folder / name)
                    watched = _Watched(run, run.read_info())
                except HeimdallError:
                    continue
            self._runs[name] = watched
            summaries.append(watched.look())
        return summaries


class _Watched:
    """One run and what was seen of it."""

    def __init__(self, run: RunDir, info: RunInfo) -> None:
        self._run = run
        self._info = info
        self._log = run.log_path
        self._stamp: _Stamp | None = None
        self._tail = LogTail(0, None, None, None)
        self._state: Record | None = None
        self._is_state_certain = False
        self._searched_bytes = 0
        self._saved = _SavedCheckpoints(run)
        self._summary: RunSummary | None = None

    def look(self) -> RunSummary:
        """The summary as of now, made anew only where something has changed."""
        before = self._stamp
        self._read_log(is_search=False)
        status = derive_status(status_of(self._state), locked=True)
        if not (self._is_state_certain and status.has_ended):
            status = status_with_lock(self._run, self._search_state)
        summary = self._summary
        if summary is None or self._stamp != before or status is not summary.status:
            summary = self._summary = self._summarize(status)
        return summary

    def _search_state(self) -> str | None:
        self._read_log(is_search=True)
        return status_of(self._state)

    def _read_log(self, *, is_search: bool) -> None:
        """Read the end of the log where it has changed, and back to the last state if asked to."""
        stamp = _stamp(self._log)
        if stamp == self._stamp and (self._is_state_certain or not is_search):
            return
        if self._stamp is not None and (
            stamp is None or stamp.inode != self._stamp.inode or stamp.size < self._stamp.size
        ):
            self._state, self._searched_bytes = None, 0
        self._stamp = stamp
        self._tail = read_tail(self._log, from_byte=self._searched_bytes if is_search else None)
        self._is_state_certain = is_search or self._tail.state is not None
        if self._tail.state is not None:
            self._state = self._tail.state
        if self._is_state_certain:
            self._searched_bytes = self._tail.whole_bytes

    def _summarize(self, status: RunStatus) -> RunSummary:
        said = (self._state or {}).get("summary")
        said = said if isinstance(said, dict) else {}
        best = _said_best(said) or self._saved.best()
        task = self._tail.task or {}
        done = _first(_whole(said.get("step")), _whole(task.get("done")))
        total = _first(_whole(said.get("total_steps")), _whole(task.get("total")))
        is_over = self._state is not None and is_making_results(self._state)
        step, epoch = _whole(said.get("step")), _whole(said.get("epoch"))
        ended = None
        if status is RunStatus.CRASHED:
            ended = self._tail.time_s
        elif status.has_ended:
            ended = decode_number((self._state or {}).get("t"))
        return RunSummary(
            info=self._info,
            path=self._run.path,
            status=status,
            monitor=best.monitor,
            best=best.value,
            metrics=best.metrics,
            step=_first(step, done, best.last_step),
            epoch=_first(epoch, _whole(task.get("epoch")), best.last_epoch),
            epochs=_first(_whole(said.get("epochs")), _whole(task.get("epochs"))),
            share_done=min(1.0, done / total) if done is not None and total else None,
            remaining_s=seconds_left(task) if status is RunStatus.RUNNING and not is_over else None,
            is_making_results=is_over and not status.has_ended,
            ended=ended,
            reason=str((self._state or {}).get("reason") or "") if status.has_ended else "",
        )


class _SavedCheckpoints:
    """The checkpoints of a run, looked at again when their folder has changed."""

    def __init__(self, run: RunDir) -> None:
        self._run = run
        self._configured: str | None = None
        self._stamp: _Stamp | None = None
        self._best = _Best()

    def best(self) -> _Best:
        """What the sidecars say."""
        if self._configured is None:
            self._configured = _checkpoint_directory(self._run)
        stamp = _stamp(checkpoint_folder(self._run, self._configured))
        if stamp != self._stamp:
            self._stamp = stamp
            self._best = self._read(self._configured)
        return self._best

    def _read(self, configured: str) -> _Best:
        saved = own_checkpoints(self._run, configured)
        if not saved:
            return _Best()
        last, ranked = saved[-1], best_checkpoints(saved)
        best = ranked[0] if ranked else None
        return _Best(
            monitor=best.monitor if best else "",
            value=best.metrics.get(best.monitor) if best else None,
            metrics=dict(best.metrics) if best else {},
            last_step=last.step,
            last_epoch=last.epoch,
        )


def _said_best(said: Mapping[str, Any]) -> _Best | None:
    """The best checkpoint as the run's last state says it; None where it does not."""
    given = said.get("metrics")
    if not isinstance(given, dict) or not isinstance(said.get("monitor"), str):
        return None
    metrics = {str(k): n for k, v in given.items() if (n := decode_number(v)) is not None}
    value = decode_number(said.get("best"))
    finite = value if value is not None and math.isfinite(value) else None
    return _Best(monitor=said["monitor"], value=finite, metrics=metrics)


def _checkpoint_directory(run: RunDir) -> str:
    """`checkpoint.directory` of a run; a whole configuration takes a millisecond to check."""
    try:
        text = read_regular(run.config_path).decode()
        _, heading, rest = text.partition("\n[checkpoint]\n")
        section = parse_toml(rest.partition("\n[")[0]) if heading else parse_toml(text)
    except (OSError, ValueError):
        return ""
    section = section if heading else section.get("checkpoint", {})
    directory = section.get("directory", "") if isinstance(section, dict) else ""
    return directory if isinstance(directory, str) else ""


def _stamp(path: Path) -> _Stamp | None:
    try:
        status = os.stat(path)
    except OSError:
        return None
    return _Stamp(status.st_ino, status.st_size, status.st_mtime_ns)


def _whole(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _first(*values: int | None) -> int | None:
    return next((value for value in values if value is not None), None)
