"""A trial and the run that trains it: what its log says, told to the study."""

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from heimdall_console.launcher import Worker
from heimdall_console.run_progress import RunProgress, whole
from training_core.contract.commands import StopCommand, send_command
from training_core.contract.config import Config
from training_core.contract.ending import write_end
from training_core.contract.errors import ExitCode
from training_core.contract.lock import is_locked
from training_core.contract.records import decode_number
from training_core.contract.run_dir import RunDir
from training_core.contract.run_log import PIECE_BYTES, Record, RunLogReader
from training_core.contract.run_status import RunStatus, run_status

if TYPE_CHECKING:
    from optuna.trial import Trial


class TrialRun:
    """One trial that runs.

    Args:
        trial: Of the study.
        run: What trains it.
        config: Of the run.
        params: Dotted key → the value that is tried.
        reported: Epochs whose value the study has.
        worker: Where we started it; None for one that was found alive.
    """

    def __init__(
        self,
        trial: "Trial",
        run: RunDir,
        config: Config,
        params: Mapping[str, Any],
        *,
        reported: frozenset[int] = frozenset(),
        worker: Worker | None = None,
    ) -> None:
        self.trial = trial
        self.run = run
        self.params = params
        self.progress = RunProgress.of(config)
        self.status = RunStatus.QUEUED
        self.is_stopping = False
        """Whether it was asked to stop."""
        self._monitor = config.checkpoint.monitor
        self._reported = set(reported)
        self._worker = worker
        self._reader = RunLogReader(run.log_path)

    @property
    def number(self) -> int:
        """Of the trial, counted from 0."""
        return int(self.trial.number)

    @property
    def value(self) -> float | None:
        """The best validation that a checkpoint was kept for; None before there is one."""
        return self.progress.best.get(self._monitor)

    @property
    def is_started_here(self) -> bool:
        """Whether this process started its worker."""
        return self._worker is not None

    @property
    def has_reported(self) -> bool:
        """Whether the study knows a value of it."""
        return bool(self._reported)

    def look(self) -> bool:
        """Take what is new in the log; True where the study was told a new value."""
        if self._worker is not None and self._worker.has_left and self._is_unborn():
            reason = "The worker ended before it began; see output.log of the run"
            write_end(self.run, RunStatus.FAILED, reason, ExitCode.FAILED)
        # Before the log: what was written until then is read below.
        status = run_status(self.run)
        if status.has_ended and self._worker is not None and not self._worker.has_left:
            # What stands in the log of a run that goes on is its old end.
            status = RunStatus.STARTING
        self.status = status
        told = False
        while records := self._reader.read_new(PIECE_BYTES):
            self.progress.take(records)
            for record in records:
                told = self._report(record) or told
        return told

    def ask_to_stop(self) -> None:
        """Ask it to stop with a checkpoint, as `runs stop` does."""
        if not self.is_stopping and is_locked(self.run.lock_path):
            send_command(self.run, StopCommand())
            self.is_stopping = True

    def _is_unborn(self) -> bool:
        return not is_locked(self.run.lock_path) and run_status(self.run) is RunStatus.QUEUED

    def _report(self, record: Record) -> bool:
        values = record.get("values")
        if record["kind"] != "metrics" or record.get("on_request") or not isinstance(values, dict):
            return False
        value = decode_number(values.get(self._monitor))
        epoch = whole(record, "epoch", 0)
        if value is None or not math.isfinite(value) or epoch in self._reported:
            return False
        self._reported.add(epoch)
        self.trial.report(value, epoch)
        return True
