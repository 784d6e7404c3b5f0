"""Messages that cross widgets: what the sources have read, and what went wrong."""

from typing import TYPE_CHECKING

from textual.message import Message

if TYPE_CHECKING:
    from heimdall_console.run_index import RunSummary


class RunsRead(Message):
    """The runs of this home have changed.

    Args:
        runs: All of them, the newest first.
    """

    def __init__(self, runs: tuple["RunSummary", ...]) -> None:
        self.runs = runs
        super().__init__()

    def can_replace(self, message: Message) -> bool:
        """Only the newest look counts."""
        return isinstance(message, RunsRead)


class SourceFailed(Message):
    """A source could not read; it tries again by itself.

    Args:
        name: Of the source.
        error: What was raised.
    """

    def __init__(self, name: str, error: Exception) -> None:
        self.name = name
        self.error = error
        super().__init__()
