"""A preflight or a one-batch training, followed from its start to its result."""

from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from textual.message import Message
from textual.message_pump import MessagePump

from heimdall_console.sources.background import Source

if TYPE_CHECKING:
    from collections.abc import Callable

    from heimdall_console.run_progress import RunProgress
    from training_core.contract.jobs import JobArguments, JobDir
    from training_core.contract.run_log import RunLogReader

_LOOK_S = 0.2
_PARTS = {"status", "figures", "why", "action"}
"""Of what a check found."""


class TrialSeen(Message):
    """A trial is somewhere else than before.

    Args:
        kind: `preflight` or `overfit-batch`.
        job: Its directory.
        task: Name of what is done, units done, units in all; None before the first.
        found: What it has found so far: check → its status, figures, why and action.
        result: What it found, at its end.
        error: Why it ended without a result.
    """

    def __init__(
        self,
        kind: str,
        job: Path | None,
        task: tuple[str, int, int | None] | None = None,
        found: dict[str, dict[str, Any]] | None = None,
        result: dict[str, Any] | None = None,
        error: Exception | None = None,
    ) -> None:
        self.kind, self.job, self.task, self.found = kind, job, task, found or {}
        self.result, self.error = result, error
        super().__init__()


class TrialSource(Source):
    """Starts the job, then posts what it is at.

    Args:
        poster: Who is told.
        home: Where jobs live.
        kind: `preflight` or `overfit-batch`.
        make: Makes the arguments, in the thread; what it raises ends the trial.
    """

    NAME: ClassVar[str] = "trial"
    interval_s = _LOOK_S

    def __init__(
        self, poster: MessagePump, home: Path, kind: str, make: "Callable[[], JobArguments]"
    ) -> None:
        super().__init__(poster)
        self.kind = kind
        self._home, self._make = home, make
        self._job: JobDir | None = None
        self._reader: RunLogReader | None = None
        self._progress: RunProgress | None = None
        self._seen: tuple[object, int] = (None, 0)

    def look(self) -> None:
        """Start it, or see how far it is."""
        try:
            if self._job is None:
                self._begin()
            self._follow()
        except Exception as error:
            self._end(error=error)

    def _begin(self) -> None:
        from heimdall_console.job_control import start_job
        from heimdall_console.run_progress import RunProgress
        from training_core.contract.run_log import RunLogReader

        self._job = start_job(self._home, self.kind, self._make())
        self._reader = RunLogReader(self._job.log_path)
        self._progress = RunProgress()
        self.post(TrialSeen(self.kind, self._job.path))

    def _follow(self) -> None:
        from training_core.contract.run_status import RunStatus, status_with_lock

        job, progress, reader = self._job, self._progress, self._reader
        assert job is not None
        assert progress is not None
        assert reader is not None
        known, known_reader = progress, reader

        def read_state() -> str | None:
            known.take_new(known_reader)
            return known.status or None

        status = status_with_lock(job, read_state)
        if status is RunStatus.FINISHED:
            self._end(result=job.read_result())
        elif status.has_ended:
            self._end(error=progress.failure())
        elif (seen := (progress.task, len(progress.findings))) != self._seen:
            self._seen = seen
            findings = progress.findings.items()
            found = {name: check for name, check in findings if check.keys() >= _PARTS}
            self.post(TrialSeen(self.kind, job.path, progress.task, found))

    def _end(self, result: dict[str, Any] | None = None, error: Exception | None = None) -> None:
        path = self._job.path if self._job is not None else None
        self.post(TrialSeen(self.kind, path, result=result, error=error))
        self.stop()
