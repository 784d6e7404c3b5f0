"""A run as a display that redraws itself, on a terminal."""

import os
import textwrap
import time

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from heimdall_console.charts.curve import curve_lines
from heimdall_console.following.events import clock, notable_events
from heimdall_console.formatting import (
    count,
    duration,
    metric,
    number,
    plain,
    shortened,
    size,
)
from heimdall_console.hardware_text import hardware_text
from heimdall_console.publishing_state import read_publishing
from heimdall_console.run_progress import RunProgress
from heimdall_console.status_text import STATUS_STYLES
from heimdall_console.terminal import Style
from training_core.contract.run_dir import RunDir
from training_core.contract.run_log import Record

_STYLES: dict[Style, str] = {
    "plain": "",
    "bold": "bold",
    "dim": "dim",
    "accent": "cyan",
    "good": "green",
    "warning": "yellow",
    "bad": "red",
}
_WAITING = {"queued": "waiting for its turn", "paused": "paused"}
# In this order; other metrics of the validation follow while there is room.
_FIRST = ("val/median_m", "val/mean_m", "val/p90_m")
_LABEL_WIDTH = 24
_VALUE_WIDTH = 11
_EVENT_INDENT = 23
_CHART_ROWS = 9
_ROWS_FOR_CHART = 36


