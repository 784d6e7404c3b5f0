"""Showing a sweep: a block that redraws itself, a line for what happens, or JSON."""

import time
from collections.abc import Mapping
from typing import Any, Protocol, TextIO

from heimdall_console.following.events import clock
from heimdall_console.following.keyboard import QuietKeyboard
from heimdall_console.formatting import duration, metric, number, plain
from heimdall_console.layout import Column, table_lines
from heimdall_console.output import json_text
from heimdall_console.sweeping.outcome import Verdict
from heimdall_console.sweeping.progress import SweepView
from heimdall_console.sweeping.trial_run import TrialRun
from heimdall_console.terminal import Style, Terminal

_OUTCOMES: dict[str, tuple[str, Style]] = {
    "complete": ("✓", "good"),
    "pruned": ("■", "warning"),
    "failed": ("✗", "bad"),
}


class Display(Protocol):
    """Shows a sweep."""

    def begun(self, trial: TrialRun, *, is_adopted: bool) -> None:
        """A trial runs."""

    def ended(
        self, number: int, run_id: str, params: Mapping[str, Any], found: Verdict, view: SweepView
    ) -> None:
        """A trial has ended."""

    def tick(self, view: SweepView) -> None:
        """Some time has passed."""

    def note(self, text: str) -> None:
        """A line for the person."""

    def close(self) -> None:
        """Nothing more comes."""


def choose_display(stream: TextIO, *, as_json: bool) -> Display:
    """The display that a stream can show."""
    if as_json:
        return JsonDisplay(stream)
    terminal = Terminal.of(stream)
    return LiveDisplay(stream) if terminal.interactive else LineDisplay(stream)


class JsonDisplay:
    """One JSON object a line."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def begun(self, trial: TrialRun, *, is_adopted: bool) -> None:
        """A `trial` that is running."""
        more = {"adopted": True} if is_adopted else {}
        self._write("running", trial.number, trial.run.id, trial.params, more)

    def ended(
        self, number: int, run_id: str, params: Mapping[str, Any], found: Verdict, view: SweepView
    ) -> None:
        """A `trial` with what came of it."""
        more = {"value": found.value, "reason": found.reason, "remaining_s": view.remaining_s}
        self._write(found.outcome, number, run_id, params, more)

    def tick(self, view: SweepView) -> None:
        """Nothing: a machine wants to know of changes only."""

    def note(self, text: str) -> None:
        """A `message`."""
        self._line({"kind": "message", "t": time.time(), "text": text})

    def close(self) -> None:
        """Nothing is open."""

    def _write(
        self,
        state: str,
        number: int,
        run_id: str,
        params: Mapping[str, Any],
        more: Mapping[str, Any],
    ) -> None:
        told = {"kind": "trial", "t": time.time(), "number": number, "state": state}
        self._line({**told, "run_id": run_id, "params": dict(params), **more})

    def _line(self, told: Mapping[str, Any]) -> None:
        self._stream.write(json_text(told) + "\n")
        self._stream.flush()


class LineDisplay:
    """A line when a trial begins or ends."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._terminal = Terminal.of(stream)

    def begun(self, trial: TrialRun, *, is_adopted: bool) -> None:
        """Its run and its values."""
        what = "goes on in" if is_adopted else "begins as"
        params = params_text(trial.params)
        self.print(f"trial {trial.number} {what} {trial.run.id}  {params}")

    def ended(
        self, number: int, run_id: str, params: Mapping[str, Any], found: Verdict, view: SweepView
    ) -> None:
        """What came of it, and how far the sweep is."""
        left = view.remaining_s
        parts = [ended_text(number, found, view, self._terminal), progress_text(view)]
        parts += [f"about {duration(left)} left"] if left else []
        self.print("  ".join(parts))

    def tick(self, view: SweepView) -> None:
        """Nothing: lines are for what happens."""

    def note(self, text: str) -> None:
        """A line."""
        self.print(text)

    def close(self) -> None:
        """Nothing is open."""

    def print(self, text: str) -> None:
        """A line with the time before it."""
        self._stream.write(f"{clock({'t': time.time()})}  {text}\n")
        self._stream.flush()


