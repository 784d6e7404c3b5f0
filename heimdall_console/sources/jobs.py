"""The jobs of this home, read as they come and change."""

from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from textual.message import Message
from textual.message_pump import MessagePump

from heimdall_console.sources.background import Source

if TYPE_CHECKING:
    from heimdall_console.job_rows import JobIndex, JobRow

_BUSY_S = 0.4
_IDLE_S = 2.0


class JobsChanged(Message):
    """The jobs of this home have changed.

    Args:
        jobs: All of them, the newest first.
    """

    def __init__(self, jobs: "tuple[JobRow, ...]") -> None:
        self.jobs = jobs
        super().__init__()

    def can_replace(self, message: Message) -> bool:
        """Only the newest look counts."""
        return isinstance(message, JobsChanged)


class JobsSource(Source):
    """Looks often while a job is at work, seldom otherwise.

    Args:
        poster: Who is told.
        home: Where jobs live.
    """

    NAME: ClassVar[str] = "jobs"

    def __init__(self, poster: MessagePump, home: Path) -> None:
        super().__init__(poster)
        self._home = home
        self._index: JobIndex | None = None
        self._seen: tuple[JobRow, ...] | None = None

    def look(self) -> None:
        """Read what has changed."""
        if self._index is None:
            from heimdall_console.job_rows import JobIndex

            self._index = JobIndex(self._home)
        jobs = tuple(self._index.refresh())
        self.interval_s = _IDLE_S if all(job.status.has_ended for job in jobs) else _BUSY_S
        if jobs != self._seen:
            self._seen = jobs
            self.post(JobsChanged(jobs))