class LiveDisplay:
    """Progress, metrics and checkpoints below, messages scrolling above.

    Args:
        name: Of the run.
        dataset: What it trains on.
        console: Where to draw; standard output when None.
        run: Directory whose publishing is shown; None shows none.
        hint: What Ctrl+C does, where it does not stop the run.
    """

    def __init__(
        self,
        name: str,
        dataset: str,
        console: Console | None = None,
        *,
        run: RunDir | None = None,
        hint: str = "",
    ) -> None:
        self._name = name
        self._dataset = dataset
        self._console = console or Console(highlight=False)
        self._run = run
        self._hint = hint or "Ctrl+C stops with a checkpoint"
        self._note = ""
        self._live = Live(
            console=self._console, auto_refresh=False, transient=True, redirect_stdout=False
        )
        self._lag_text, self._lag_read_at = "", float("-inf")
        self._started = time.time()
        self._drawn_at = 0.0
        self._live.start()

    def show(self, records: list[Record], progress: RunProgress) -> None:
        """Print messages above, redraw when something changed, at most four times a second."""
        for record in records:
            for label, text, style in notable_events(record):
                if record["kind"] != "state":
                    self._print_above(record, label, text, style)
        now = time.monotonic()
        # Elapsed time and the time left move by themselves, once a second.
        if now - self._drawn_at >= (0.25 if records else 1.0):
            self._drawn_at = now
            self._live.update(self.render(progress), refresh=True)

    def note(self, text: str) -> None:
        """Keep a line below the progress."""
        self._note = text
        self._drawn_at = 0.0

    def close(self) -> None:
        """Take the display away; what was printed above stays."""
        self._live.stop()

    def render(self, progress: RunProgress) -> RenderableType:
        """The whole display."""
        parts: list[RenderableType] = [Text(), self._head(progress), Text()]
        parts += self._progress_lines(progress)
        metrics = self._metric_rows(progress)
        if metrics is not None:
            parts += [Text(), metrics]
        if progress.last_checkpoint is not None:
            parts += [Text(), self._checkpoint_line(progress)]
        parts += self._surroundings(progress)
        chart = self._chart(progress)
        if chart is not None:
            parts += [Text(), chart]
        hint = self._note or self._hint
        if progress.status == "paused" and self._run is not None and not self._note:
            hint = f"to go on: heimdall-console runs resume {self._run.id}"
        parts += [Text(), Text(f" {hint}", style="yellow" if self._note else "dim")]
        return Group(*parts)

    def _surroundings(self, progress: RunProgress) -> list[RenderableType]:
        """Devices, publishing and what is wrong, one line each where there is something to say."""
        rows: list[tuple[str, str, str]] = []
        hardware = hardware_text(progress.hardware, self._console.width - _LABEL_WIDTH - 2)
        if hardware:
            rows.append(("hardware", hardware, "default not dim"))
        lag = self._lag()
        if lag:
            rows.append(("publishing", lag, "default not dim"))
        rows += [
            (f"alert {plain(name)}", plain(record.get("text", "")), "yellow")
            for name, record in progress.alerts.items()
        ]
        lines: list[RenderableType] = []
        for label, value, style in rows:
            line = Text(f" {shortened(label, _LABEL_WIDTH - 1):<{_LABEL_WIDTH}}", style="dim")
            line.append(shortened(value, self._console.width - _LABEL_WIDTH - 2), style=style)
            lines.append(line)
        return lines

    def _lag(self) -> str:
        if self._run is None or not self._run.has_publisher:
            return ""
        if time.monotonic() - self._lag_read_at >= 1.0:
            self._lag_read_at = time.monotonic()
            self._lag_text = read_publishing(self._run).lag_text()
        return self._lag_text

    def _print_above(self, record: Record, label: str, text: str, style: Style) -> None:
        line = Text(f" {clock(record)}  ", style="dim")
        line.append(f"{label:<10}", style=_STYLES[style] or "default")
        room = self._console.width - _EVENT_INDENT - 1
        pieces = [p for part in text.splitlines() for p in textwrap.wrap(part, room) or [""]]
        indent = "\n" + " " * _EVENT_INDENT
        line.append(f"  {indent.join(pieces)}", style="default")
        self._console.print(line, markup=False, highlight=False, emoji=False)

    def _head(self, progress: RunProgress) -> Text:
        status = progress.status or "starting"
        width = self._console.width
        glyph, style = STATUS_STYLES.get(status, ("●", "accent"))
        state = f"{glyph} {plain(status)}"
        elapsed = duration(time.time() - (progress.started or self._started))
        right = f"{state}  {elapsed}"
        name = shortened(plain(self._name), max(10, width - len(right) - 4))
        line = Text(f" {name}", style="bold")
        room = width - len(right) - len(line) - 4
        if room >= 8:
            line.append(f"  {shortened(plain(self._dataset), room)}", style="dim")
        line.append(" " * max(2, width - len(line) - len(right) - 1))
        line.append(state, style=_STYLES["good" if status == "running" else style])
        line.append(f"  {elapsed}", style="dim")
        return line

    def _progress_lines(self, progress: RunProgress) -> list[RenderableType]:
        width = self._console.width
        if progress.epochs is None and progress.total_steps is None:
            loading = "loading libraries and data"
            what = progress.task[0] if progress.task else _WAITING.get(progress.status, loading)
            return [Text(f" {plain(what)} …", style="cyan")]
        epoch = f"epoch {min(progress.epoch + 1, progress.epochs or 10**9)}"
        if progress.epochs:
            epoch += f"/{progress.epochs}"
        share = progress.share_done
        label = "" if share is None else f"{100 * share:3.0f} %"
        bar_width = max(10, width - len(epoch) - len(label) - 6)
        bar = ProgressBar(
            total=1.0,
            completed=share or 0.0,
            width=bar_width,
            complete_style="cyan",
            finished_style="cyan",
        )
        row = Table.grid(padding=(0, 2, 0, 0))
        row.add_row(Text(f" {epoch}", style="bold"), bar, Text(label))
        facts = [f"step {count(progress.step)}"]
        if progress.total_steps:
            facts[0] += f" of {count(progress.total_steps)}"
        if progress.steps_per_s is not None:
            facts.append(f"{number(progress.steps_per_s, 3)} steps/s")
        if progress.remaining_s is not None and (share or 0) < 1:
            facts.append(f"about {duration(progress.remaining_s)} left")
        if progress.task is not None:
            facts.append(_task_text(progress.task))
        return [row, Text(" " + "   ".join(facts), style="dim")]

    def _chart(self, progress: RunProgress) -> RenderableType | None:
        """The curve of the error, or of the monitored metric, where there is room for it."""
        if self._console.height < _ROWS_FOR_CHART or self._console.encoding != "utf-8":
            return None
        name = next((n for n in (_FIRST[0], progress.monitor) if n in progress.history), "")
        points = progress.history.get(name, [])
        if len(points) < 2:
            return None
        columns = min(self._console.width - 2, 110)
        lines = curve_lines(
            points,
            columns,
            _CHART_ROWS,
            lambda value: metric(name, value),
            last_epoch=progress.epochs,
        )
        return Group(Text(f" {plain(name)}", style="dim"), *(Text(line) for line in lines))

    def _metric_rows(self, progress: RunProgress) -> RenderableType | None:
        if not progress.latest:
            return None
        head = f" {'':<{_LABEL_WIDTH}}{'now':>{_VALUE_WIDTH}}{'best':>{_VALUE_WIDTH}}"
        head += f"{'at epoch':>{_VALUE_WIDTH}}"
        rows = [Text(head, style="dim")]
        for name in self._metric_names(progress):
            line = Text(f" {shortened(plain(name), _LABEL_WIDTH):<{_LABEL_WIDTH}}")
            line.append(f"{metric(name, progress.latest[name]):>{_VALUE_WIDTH}}", style="bold")
            if name in progress.best:
                best = metric(name, progress.best[name])
                line.append(f"{best:>{_VALUE_WIDTH}}", style="green")
                if name == progress.monitor and progress.best_epoch is not None:
                    line.append(f"{progress.best_epoch + 1:>{_VALUE_WIDTH}}", style="dim")
            rows.append(line)
        return Group(*rows)

    def _metric_names(self, progress: RunProgress) -> list[str]:
        known = progress.latest
        first = [progress.monitor, *_FIRST, "train/loss", "learning_rate"]
        names = [name for name in dict.fromkeys(first) if name in known]
        # What else a validation measured, where the terminal is tall enough.
        chart = _CHART_ROWS + 2 if self._console.height >= _ROWS_FOR_CHART else 0
        room = self._console.height - 18 - chart - len(names)
        if len(names) <= 2:
            room = max(room, 4)
        others = [n for n in known if n not in names and not n.startswith("test/")]
        return names + others[: max(0, room)]

    def _checkpoint_line(self, progress: RunProgress) -> Text:
        shown = progress.best_checkpoint or progress.last_checkpoint or {}
        name = os.path.basename(str(shown.get("path", ""))).removesuffix(".ckpt")
        line = Text(f" {'checkpoints':<{_LABEL_WIDTH}}", style="dim")
        line.append(f"{progress.checkpoints} kept", style="default not dim")
        rank = "best" if progress.best_checkpoint else "last"
        line.append(f"   {rank} {plain(name)}", style="default not dim")
        size_bytes = shown.get("size_bytes")
        if isinstance(size_bytes, int):
            line.append(f"   {size(size_bytes)}")
        line.truncate(self._console.width, overflow="ellipsis")
        return line


def _task_text(task: tuple[str, int, int | None]) -> str:
    name, done, total = task
    return f"{plain(name)} {count(done)}/{count(total)}" if total else f"{plain(name)} …"