class LiveDisplay:
    """What runs, redrawn; what has ended stays above it."""

    def __init__(self, stream: TextIO) -> None:
        from rich.console import Console
        from rich.live import Live

        self._console = Console(file=stream, highlight=False)
        self._live = Live(console=self._console, auto_refresh=False, redirect_stdout=False)
        self._keyboard = QuietKeyboard()
        self._keyboard.quiet()
        self._live.start()

    def begun(self, trial: TrialRun, *, is_adopted: bool) -> None:
        """Nothing: the next redrawing shows it."""

    def ended(
        self, number: int, run_id: str, params: Mapping[str, Any], found: Verdict, view: SweepView
    ) -> None:
        """A line above what runs."""
        text = ended_text(number, found, view, self._terminal())
        self.note(f"{text}  {params_text(params)}")

    def tick(self, view: SweepView) -> None:
        """Redraw."""
        from rich.text import Text

        lines = view_lines(view, self._terminal())
        shown = Text("\n", no_wrap=True, overflow="crop").join(
            Text.from_ansi(line) for line in lines[: max(1, self._console.height - 1)]
        )
        self._live.update(shown, refresh=True)

    def note(self, text: str) -> None:
        """A line above what runs."""
        from rich.text import Text

        self._console.print(Text.from_ansi(f" {text}"), soft_wrap=True)

    def close(self) -> None:
        """Leave the last state on the screen."""
        self._live.stop()
        self._keyboard.restore()

    def _terminal(self) -> Terminal:
        # The size may have changed since the last time.
        return Terminal.of(self._console.file)  # type: ignore[arg-type]  # a text stream


def params_text(params: Mapping[str, Any]) -> str:
    """The values of a trial in one line."""
    parts = []
    for key, value in params.items():
        told = number(value) if isinstance(value, float) else plain(value)
        parts.append(f"{plain(key)} {told}")
    return ", ".join(parts)


def ended_text(trial: int, found: Verdict, view: SweepView, terminal: Terminal) -> str:
    """What came of a trial."""
    glyph, style = _OUTCOMES[found.outcome]
    head = f"{glyph} {found.outcome}" if terminal.unicode else found.outcome
    text = f"trial {trial} {terminal.style(head, style)}"
    if found.value is not None:
        text += f"  {plain(view.monitor)} {metric(view.monitor, found.value)}"
    if view.best is not None and view.best.number == trial:
        text += ", the best so far"
    return f"{text}  {plain(found.reason)}" if found.reason else text


def progress_text(view: SweepView) -> str:
    """How many trials have ended, of how many."""
    return f"{view.ended} of {view.planned} trials"


def view_lines(view: SweepView, terminal: Terminal) -> list[str]:
    """The sweep in one line, and what runs as a table."""
    counts = [f"{view.counts[name]} {name}" for name in _OUTCOMES if view.counts[name]]
    parts = [terminal.style(plain(view.name), "bold"), progress_text(view), ", ".join(counts)]
    if view.best is not None:
        value = metric(view.monitor, view.best.value)
        parts.append(f"best {plain(view.monitor)} {value} (trial {view.best.number})")
    if view.remaining_s is not None:
        parts.append(f"about {duration(view.remaining_s)} left")
    columns = [
        Column("trial", right=True),
        Column("run", style="bold"),
        Column("status"),
        Column("epoch", right=True),
        Column("left", right=True, drops=2),
        Column("best", right=True),
        Column("values", shrinks=True, drops=1),
    ]
    rows = [_row(trial, view.monitor) for trial in view.running]
    head = " " + "   ".join(part for part in parts if part)
    return [head, *(table_lines(columns, rows, terminal) if rows else [])]


def _row(trial: TrialRun, monitor: str) -> list[str]:
    progress = trial.progress
    epoch = f"{progress.epoch_number}/{progress.epochs}" if progress.epochs else "-"
    left = "-" if progress.remaining_s is None else duration(progress.remaining_s)
    value = "-" if trial.value is None else metric(monitor, trial.value)
    status = "stopping" if trial.is_stopping else trial.status.value
    cells = [str(trial.number), trial.run.id, status, epoch, left, value]
    return [*cells, params_text(trial.params)]
