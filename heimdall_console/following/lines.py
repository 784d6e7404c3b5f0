"""A run as plain lines or as JSON lines, for pipes, files and machines."""

from typing import TextIO

from heimdall_console.following.events import (
    checkpoint_text,
    clock,
    has_validation,
    notable_events,
    numbers,
    validation_text,
)
from heimdall_console.formatting import plain
from heimdall_console.output import json_text
from heimdall_console.run_progress import RunProgress
from training_core.contract.run_log import Record

_LABEL_WIDTH = 10


class LineDisplay:
    """One line an epoch, validation, checkpoint or message; never a carriage return."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._tasks: set[str] = set()
        self._epoch_shown = -1
        self._recent: dict[str, float] = {}

    def show(self, records: list[Record], progress: RunProgress) -> None:
        """Print what is worth a line."""
        for record in records:
            for label, text in self._lines(record, progress):
                self._print(clock(record), label, text)

    def note(self, text: str) -> None:
        """Print a line from this side."""
        self._print(" " * 8, "", text)

    def close(self) -> None:
        """Nothing to undo."""

    def _lines(self, record: Record, progress: RunProgress) -> list[tuple[str, str]]:
        match record["kind"]:
            case "metrics" if has_validation(record):
                epoch = record.get("epoch")
                self._epoch_shown = epoch if isinstance(epoch, int) else self._epoch_shown
                return [("epoch", validation_text(record, self._recent, progress.epochs))]
            case "metrics":
                self._recent |= numbers(record)
                return []
            case "checkpoint":
                return [("checkpoint", checkpoint_text(record))]
            case "task":
                return self._task_lines(record, progress)
            case "resumed":
                # Its epoch has been told, or is told by its validation.
                epoch = record.get("epoch")
                self._epoch_shown = epoch if isinstance(epoch, int) else self._epoch_shown
                return [(label, text) for label, text, _ in notable_events(record)]
            case _:
                return [(label, text) for label, text, _ in notable_events(record)]

    def _task_lines(self, record: Record, progress: RunProgress) -> list[tuple[str, str]]:
        name = str(record.get("name", ""))
        if name != "train":
            is_new = name not in self._tasks
            self._tasks.add(name)
            return [("task", plain(name))] if is_new else []
        epoch = record.get("epoch")
        if isinstance(epoch, int) and epoch > self._epoch_shown + 1:
            # An epoch went by without a validation.
            self._epoch_shown = epoch - 1
            total = f"/{progress.epochs}" if progress.epochs else ""
            return [("epoch", f"{epoch}{total}  step {record.get('done', 0):,}")]
        return []

    def _print(self, time_text: str, label: str, text: str) -> None:
        for line in text.splitlines() or [""]:
            row = f"{time_text}  {label:<{_LABEL_WIDTH}}  {line}".rstrip()
            self._stream.write(row + "\n")
            time_text, label = " " * 8, ""
        self._stream.flush()


class JsonDisplay:
    """Every record as it stands in the log, one a line."""

    def __init__(self, stream: TextIO, notes: TextIO) -> None:
        self._stream = stream
        self._notes = notes

    def show(self, records: list[Record], progress: RunProgress) -> None:
        """Print the records."""
        if records:
            self._stream.write("".join(json_text(record) + "\n" for record in records))
            self._stream.flush()

    def note(self, text: str) -> None:
        """Print on the other stream."""
        self._notes.write(text + "\n")

    def close(self) -> None:
        """Nothing to undo."""
