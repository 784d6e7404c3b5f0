"""Running one job in a worker process, with a progress bar, to its result."""

import sys
import time
from pathlib import Path
from typing import Any, TextIO

from heimdall_console.following.events import notable_events
from heimdall_console.following.loop import follow_to_end
from heimdall_console.formatting import count, plain
from heimdall_console.launcher import start_worker
from heimdall_console.run_progress import RunProgress
from heimdall_console.terminal import Terminal
from training_core.contract.errors import ExitCode, HeimdallError
from training_core.contract.jobs import JobArguments, create_job
from training_core.contract.run_log import Record

_BAR_WIDTH = 28
_NARROW_BAR_WIDTH = 14
_REDRAW_S = 0.1


def run_job(home: Path, kind: str, arguments: JobArguments, *, title: str) -> dict[str, Any]:
    """Do a job and return its result; progress goes to standard error.

    Args:
        home: Where jobs live.
        kind: As `training_core.contract.jobs.ARGUMENTS` lists them.
        arguments: Of that kind.
        title: What is shown while it runs.

    Raises:
        HeimdallError: What the job reported; exit code 130 where Ctrl+C ended it.
    """
    job = create_job(home, kind, arguments)
    progress = RunProgress()
    display = JobDisplay(title, sys.stderr, Terminal.of(sys.stderr))
    code = follow_to_end(start_worker(job), display, progress, has_checkpoints=False)
    if code != ExitCode.DONE:
        raise _failure(progress, code)
    return job.read_result()


class JobDisplay:
    """One line that redraws itself on a terminal; elsewhere warnings only."""

    def __init__(self, title: str, stream: TextIO, terminal: Terminal) -> None:
        self._title = title
        self._stream = stream
        self._terminal = terminal
        self._note = ""
        self._drawn_at = 0.0
        self._drawn = ""

    def show(self, records: list[Record], progress: RunProgress) -> None:
        """Print messages, redraw the line."""
        for record in records:
            for label, text, style in notable_events(record):
                if record["kind"] not in ("state", "artifact"):
                    self._clear()
                    self._stream.write(f"{self._terminal.style(label, style)}  {text}\n")
        if self._terminal.interactive and time.monotonic() - self._drawn_at >= _REDRAW_S:
            self._draw(progress)

    def note(self, text: str) -> None:
        """Keep a text at the end of the line."""
        self._note = text

    def close(self) -> None:
        """Take the line away."""
        self._clear()
        self._stream.flush()

    def _draw(self, progress: RunProgress) -> None:
        self._drawn_at = time.monotonic()
        text = self._text(progress)
        if text != self._drawn:
            self._stream.write(f"\r\x1b[K{text}")
            self._stream.flush()
            self._drawn = text

    def _text(self, progress: RunProgress) -> str:
        parts = [plain(self._title)]
        if progress.task is not None:
            name, done, total = progress.task
            if total:
                parts += [self._bar(done / total), f"{100 * done // total:3d} %"]
            parts.append(plain(name) + ("" if total else f" {count(done)}" if done else ""))
        else:
            parts.append("…")
        if self._note:
            parts.append(f"({self._note})")
        line = " " + "  ".join(parts)
        return line[: self._terminal.width - 1]

    def _bar(self, share: float) -> str:
        width = _BAR_WIDTH if self._terminal.width >= 100 else _NARROW_BAR_WIDTH
        full = round(min(1.0, share) * width)
        on, off = ("━", "─") if self._terminal.unicode else ("#", "-")
        return on * full + off * (width - full)

    def _clear(self) -> None:
        if self._drawn:
            self._stream.write("\r\x1b[K")
            self._drawn = ""


def _failure(progress: RunProgress, code: int) -> HeimdallError:
    if code == ExitCode.INTERRUPTED:
        error = HeimdallError("The job was stopped", unharmed="Its inputs are unharmed")
        error.exit_code = ExitCode.INTERRUPTED
        return error
    return progress.failure()
