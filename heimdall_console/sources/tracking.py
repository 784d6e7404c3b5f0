"""The runs of MLflow, read page by page and then kept up to date."""

from typing import TYPE_CHECKING, Any, ClassVar

from textual.message import Message
from textual.message_pump import MessagePump

from heimdall_console.sources.background import Source

if TYPE_CHECKING:
    from heimdall_console.sources.tracking_reader import TrackingReader

_INTERVAL_S, _SERVER_INTERVAL_S = 3.0, 10.0
_AFTER_FAILURE_S = 15.0
_EVERYTHING_AFTER_LOOKS = 100
"""Ended runs whose tags or names changed on a server are seen then, or by a refresh."""


class TrackedRunsRead(Message):
    """Rows of MLflow are new or have changed.

    Args:
        rows: As the tracking reader gives them.
        gone: MLflow's ids of runs that are no longer there.
        is_first: Whether a list of all runs begins: what is not in it is gone.
        is_last: Whether everything is read now.
    """

    def __init__(
        self, rows: list[dict[str, Any]], gone: list[str], *, is_first: bool, is_last: bool
    ) -> None:
        self.rows = rows
        self.gone = gone
        self.is_first = is_first
        self.is_last = is_last
        super().__init__()


class TrackedRunsFailed(Message):
    """MLflow could not be read; what was read before stays, and it is tried again.

    Args:
        error: What was raised.
    """

    def __init__(self, error: Exception) -> None:
        self.error = error
        super().__init__()


class TrackingSource(Source):
    """Posts the runs of MLflow as they come and as they change.

    Args:
        poster: Who is told.
        reader: The process that reads.
    """

    NAME: ClassVar[str] = "tracking"

    def __init__(self, poster: MessagePump, reader: "TrackingReader") -> None:
        super().__init__(poster)
        self._reader = reader
        self._is_everything_wanted = True
        self._looks = 0

    def read_everything(self) -> None:
        """Read the whole list again, now."""
        self._is_everything_wanted = True
        self.wake()

    def look(self) -> None:
        """Read what is new."""
        try:
            if self._is_everything_wanted or self._looks >= _EVERYTHING_AFTER_LOOKS:
                self._is_everything_wanted = False
                self._read_everything()
                self._looks = 0
            else:
                self._looks += 1
                found = self._reader.answer("changes")
                rows, gone = found.get("runs", []), found.get("gone", [])
                if rows or gone:
                    self.post(TrackedRunsRead(rows, gone, is_first=False, is_last=True))
        except Exception as error:
            self._is_everything_wanted = True
            self.interval_s = _AFTER_FAILURE_S
            self.post(TrackedRunsFailed(error))
        else:
            # A file tells at no cost that nothing has changed.
            is_file = self._reader.shown_uri.startswith("sqlite")
            self.interval_s = _INTERVAL_S if is_file else _SERVER_INTERVAL_S

    def _read_everything(self) -> None:
        is_first = True
        for answer in self._reader.stream("runs"):
            if self.is_stopped:
                return
            self.post(TrackedRunsRead(answer["runs"], [], is_first=is_first, is_last=False))
            is_first = False
        self.post(TrackedRunsRead([], [], is_first=is_first, is_last=True))
