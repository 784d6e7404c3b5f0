"""Several runs at once: a table that redraws itself, or a line at every change."""

import contextlib
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final, TextIO

import orjson

from heimdall_console.following.events import clock
from heimdall_console.following.keyboard import QuietKeyboard
from heimdall_console.formatting import duration, plain
from heimdall_console.hardware_text import gpu_text
from heimdall_console.layout import Column, table_lines
from heimdall_console.publishing_state import read_publishing
from heimdall_console.queue import waiting
from heimdall_console.run_index import RunIndex, RunSummary
from heimdall_console.run_progress import RunProgress
from heimdall_console.status_text import best_text, status_text
from heimdall_console.task_text import task_share
from heimdall_console.terminal import Terminal
from training_core.contract.config_file import load_config
from training_core.contract.errors import HeimdallError
from training_core.contract.run_dir import RunDir
from training_core.contract.run_log import RunLogReader
from training_core.contract.run_status import RunStatus

_WIDTH_FOR_BEST: Final = 80
_WIDTH_FOR_NAMES: Final = 100
_WIDTH_FOR_DEVICES: Final = 130


class WatchedRun:
    """One run: its summary and what its log said so far."""

    def __init__(self, run: RunDir) -> None:
        self.run = run
        self.summary: RunSummary | None = None
        self.progress = RunProgress()
        with contextlib.suppress(HeimdallError):
            self.progress = RunProgress.of(load_config(run.config_path))
        self._reader = RunLogReader(run.log_path)

    def look(self, summary: RunSummary) -> None:
        """Take what is new."""
        self.summary = summary
        self.progress.take_new(self._reader)

    @property
    def status(self) -> str:
        """As the summary says."""
        return self.summary.status.value if self.summary else "?"

    @property
    def has_ended(self) -> bool:
        """Whether nothing more will come."""
        return self.summary is None or self.summary.status.has_ended

    @property
    def epoch_text(self) -> str:
        """`3/10`, or less where less is known."""
        progress = self.progress
        if not progress.epochs:
            return "-"
        return f"{progress.epoch_number}/{progress.epochs}"

    @property
    def best_text(self) -> str:
        """The best value with its name."""
        return best_text(self.progress.monitor, self.progress.best) or "-"

    def as_fields(self) -> dict[str, Any]:
        """One JSON line."""
        progress = self.progress
        return {
            "t": time.time(),
            "run_id": self.run.id,
            "status": self.status,
            "step": progress.step,
            "total_steps": progress.total_steps,
            "epoch": progress.epoch,
            "epochs": progress.epochs,
            "remaining_s": progress.remaining_s,
            "best": progress.best,
            "alerts": list(progress.alerts),
        }


def watch_runs(
    home: Path, named: Sequence[RunDir], stream: TextIO, *, interval_s: float, as_json: bool
) -> None:
    """Show runs until all of them have ended or Ctrl+C is pressed; they are only read.

    Args:
        home: Where runs live.
        named: Those to watch; every living one, also of later, when empty.
        stream: Where to show them.
        interval_s: Time between two looks.
        as_json: Whether a machine reads.
    """
    terminal = Terminal.of(stream)
    redraws = terminal.interactive and not as_json
    display = _TableDisplay() if redraws else _ChangeDisplay(stream, as_json=as_json)
    index = RunIndex(home)
    wanted = {run.id for run in named}
    watched: dict[str, WatchedRun] = {}
    with contextlib.suppress(KeyboardInterrupt), display:
        while True:
            in_queue = {entry.run_id for entry in waiting(home)}
            for summary in index.refresh():
                run_id, status = summary.info.id, summary.status
                # A run that was only prepared may wait for ever.
                lives = not (status.has_ended or status is RunStatus.QUEUED) or run_id in in_queue
                if run_id in wanted or run_id in watched or (lives and not wanted):
                    run = watched.setdefault(run_id, WatchedRun(RunDir(summary.path)))
                    run.look(summary)
            display.show(list(watched.values()))
            if all(run.has_ended for run in watched.values()):
                break
            time.sleep(interval_s)
    if not watched and not as_json:
        stream.write("No run is alive. `heimdall-console runs list` shows those that were.\n")


