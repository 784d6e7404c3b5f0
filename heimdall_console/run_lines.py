"""The lines of a run's log that are worth reading: what happened, apart from metrics."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, Literal

from heimdall_console.following.events import (
    checkpoint_text,
    has_validation,
    notable_events,
    numbers,
    validation_text,
)
from heimdall_console.formatting import plain
from heimdall_console.terminal import Style
from training_core.contract.run_log import Record
from training_core.contract.run_status import is_end

Level = Literal["debug", "info", "warning", "error"]
LEVELS: Final[tuple[Level, ...]] = ("debug", "info", "warning", "error")

_LEVELS: Final[dict[Style, Level]] = {"warning": "warning", "bad": "error"}
_END_LEVELS: Final[dict[str, Level]] = {"failed": "error", "killed": "warning"}
_MOST_LINES: Final = 20_000


@dataclass(frozen=True)
class LogLine:
    """One line, harmless to show."""

    time_s: float | None
    """Seconds since 1970; None of a line that continues the one before."""
    level: Level
    kind: str
    """A word: state, note, warning, alert, checkpoint, validation, command …"""
    text: str


class LogLines:
    """The lines of a run, the oldest forgotten when there are very many."""

    def __init__(self) -> None:
        self._lines: list[LogLine] = []
        self._shown: tuple[LogLine, ...] | None = ()
        self._beside: Record | None = None
        self.epochs: int | None = None
        """How many there will be."""

    def show_beside(self, record: Record) -> None:
        """Tell a validation with these training metrics."""
        self._beside = record

    def take(self, record: Record) -> None:
        """Add what a record says; most say nothing here."""
        time_s = record.get("t")
        moment = float(time_s) if isinstance(time_s, int | float) else None
        for level, kind, text in self._said(record):
            for number, row in enumerate(text.splitlines() or [""]):
                is_first = number == 0 and bool(kind)
                time_of_line, word = (moment, kind) if is_first else (None, "")
                self._lines.append(LogLine(time_of_line, level, word, row))
            self._shown = None
        if len(self._lines) > 2 * _MOST_LINES:
            del self._lines[:_MOST_LINES]

    def view(self) -> tuple[LogLine, ...]:
        """All lines, the oldest first; the same object as long as none was added."""
        if self._shown is None:
            self._shown = tuple(self._lines)
        return self._shown

    def _said(self, record: Record) -> Iterator[tuple[Level, str, str]]:
        match record["kind"]:
            case "metrics" if has_validation(record):
                recent = numbers(self._beside) if self._beside else {}
                yield "info", "validation", validation_text(record, recent, self.epochs)
            case "metrics":
                values = numbers(record)
                shown = "  ".join(f"{plain(n)} {v:.4g}" for n, v in list(values.items())[:6])
                yield "info", "test", shown
            case "checkpoint":
                yield "info", "checkpoint", checkpoint_text(record)
            case "state" if is_end(record):
                status = str(record["status"])
                reason = plain(record.get("reason") or "")
                yield _END_LEVELS.get(status, "info"), status, reason
            case "message" if record.get("level") == "debug":
                yield "debug", "debug", plain(record.get("text", ""), keep_lines=True)
            case _:
                level: Level = "info"
                for kind, text, style in notable_events(record):
                    # What has no word of its own continues what was said before it.
                    level = _LEVELS.get(style, "info") if kind else level
                    yield level, kind, text
