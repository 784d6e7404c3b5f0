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
from heimdall_console.following.keyboard import QuietKeyboard
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
from heimdall_console.task_text import task_share, task_text
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
_OTHERS_BEFORE_CHART = 4


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
        self._keyboard = QuietKeyboard()
        self._keyboard.quiet()
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
        self._keyboard.restore()

    def render(self, progress: RunProgress) -> RenderableType:
        """The whole display, never taller than the terminal; the hint goes last."""
        hint = self._hint_lines(progress)
        # One row less than there are: the cursor stands below.
        rows = self._console.height - 1 - len(hint)
        main = [self._head(progress), *self._progress_lines(progress)]
        if rows < len(main) + 6:
            return Group(*main[: max(1, rows)], *hint)
        parts: list[RenderableType] = [Text(), main[0], Text(), *main[1:]]
        room = rows - len(parts) - 1
        names, others = self._metric_names(progress)
        names = names[: max(1, room - 2)]
        room -= len(names) + 2 if names else 0
        # Alerts go last, then the checkpoint.
        around = self._surroundings(progress)
        checkpoint = self._checkpoint_lines(progress)
        alerts = around.pop("alerts")[: max(0, room)]
        room -= len(alerts)
        checkpoint = checkpoint if len(checkpoint) <= room else []
        room -= len(checkpoint)
        facts = around["facts"][: max(0, room)]
        room -= len(facts)
        chart = self._chart(progress, room) if names else []
        room -= len(chart)
        if names:
            parts += self._metric_rows(progress, names, others, room)
        parts += [*checkpoint, *facts, *alerts, *chart, Text()]
        return Group(*parts, *hint)

    def _hint_lines(self, progress: RunProgress) -> list[RenderableType]:
        hint = self._note or self._hint
        if progress.status == "paused" and self._run is not None and not self._note:
            hint = f"to go on: heimdall-console runs resume {self._run.id}"
        pieces = textwrap.wrap(hint, max(10, self._console.width - 2))
        return [Text(f" {piece}", style="yellow" if self._note else "dim") for piece in pieces]

    def _surroundings(self, progress: RunProgress) -> dict[str, list[RenderableType]]:
        """Devices and publishing, and what is wrong: one line each where there is something."""
        room = self._console.width - _LABEL_WIDTH - 2
        paused = progress.status == "paused"
        facts = [
            ("hardware", hardware_text(progress.hardware, room, is_paused=paused)),
            ("publishing", self._lag()),
        ]
        alerts = [
            (f"alert {plain(name)}", plain(record.get("text", "")))
            for name, record in progress.alerts.items()
        ]

        def line(label: str, value: str, style: str) -> RenderableType:
            text = Text(f" {shortened(label, _LABEL_WIDTH - 1):<{_LABEL_WIDTH}}", style="dim")
            return text.append(shortened(value, room), style=style)

        return {
            "facts": [line(label, value, "default not dim") for label, value in facts if value],
            "alerts": [line(label, value, "yellow") for label, value in alerts],
        }

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
        epoch = f"epoch {progress.epoch_number}"
        if progress.epochs:
            epoch += f"/{progress.epochs}"
        is_over = progress.is_making_results
        share = task_share(progress) if is_over else progress.share_done
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
        if task := task_text(progress):
            facts.insert(0 if is_over else len(facts), task)
        text = shortened(" " + "   ".join(facts), width)
        return [row, Text(text, style="dim")]

    def _chart(self, progress: RunProgress, room: int) -> list[RenderableType]:
        """The curve of the error, or of the monitored metric, where there is room for it."""
        # With less, the other metrics tell more than a curve.
        if room < _CHART_ROWS + 2 + _OTHERS_BEFORE_CHART or self._console.encoding != "utf-8":
            return []
        name = next((n for n in (_FIRST[0], progress.monitor) if n in progress.history), "")
        points = progress.history.get(name, [])
        if len(points) < 2:
            return []
        columns = min(self._console.width - 2, 110)
        lines = curve_lines(
            points,
            columns,
            _CHART_ROWS,
            lambda value: metric(name, value),
        )
        return [Text(), Text(f" {plain(name)}", style="dim"), *(Text(line) for line in lines)]

    def _metric_rows(
        self, progress: RunProgress, names: list[str], others: list[str], room: int
    ) -> list[RenderableType]:
        """Values now and of the best validation; how many had no room is said."""
        head = f" {'':<{_LABEL_WIDTH}}{'now':>{_VALUE_WIDTH}}{'best':>{_VALUE_WIDTH}}"
        head += f"{'at epoch':>{_VALUE_WIDTH}}"
        rows: list[RenderableType] = [Text(), self._cut(Text(head, style="dim"))]
        shown = others if len(others) <= room else others[: max(0, room - 1)]
        for name in [*names, *shown]:
            line = Text(f" {shortened(plain(name), _LABEL_WIDTH):<{_LABEL_WIDTH}}")
            line.append(f"{metric(name, progress.latest[name]):>{_VALUE_WIDTH}}", style="bold")
            if name in progress.best:
                best = metric(name, progress.best[name])
                line.append(f"{best:>{_VALUE_WIDTH}}", style="green")
                if name == progress.monitor and progress.best_epoch is not None:
                    line.append(f"{progress.best_epoch + 1:>{_VALUE_WIDTH}}", style="dim")
            rows.append(self._cut(line))
        hidden = len(others) - len(shown)
        if hidden and room > 0:
            rows.append(Text(f" +{hidden} more", style="dim"))
        return rows

    def _cut(self, line: Text) -> Text:
        line.truncate(self._console.width, overflow="ellipsis")
        return line

    def _metric_names(self, progress: RunProgress) -> tuple[list[str], list[str]]:
        """What is always shown, and what else a validation measured."""
        known = progress.latest
        first = [progress.monitor, *_FIRST, "train/loss", "learning_rate"]
        names = [name for name in dict.fromkeys(first) if name in known]
        others = [n for n in known if n not in names and not n.startswith("test/")]
        return (names, others) if names else (others[:1], others[1:])

    def _checkpoint_lines(self, progress: RunProgress) -> list[RenderableType]:
        if progress.last_checkpoint is None:
            return []
        shown = progress.best_checkpoint or progress.last_checkpoint or {}
        name = os.path.basename(str(shown.get("path", ""))).removesuffix(".ckpt")
        line = Text(f" {'checkpoints':<{_LABEL_WIDTH}}", style="dim")
        line.append(f"{progress.checkpoints} kept", style="default not dim")
        rank = "best" if progress.best_checkpoint else "last"
        line.append(f"   {rank} {plain(name)}", style="default not dim")
        size_bytes = shown.get("size_bytes")
        if isinstance(size_bytes, int):
            line.append(f"   {size(size_bytes)}")
        return [Text(), self._cut(line)]