class _ChangeDisplay:
    """A line when the status or the epoch of a run has changed."""

    def __init__(self, stream: TextIO, *, as_json: bool) -> None:
        self._stream = stream
        self._as_json = as_json
        self._shown: dict[str, tuple[object, ...]] = {}

    def __enter__(self) -> None:
        pass

    def __exit__(self, *error: object) -> None:
        pass

    def show(self, runs: Sequence[WatchedRun]) -> None:
        """Print what has changed."""
        for run in runs:
            state = (run.status, run.epoch_text, tuple(run.progress.alerts))
            if self._shown.get(run.run.id) == state:
                continue
            self._shown[run.run.id] = state
            if self._as_json:
                self._stream.write(orjson.dumps(run.as_fields()).decode() + "\n")
            else:
                self._stream.write(_change_line(run) + "\n")
            self._stream.flush()


class _TableDisplay:
    """A table that redraws itself; its last state stays on the screen."""

    def __init__(self) -> None:
        from rich.console import Console
        from rich.live import Live

        self._console = Console(highlight=False)
        self._live = Live(console=self._console, auto_refresh=False, redirect_stdout=False)
        self._keyboard = QuietKeyboard()

    def __enter__(self) -> None:
        self._keyboard.quiet()
        self._live.start()

    def __exit__(self, *error: object) -> None:
        self._live.stop()
        self._keyboard.restore()

    def show(self, runs: Sequence[WatchedRun]) -> None:
        """Redraw."""
        from rich.text import Text

        if not runs:
            return
        # The size may have changed since the last time.
        terminal = Terminal.of(self._console.file)  # type: ignore[arg-type]  # a text stream
        lines = watch_lines(runs, terminal, self._console.height - 1)
        text = Text("\n", no_wrap=True, overflow="crop").join(
            Text.from_ansi(line) for line in lines
        )
        self._live.update(text, refresh=True)


def watch_lines(runs: Sequence[WatchedRun], terminal: Terminal, height: int) -> list[str]:
    """The table, living runs first, cut to what a terminal shows.

    Args:
        runs: What is watched.
        terminal: What can be shown.
        height: Lines.
    """
    ordered = sorted(runs, key=lambda run: run.run.id, reverse=True)
    ordered.sort(key=lambda run: run.has_ended)
    # On the narrowest terminals even an id may lose its end.
    columns = [Column("status"), Column("id", style="bold", shrinks=True)]
    if terminal.width >= _WIDTH_FOR_NAMES:
        columns.append(Column("name", shrinks=True))
    columns += [Column("epoch", right=True), Column("done", right=True), Column("left", right=True)]
    if terminal.width >= _WIDTH_FOR_BEST:
        columns.append(Column("best", shrinks=True))
    if terminal.width >= _WIDTH_FOR_DEVICES:
        columns += [Column("GPU", right=True), Column("publishing", shrinks=True)]
    rows = [_row(run, terminal) for run in ordered[: max(1, height - 2)]]
    lines = table_lines(columns, rows, terminal)
    hidden = len(ordered) - len(rows)
    return [*lines, f" and {hidden} more"] if hidden else lines


def _row(run: WatchedRun, terminal: Terminal) -> list[str]:
    progress = run.progress
    left = "" if run.has_ended or progress.remaining_s is None else duration(progress.remaining_s)
    share = task_share(progress) if progress.is_making_results else progress.share_done
    alert = "! " if progress.alerts and not run.has_ended else ""
    cells = [status_text(run.status, terminal), run.run.id]
    if terminal.width >= _WIDTH_FOR_NAMES:
        cells.append(plain(run.summary.info.name if run.summary else ""))
    cells += [run.epoch_text, "-" if share is None else f"{100 * share:.0f} %", left]
    if terminal.width >= _WIDTH_FOR_BEST:
        cells.append(f"{alert}{', '.join(map(plain, progress.alerts)) if alert else run.best_text}")
    if terminal.width >= _WIDTH_FOR_DEVICES:
        is_published = run.run.has_publisher
        lag = read_publishing(run.run).lag_text() if is_published else ""
        cells += [gpu_text(progress.hardware), lag]
    return cells


def _change_line(run: WatchedRun) -> str:
    alerts = "".join(f"  alert {plain(name)}" for name in run.progress.alerts)
    when = clock({"t": time.time()})
    return f"{when}  {run.run.id}  {run.status:<9}  epoch {run.epoch_text}  {run.best_text}{alerts}"
